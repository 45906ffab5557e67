// Conversations to files and back: all of it as JSON, what is shown as Markdown. What comes in is
// hostile: every field is checked and copied, none is taken over.
import { addMessage, newAnswer, newConversation, newId, path, titleOf } from "./conversation.js";
import { checkedLabel, labelLine, labelOfLine } from "./label.js";

const FORMAT = "hearth-conversations";
const FILE_MAX = 64 << 20;
const MESSAGES_MAX = 100_000;
const NUMBERS = ["thoughtMs", "firstMs", "writeMs", "tokens", "thoughtTokens", "cost"];
const ENDS = ["stop", "length", "stopped", "error"];

export function toJson(conversations) {
  return JSON.stringify({ format: FORMAT, version: 1, conversations }, null, 1);
}

// Conversations of a file's text; throws an Error whose message is a key of words.js.
export function fromText(text) {
  if (text.length > FILE_MAX) throw new Error("tooLarge");
  const start = text.trimStart();
  const found = start.startsWith("{") ? fromJson(text) : fromMarkdown(text);
  if (found.length === 0) throw new Error("notOurs");
  return found;
}

function fromJson(text) {
  let data;
  try {
    data = JSON.parse(text);
  } catch {
    throw new Error("notOurs");
  }
  if (data?.format !== FORMAT || !Array.isArray(data.conversations)) throw new Error("notOurs");
  return data.conversations.map(checkedConversation);
}

const text = (value) => (typeof value === "string" ? value : "");
const number = (value) => (Number.isFinite(value) && value >= 0 ? value : 0);

// New names throughout: an import never writes over what is there, and no name can be a trick.
function checkedConversation(given) {
  const messages = given?.messages && typeof given.messages === "object" ? given.messages : {};
  const list = Object.values(messages).slice(0, MESSAGES_MAX)
    .filter((m) => m && ["user", "assistant"].includes(m.role) && typeof m.id === "string");
  const made = newConversation(titleOf(text(given?.title)));
  made.created = number(given?.created) || made.created;
  made.updated = number(given?.updated) || made.updated;
  const names = new Map([["", ""]]);
  for (const message of list) names.set(message.id, newId());
  for (const message of list) {
    const parent = names.get(message.parent);
    if (parent === undefined) continue;
    const copy = {
      id: names.get(message.id), parent, role: message.role, text: text(message.text),
      created: number(message.created),
    };
    if (copy.role === "assistant") copyAnswer(copy, message);
    made.messages[copy.id] = copy;
  }
  for (const [parent, child] of Object.entries(given?.chosen ?? {})) {
    const known = made.messages[names.get(child)];
    if (known && known.parent === names.get(parent)) made.chosen[known.parent] = known.id;
  }
  return made;
}

function copyAnswer(copy, message) {
  Object.assign(copy, newAnswer(text(message.model)), { thought: text(message.thought) });
  for (const name of NUMBERS) copy[name] = number(message[name]);
  copy.currency = text(message.currency).slice(0, 8);
  const label = checkedLabel(message.AIGC);
  if (label) copy.AIGC = label;
  copy.end = ENDS.includes(message.end) ? message.end : "stopped";
}

// --- Markdown: a heading, then each message under a comment that readers of Markdown don't show ---

const MARK = /^<!-- hearth: (user|assistant|thought) -->$/;

export function toMarkdown(conversation) {
  // A line that looks like a mark is no mark: it gets one more dash, and loses it when it comes back.
  const guarded = (body) => body.replace(/^<!--(-*) hearth: /gm, "<!--$1- hearth: ");
  const parts = [`# ${conversation.title}`];
  for (const message of path(conversation)) {
    if (message.thought) parts.push("<!-- hearth: thought -->", guarded(message.thought));
    parts.push(`<!-- hearth: ${message.role} -->`);
    if (message.AIGC) parts.push(labelLine(message.AIGC));
    parts.push(guarded(message.text));
  }
  return parts.join("\n\n") + "\n";
}

function fromMarkdown(body) {
  const made = newConversation();
  let parent = "";
  let thought = "";
  let part = { role: "title", lines: [] };
  const finish = () => {
    const words = part.lines.join("\n").replace(/^<!--(-*)- hearth: /gm, "<!--$1 hearth: ").trim();
    if (part.role === "title") {
      made.title = titleOf(words.replace(/^#+ */, ""));
    } else if (part.role === "thought") {
      thought = words;
    } else {
      const answer = part.role === "assistant" ? { ...newAnswer(""), thought, end: "stop" } : {};
      if (part.label && part.role === "assistant") answer.AIGC = part.label;
      parent = addMessage(made, parent, { ...answer, role: part.role, text: words }).id;
      thought = "";
    }
  };
  for (const line of body.replaceAll("\r\n", "\n").split("\n")) {
    const mark = MARK.exec(line);
    const label = labelOfLine(line);
    if (label) {
      part.label = label;
    } else if (mark) {
      finish();
      part = { role: mark[1], lines: [] };
    } else {
      part.lines.push(line);
    }
  }
  finish();
  return parent === "" ? [] : [made];
}

// --- Files ---------------------------------------------------------------------------------------

export function download(name, type, body) {
  const url = URL.createObjectURL(new Blob([body], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export function fileName(title, ending) {
  const plain = title.replace(/[^\p{L}\p{N} _-]/gu, "").trim().slice(0, 60);
  return `${plain || "hearth"}.${ending}`;
}

export async function readFile(file) {
  if (file.size > FILE_MAX) throw new Error("tooLarge");
  return fromText(await file.text());
}
