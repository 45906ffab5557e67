// One answer while it is being written: reads the stream into the message, times it, and saves it
// now and then, so that a tab that is closed loses a second at most.
import { ApiError, streamChat } from "./api.js";
import { checkedLabel } from "./label.js";

const SAVE_EACH_MS = 1000;

export class Run {
  // Calls grown(run) for each piece, ended(run) once, save() to keep the conversation, and
  // ignored(names) where the server says that it left fields of the request out.
  constructor(conversation, answer, { grown, ended, save, ignored }) {
    Object.assign(this, { conversation, answer, grown, ended, save, ignored });
    this.controller = new AbortController();
    this.start = performance.now();
    this.firstAt = 0; // of any piece
    this.lastAt = 0;
    this.textAt = 0; // of the answer behind the thought
    this.savedAt = this.start;
    this.isSaved = true;
  }

  stop() {
    this.controller.abort();
  }

  get isThinking() {
    return this.answer.thought !== "" && this.textAt === 0;
  }

  get thoughtMs() {
    return this.isThinking ? performance.now() - this.firstAt : this.answer.thoughtMs;
  }

  async read(request, key) {
    const { answer } = this;
    try {
      for await (const piece of streamChat(request, key, this.controller.signal)) this.take(piece);
      answer.end ||= "stop";
    } catch (error) {
      this.fail(error);
    }
    if (this.firstAt > 0) {
      answer.firstMs = this.firstAt - this.start;
      answer.writeMs = this.lastAt - this.firstAt;
      if (answer.thought !== "" && this.textAt === 0) answer.thoughtMs = answer.writeMs;
    }
    this.conversation.updated = Date.now();
    this.ended(this);
    await this.save();
  }

  take(piece) {
    const { answer } = this;
    const now = performance.now();
    if (piece.label) answer.AIGC = checkedLabel(piece.label);
    if (piece.ignored) this.ignored(piece.ignored);
    if (piece.end) answer.end = piece.end === "length" ? "length" : "stop";
    if (piece.usage) {
      answer.tokens = piece.usage.completion_tokens ?? 0;
      answer.thoughtTokens = piece.usage.completion_tokens_details?.reasoning_tokens ?? 0;
      answer.cost = piece.usage.cost ?? 0; // where the server knows its prices
      answer.currency = piece.usage.currency ?? "";
    }
    if (!piece.thought && !piece.text) return;
    this.firstAt ||= now;
    this.lastAt = now;
    if (piece.thought) answer.thought += piece.thought;
    if (piece.text) {
      if (this.textAt === 0 && answer.thought !== "") answer.thoughtMs = now - this.firstAt;
      this.textAt ||= now;
      answer.text += piece.text;
    }
    this.isSaved = false;
    this.saveWhenDue();
    this.grown(this);
  }

  // Called at each piece and by the clock: what came before a pause is kept in the pause.
  saveWhenDue() {
    const now = performance.now();
    if (this.isSaved || now - this.savedAt < SAVE_EACH_MS) return;
    this.savedAt = now;
    this.isSaved = true;
    this.save();
  }

  fail(error) {
    const { answer } = this;
    if (error.name === "AbortError") {
      answer.end = "stopped";
      return;
    }
    answer.end = "error";
    const { kind = "other", status = 0, message, seconds = 0 } = error;
    answer.problem = { kind: error instanceof ApiError ? kind : "other", status, message, seconds };
  }
}
