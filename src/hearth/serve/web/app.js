// The page's front door: what the user does becomes a change of a conversation, a run, or a view.
import { ApiError, modelNames } from "./api.js";
import { Archive } from "./archive.js";
import {
  addMessage, history, newAnswer, newConversation, path, siblings, titleOf,
} from "./conversation.js";
import { DetectorDialog } from "./detector.js";
import { byId, element, icon } from "./dom.js";
import { announce, problemText } from "./message.js";
import { Run } from "./run.js";
import { Settings, SettingsDialog } from "./settings.js";
import { Sidebar } from "./sidebar.js";
import { Thread } from "./thread.js";
import { download, fileName, readFile, toJson, toMarkdown } from "./transfer.js";
import { words } from "./words.js";

const TICK_MS = 250; // between looks at a run that says nothing

const settings = new Settings();
const archive = new Archive({ changed: changedElsewhere, failed: (key) => notice(words(key), { warns: true }) });
const thread = new Thread();
const runs = new Map(); // by conversation id
let current = null; // the conversation that is shown; null: a new one, which is not kept yet

const sidebar = new Sidebar(archive, {
  open: (id) => open(archive.get(id)),
  rename: (conversation, title) => {
    conversation.title = title;
    archive.save(conversation);
    showTitle();
  },
  remove,
});
sidebar.running = (id) => runs.has(id);
const dialog = new SettingsDialog(settings, {
  changed: (name) => {
    settings.apply();
    if (name === "language") showAll();
  },
  closed: () => loadModels(),
});

const detector = new DetectorDialog(settings);
byId("open-detector").addEventListener("click", () => {
  byId("files").hidePopover();
  detector.open();
});

// --- What is shown -------------------------------------------------------------------------------

const runOf = (message) => {
  const run = runs.get(current?.id);
  return run?.answer === message ? run : null;
};

function showAll() {
  thread.show(current, runOf);
  sidebar.current = current?.id ?? "";
  sidebar.show();
  showTitle();
  showRunning();
}

function showTitle() {
  byId("title").textContent = current?.title || words("untitled");
  document.title = current?.title ? `${current.title} · Hearth` : "Hearth";
}

function showRunning() {
  const isRunning = runs.has(current?.id);
  byId("stop").hidden = !isRunning;
  byId("send").hidden = isRunning;
  byId("thread").setAttribute("aria-busy", String(isRunning));
}

function open(conversation) {
  current = conversation ?? null;
  notice("");
  showAll();
  sidebar.slide(false);
  rememberPlace();
  byId("message").focus();
}

// In the address, so that a reload and the back button find it.
function rememberPlace() {
  const place = current ? `#${current.id}` : "";
  if (location.hash !== place) globalThis.history.pushState(null, "", place || "./");
}

function openPlace() {
  const found = archive.get(location.hash.slice(1)) ?? null;
  if (found !== current) open(found);
}

function changedElsewhere(id) {
  if (runs.has(id)) return; // ours is the newer one
  if (current?.id === id) {
    current = archive.get(id) ?? null;
    showAll();
  } else {
    sidebar.show();
  }
}

// A line above the conversation, with something to do about it; "" clears it.
function notice(text, { warns = false, label = "", act = null } = {}) {
  const line = byId("notice");
  line.replaceChildren();
  line.classList.toggle("warns", warns);
  if (text === "") return;
  const close = element("button",
    { type: "button", class: "icon-button", "aria-label": words("close") }, icon("close"));
  close.addEventListener("click", () => notice(""));
  line.append(element("span", {}, text));
  if (act) {
    const button = element("button", { type: "button", class: "plain" }, label);
    button.addEventListener("click", () => {
      notice("");
      act();
    });
    line.append(button);
  }
  line.append(close);
}

// --- Questions and answers -----------------------------------------------------------------------

function send(text) {
  const isNew = current === null;
  current ??= newConversation(titleOf(text));
  const parent = isNew ? "" : path(current).at(-1)?.id ?? "";
  const question = addMessage(current, parent, { role: "user", text });
  answer(question.id);
  if (isNew) rememberPlace();
}

// Writes an answer under the message `parent`, beside those that are there.
function answer(parent) {
  const conversation = current;
  if (runs.has(conversation.id)) return;
  notice("");
  const model = settings.values.model;
  const message = addMessage(conversation, parent, { ...newAnswer(model), role: "assistant" });
  const run = new Run(conversation, message, {
    grown: () => conversation === current && thread.grow(),
    ended,
    save: () => archive.get(conversation.id) && archive.save(conversation),
    ignored: (names) => notice(words("ignored", { names })),
  });
  runs.set(conversation.id, run);
  archive.save(conversation);
  showAll();
  announce(words("thinking"));
  const request = {
    ...(model ? { model } : {}), ...settings.sampling(),
    messages: history(conversation, parent, settings.values.system),
  };
  run.read(request, settings.key);
}

function ended({ conversation, answer: message }) {
  runs.delete(conversation.id);
  sidebar.show();
  if (conversation !== current) return;
  thread.finish(message);
  showRunning();
  if (message.problem) announce(problemText(message.problem));
  else if (message.end === "stopped") announce(words("stoppedNow"));
  else announce(`${words("done")} ${thread.textOf(message)}`);
}

byId("thread").addEventListener("click", async ({ target }) => {
  const button = target.closest("button");
  if (!button) return;
  if (button.classList.contains("copy-code")) {
    return copy(button.closest("figure").querySelector("code").textContent, button);
  }
  const message = current?.messages[button.closest("[data-id]").dataset.id];
  const act = ACTIONS[button.dataset.action];
  if (message && act) act(message, button);
});

