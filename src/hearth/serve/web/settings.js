// What the user chose, in localStorage, and the dialog that asks. The API key is apart: it lives in
// sessionStorage, until the tab is closed.
import { byId } from "./dom.js";
import { speak } from "./words.js";

const NAME = "hearth-settings";
const KEY = "hearth-key";
const NUMBERS = ["temperature", "top_p", "top_k", "min_p", "max_tokens", "thinking_budget",
  "seed"];
const DEFAULTS = {
  temperature: "", top_p: "", top_k: "", min_p: "", max_tokens: "", thinking_budget: "",
  seed: "", system: "", theme: "", language: "", enter: true, model: "",
};

// A browser may refuse storage, even to be asked about it: then choices last as long as the page.
function stored(storage, name) {
  try {
    return globalThis[storage].getItem(name);
  } catch {
    return null;
  }
}

function keep(storage, name, value) {
  try {
    globalThis[storage].setItem(name, value);
  } catch {
    // not kept
  }
}

export class Settings {
  constructor() {
    this.values = { ...DEFAULTS };
    this.key = stored("sessionStorage", KEY) ?? "";
    try {
      const found = JSON.parse(stored("localStorage", NAME) ?? "{}");
      for (const name of Object.keys(DEFAULTS)) {
        if (typeof found[name] === typeof DEFAULTS[name]) this.values[name] = found[name];
      }
    } catch {
      // a broken entry counts for nothing
    }
  }

  set(name, value) {
    if (name === "key") {
      this.key = value.trim();
      keep("sessionStorage", KEY, this.key);
      return;
    }
    this.values[name] = value;
    keep("localStorage", NAME, JSON.stringify(this.values));
  }

  apply() {
    const { theme, language } = this.values;
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    speak(language);
  }

  // Fields of a request; what is empty is the model's to say.
  sampling() {
    const given = NUMBERS.filter((name) => this.values[name] !== "");
    return Object.fromEntries(given.map((name) => [name, Number(this.values[name])]));
  }
}

// The dialog. `changed(name)` is called after each change, `closed` when it is done.
export class SettingsDialog {
  constructor(settings, { changed, closed }) {
    this.settings = settings;
    this.dialog = byId("settings");
    this.form = this.dialog.querySelector("form");
    this.form.addEventListener("change", ({ target }) => {
      if (!target.validity.valid) return target.reportValidity();
      settings.set(target.name, target.type === "checkbox" ? target.checked : target.value);
      changed(target.name);
    });
    this.dialog.addEventListener("close", closed);
    // A click on what lies behind closes it.
    this.dialog.addEventListener("click", ({ target }) => {
      if (target === this.dialog) this.dialog.close();
    });
  }

  open(field = "") {
    for (const input of this.form.elements) {
      if (!input.name) continue;
      const value = input.name === "key" ? this.settings.key : this.settings.values[input.name];
      if (input.type === "checkbox") input.checked = value;
      else input.value = value;
    }
    this.dialog.showModal();
    if (field) this.form.elements[field].focus();
  }
}
