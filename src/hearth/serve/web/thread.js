// The conversation that is shown: its messages from the top to the chosen end, kept scrolled to the
// end while one grows, unless the reader has scrolled away.
import { path, siblings } from "./conversation.js";
import { byId } from "./dom.js";
import { AnswerView, QuestionView } from "./message.js";

const NEAR_END_PX = 48;

export class Thread {
  constructor() {
    this.root = byId("thread");
    this.scroller = byId("scroller");
    this.views = new Map(); // by message id
    this.follows = true; // the end is in view, and is to stay so
    this.waiting = false; // for the next frame
    this.scroller.addEventListener("scroll", () => this.scrolled());
    byId("to-end").addEventListener("click", () => this.toEnd());
  }

  // `runOf(message)` is the run that writes it, or null.
  show(conversation, runOf) {
    Object.assign(this, { conversation, runOf });
    const messages = conversation ? path(conversation) : [];
    this.views.clear();
    for (const message of messages) {
      const all = siblings(conversation, message);
      const place = { at: all.indexOf(message), all: all.length };
      const view = message.role === "user"
        ? new QuestionView(message, place) : new AnswerView(message, place);
      view.update(runOf(message));
      this.views.set(message.id, view);
    }
    this.root.replaceChildren(...[...this.views.values()].map((view) => view.root));
    byId("welcome").hidden = messages.length > 0;
    this.toEnd();
  }

  // A piece came: once a frame is often enough.
  grow() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.refresh();
    });
  }

  refresh() {
    for (const view of this.views.values()) {
      const run = this.runOf(view.message);
      if (run) view.update(run);
    }
    if (this.follows) this.toEnd();
  }

  // The last look at an answer that has ended.
  finish(message) {
    this.views.get(message.id)?.update();
    if (this.follows) this.toEnd();
  }

  // The words of an answer as they are shown, without marks.
  textOf(message) {
    return this.views.get(message.id)?.body.textContent ?? "";
  }

  toEnd() {
    this.follows = true;
    this.scroller.scrollTop = this.scroller.scrollHeight;
    byId("to-end").hidden = true;
  }

  scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    this.follows = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
    byId("to-end").hidden = this.follows;
  }
}