const ACTIONS = {
  copy: (message, button) => copy(message.text, button),
  key: () => dialog.open("key"),
  regenerate: (message) => answer(message.parent),
  earlier: (message) => choose(message, -1),
  later: (message) => choose(message, 1),
  edit: (message) => thread.views.get(message.id).edit((text) => {
    if (runs.has(current.id)) return;
    answer(addMessage(current, message.parent, { role: "user", text }).id);
  }),
};

function choose(message, step) {
  const all = siblings(current, message);
  const other = all[all.indexOf(message) + step];
  current.chosen[message.parent] = other.id;
  archive.save(current);
  showAll();
  const buttons = thread.views.get(other.id).root.querySelectorAll(".branch button:enabled");
  (step < 0 ? buttons[0] : [...buttons].at(-1)).focus();
}

async function copy(text, button) {
  await navigator.clipboard.writeText(text).catch(() => copyOldWay(text));
  const drawn = button.firstElementChild;
  const done = icon("check");
  drawn.replaceWith(done);
  announce(words("copied"));
  setTimeout(() => done.replaceWith(drawn), 1500);
}

// The clipboard is closed to pages that came over plain HTTP from another machine.
function copyOldWay(text) {
  const box = element("textarea", { class: "unseen" });
  box.value = text;
  document.body.append(box);
  box.select();
  document.execCommand("copy");
  box.remove();
}

// --- The message box -----------------------------------------------------------------------------

const box = byId("message");

function fitBox() {
  box.style.height = "auto";
  box.style.height = `${box.scrollHeight}px`;
}

byId("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = box.value.trim();
  if (text === "" || runs.has(current?.id)) return;
  box.value = "";
  fitBox();
  send(text);
});
box.addEventListener("input", fitBox);
box.addEventListener("keydown", (event) => {
  // While Chinese is being composed, Enter takes a candidate.
  if (event.key !== "Enter" || event.isComposing || event.shiftKey) return;
  if (!settings.values.enter && !event.ctrlKey && !event.metaKey) return;
  event.preventDefault();
  byId("composer").requestSubmit();
});
byId("stop").addEventListener("click", () => runs.get(current?.id)?.stop());
addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || document.querySelector("dialog[open], :popover-open")) return;
  if (document.body.classList.contains("drawer")) sidebar.slide(false);
  else runs.get(current?.id)?.stop();
});

// --- Conversations -------------------------------------------------------------------------------

byId("new-chat").addEventListener("click", () => open(null));

async function remove(conversation) {
  runs.get(conversation.id)?.stop();
  await archive.remove(conversation.id);
  if (conversation === current) open(null);
  else sidebar.show();
  const title = conversation.title || words("untitled");
  notice(words("removed", { title }), {
    label: words("undo"),
    act: async () => {
      await archive.save(conversation);
      open(conversation);
    },
  });
}

function exportAs(ending, type, body, title) {
  byId("files").hidePopover();
  download(fileName(title, ending), type, body);
}

byId("export-markdown").addEventListener("click", () =>
  exportAs("md", "text/markdown", toMarkdown(current), current.title));
byId("export-json").addEventListener("click", () =>
  exportAs("json", "application/json", toJson([current]), current.title));
byId("export-all").addEventListener("click", () =>
  exportAs("json", "application/json", toJson(archive.list()), "hearth"));
byId("files").addEventListener("toggle", () => {
  byId("export-markdown").disabled = byId("export-json").disabled = current === null;
  byId("export-all").disabled = archive.list().length === 0;
});
byId("import").addEventListener("click", () => byId("import-files").click());
byId("import-files").addEventListener("change", async ({ target }) => {
  byId("files").hidePopover();
  let last = null;
  let number = 0;
  let failed = "";
  for (const file of target.files) {
    try {
      for (const conversation of await readFile(file)) {
        await archive.save(conversation);
        last ??= conversation;
        ++number;
      }
    } catch (error) {
      failed = words("importFailed", { file: file.name, why: words(error.message) });
    }
  }
  target.value = "";
  if (last) open(last);
  notice(failed || words("imported", { n: number }), { warns: failed !== "" });
});

// --- Models and settings -------------------------------------------------------------------------

byId("open-settings").addEventListener("click", () => dialog.open());
byId("model").addEventListener("change", ({ target }) => settings.set("model", target.value));

async function loadModels() {
  let models;
  try {
    models = await modelNames(settings.key);
  } catch (error) { // which models there are isn't known: the one that was chosen may be
    byId("model").hidden = true;
    const problem = error instanceof ApiError ? error : { kind: "other", message: error.message };
    const isKey = problem.status === 401;
    notice(problemText(problem), {
      warns: true, label: words(isKey ? "enterKey" : "retry"),
      act: isKey ? () => dialog.open("key") : loadModels,
    });
    return;
  }
  if (!models.includes(settings.values.model)) settings.values.model = models[0] ?? "";
  byId("model").replaceChildren(...models.map((name) =>
    element("option", { value: name, selected: name === settings.values.model }, name)));
  byId("model").hidden = models.length === 0;
}

// --- Start ---------------------------------------------------------------------------------------

settings.apply();
await archive.load();
current = archive.get(location.hash.slice(1)) ?? null;
showAll();
box.focus();
addEventListener("popstate", openPlace);
addEventListener("pagehide", () => runs.forEach((run) => run.save()));
setInterval(() => {
  if (runs.size > 0) thread.grow();
  runs.forEach((run) => run.saveWhenDue());
}, TICK_MS);
await loadModels();
