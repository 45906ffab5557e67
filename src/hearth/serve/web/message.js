// One message on the page: a question, or an answer with its folded thought, its figures and what can
// be done with it. It is made once and updated as its answer grows.
import { byId, element, icon } from "./dom.js";
import { MarkdownStream } from "./markdown/stream.js";
import { count, duration, price, words } from "./words.js";

function action(name, key, label = key) {
  return element("button",
    { type: "button", class: "quiet", "data-action": name, "aria-label": words(label),
      title: words(label) }, icon(key));
}

export function problemText({ kind, status, message, seconds }) {
  const again = seconds > 0 ? " " + words("again", { n: seconds }) : "";
  if (kind === "network") return words("needNetwork");
  if (kind === "cut") return words("needCut");
  if (status === 401) return words("need401");
  if (status === 403) return words("need403", { why: message });
  if (status === 404) return words("need404", { why: message });
  if (status === 429) return words("need429") + again;
  if (status === 503) return words("need503") + again;
  return words("needOther", { status: status || "?", why: message });
}

// Which of the versions this is, with a way to the others.
function versions(at, all) {
  if (all < 2) return null;
  const branch = element("span", { class: "branch" }, action("earlier", "left", "earlier"),
    element("span", {}, words("branch", { n: at + 1, all })), action("later", "right", "later"));
  branch.firstChild.disabled = at === 0;
  branch.lastChild.disabled = at === all - 1;
  return branch;
}

export class QuestionView {
  constructor(message, { at, all }) {
    this.message = message;
    this.text = element("div", { class: "text", dir: "auto" }, message.text);
    this.root = element("article", { class: "message question", "data-id": message.id },
      element("h2", { class: "unseen" }, words("you")), this.text,
      element("footer", {}, versions(at, all), action("copy", "copy"), action("edit", "pencil", "edit")));
  }

  update() {}

  // The text becomes a box; `send` gets what it holds.
  edit(send) {
    const box = element("textarea", { rows: "3", "aria-label": words("edit") });
    box.value = this.message.text;
    const form = element("form", { class: "editor" }, box, element("div", {},
      element("button", { type: "button", class: "plain" }, words("cancel")),
      element("button", { type: "submit", class: "strong" }, words("save"))));
    const done = () => {
      form.replaceWith(this.text);
      this.root.classList.remove("editing");
      this.root.querySelector("[data-action=edit]").focus();
    };
    form.querySelector(".plain").addEventListener("click", done);
    box.addEventListener("keydown", (event) => {
      if (event.key === "Escape") {
        event.stopPropagation();
        done();
      }
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (box.value.trim() !== "") send(box.value.trim());
    });
    this.text.replaceWith(form);
    this.root.classList.add("editing");
    box.focus();
  }
}

export class AnswerView {
  constructor(message, { at, all }) {
    this.message = message;
    this.shown = 0; // characters of the text and of the thought that are on the page
    this.shownThought = 0;
    this.summary = element("summary");
    this.thoughtBody = element("div", { class: "prose" });
    this.thought = element("details", { class: "thought", hidden: true }, this.summary,
      this.thoughtBody);
    this.body = element("div", { class: "prose" });
    this.waiting = element("p", { class: "waiting", hidden: true }, words("waiting"));
    this.problem = element("div", { class: "problem", role: "alert", hidden: true });
    this.label = element("p", { class: "label", hidden: true }, words("generated"));
    this.figures = element("span", { class: "figures" });
    this.actions = element("footer", {}, versions(at, all), action("copy", "copy"),
      action("regenerate", "again", "regenerate"), this.figures);
    this.root = element("article", { class: "message answer", "data-id": message.id },
      element("h2", { class: "unseen" }, words("assistant")), this.thought, this.waiting, this.body,
      this.label, this.problem, this.actions);
    this.stream = new MarkdownStream(this.body);
    this.thoughtStream = new MarkdownStream(this.thoughtBody);
    this.thought.addEventListener("toggle", () => this.showThought());
  }

  // `run` while the answer is being written.
  update(run = null) {
    const { message } = this;
    this.waiting.hidden = !run || message.thought !== "" || message.text !== "";
    this.showThought(run);
    if (message.text.length > this.shown) {
      this.stream.write(message.text.slice(this.shown));
      this.shown = message.text.length;
    }
    this.root.classList.toggle("writing", run !== null);
    this.actions.hidden = run !== null;
    this.showProblem();
    this.label.hidden = !message.AIGC || message.text === "";
    this.figures.textContent = figuresOf(message);
  }

  // What is folded away is not made.
  showThought(run = null) {
    const { message, thought } = this;
    thought.hidden = message.thought === "";
    if (thought.hidden) return;
    thought.classList.toggle("thinking", run?.isThinking ?? false);
    this.summary.textContent = thoughtLine(message, run);
    if (thought.open && message.thought.length > this.shownThought) {
      this.thoughtStream.write(message.thought.slice(this.shownThought));
      this.shownThought = message.thought.length;
    }
  }

  showProblem() {
    const { problem } = this.message;
    if (!problem || !this.problem.hidden) return;
    this.problem.hidden = false;
    this.problem.append(element("p", {}, problemText(problem)), element("div", {},
      problem.status === 401
        ? element("button", { type: "button", class: "plain", "data-action": "key" },
          words("enterKey")) : null,
      element("button", { type: "button", class: "plain", "data-action": "regenerate" },
        words("retry"))));
  }
}

function thoughtLine(message, run) {
  if (run?.isThinking) return words("thinkingFor", { time: duration(run.thoughtMs) });
  if (message.thoughtMs === 0) return words("thoughtUntimed"); // it came from a file
  const time = duration(message.thoughtMs);
  if (message.thoughtTokens === 0) return words("thought", { time });
  return words("thoughtTokens", { time, n: count(message.thoughtTokens) });
}

function figuresOf({ model, tokens, writeMs, firstMs, cost, currency, end }) {
  const parts = [];
  if (tokens > 0) parts.push(words("tokens", { n: count(tokens) }));
  if (tokens > 1 && writeMs > 0) {
    const speed = ((tokens - 1) * 1000) / writeMs;
    parts.push(words("speed", { n: count(speed < 10 ? Number(speed.toFixed(1)) : Math.round(speed)) }));
  }
  if (firstMs > 0) parts.push(words("firstToken", { time: duration(firstMs) }));
  if (cost > 0) parts.push(price(cost, currency));
  if (end === "stopped" || end === "") parts.push(words("stopped"));
  if (end === "length") parts.push(words("cut"));
  if (model) parts.push(model);
  return parts.join(" · ");
}

// Says it to those who listen instead of looking.
export function announce(text) {
  byId("status").textContent = text;
}
