// A conversation is a tree of messages: an edited question and an answer asked for again are siblings
// of the first ones. Plain data (it is stored and exported as it is); these functions are its rules.

// {id, title, created, updated, messages: {id: Message}, chosen: {parent id: child id}}
// Message: {id, parent ("" at the top), role, text, created}, and of an answer also {thought, model,
// thoughtMs, firstMs, writeMs, tokens, thoughtTokens, cost, currency, end}: `end` is "" while it is written, else
// "stop", "length", "stopped" or "error".

export function newConversation(title = "") {
  const now = Date.now();
  return { id: newId(), title, created: now, updated: now, messages: {}, chosen: {} };
}

export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// The new message is what is shown of its siblings.
export function addMessage(conversation, parent, fields) {
  const message = { id: newId(), parent, text: "", created: Date.now(), ...fields };
  conversation.messages[message.id] = message;
  conversation.chosen[parent] = message.id;
  conversation.updated = message.created;
  return message;
}

export function newAnswer(model) {
  return {
    role: "assistant", model, thought: "", thoughtMs: 0, firstMs: 0, writeMs: 0, tokens: 0,
    thoughtTokens: 0, cost: 0, currency: "", end: "",
  };
}

// Siblings in the order in which they were made, this one included.
export function siblings(conversation, message) {
  return Object.values(conversation.messages).filter((other) => other.parent === message.parent)
    .sort((a, b) => a.created - b.created || (a.id < b.id ? -1 : 1));
}

// What is shown: from the top, at each fork the chosen child.
export function path(conversation) {
  const shown = [];
  const seen = new Set();
  let id = conversation.chosen[""];
  while (id && conversation.messages[id] && !seen.has(id)) {
    seen.add(id);
    shown.push(conversation.messages[id]);
    id = conversation.chosen[id];
  }
  return shown;
}

// The messages of a request that asks for what follows `parent`. Earlier thoughts are left out, as
// the model's own template would.
export function history(conversation, parent, system) {
  const messages = [];
  for (let id = parent; id; id = conversation.messages[id].parent) {
    const { role, text } = conversation.messages[id];
    messages.unshift({ role, content: text });
  }
  if (system.trim() !== "") messages.unshift({ role: "system", content: system });
  return messages;
}

const TITLE_MAX = 60;

export function titleOf(text) {
  const line = text.trim().split("\n", 1)[0].trim();
  const characters = [...line];
  if (characters.length <= TITLE_MAX) return line;
  return characters.slice(0, TITLE_MAX - 1).join("").trimEnd() + "…";
}

export function matches(conversation, query) {
  const wanted = query.trim().toLowerCase();
  if (wanted === "") return true;
  return conversation.title.toLowerCase().includes(wanted) ||
    Object.values(conversation.messages).some(({ text }) => text.toLowerCase().includes(wanted));
}
