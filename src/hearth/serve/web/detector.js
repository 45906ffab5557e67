// The dialog that asks the server whether a text bears its watermark.
import { ApiError, detectWatermark } from "./api.js";
import { byId } from "./dom.js";
import { problemText } from "./message.js";
import { words } from "./words.js";

export class DetectorDialog {
  constructor(settings) {
    this.settings = settings;
    this.dialog = byId("detector");
    this.text = byId("detector-text");
    this.verdict = byId("detector-verdict");
    this.asked = 0;
    this.dialog.querySelector("form").addEventListener("submit", (event) => {
      if (event.submitter?.id !== "detector-ask") return; // it closes
      event.preventDefault();
      this.ask();
    });
    this.dialog.addEventListener("click", ({ target }) => {
      if (target === this.dialog) this.dialog.close();
    });
  }

  open() {
    this.verdict.textContent = "";
    this.dialog.showModal();
    this.text.focus();
  }

  // The answer to the latest question counts.
  async ask() {
    const number = ++this.asked;
    this.verdict.textContent = "…";
    const said = await this.answer(this.text.value);
    if (number === this.asked) this.verdict.textContent = said;
  }

  async answer(text) {
    try {
      const found = await detectWatermark(text, this.settings.key);
      const facts = { p: found.p_value, n: found.tokens_scored, source: found.source_id };
      return words(found.watermarked ? "watermarked" : "notWatermarked", facts);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return problemText(error);
    }
  }
}
