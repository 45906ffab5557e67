// The list of conversations: search, rename in place, delete with a way back. On a narrow screen it
// is a drawer over the page.
import { matches, titleOf } from "./conversation.js";
import { byId, element, icon } from "./dom.js";
import { words } from "./words.js";

export class Sidebar {
  // `actions`: open(id), rename(conversation, title), remove(conversation).
  constructor(archive, actions) {
    Object.assign(this, { archive, actions });
    this.list = byId("list");
    this.search = byId("search");
    this.current = "";
    this.running = () => false;
    this.search.addEventListener("input", () => this.show());
    this.list.addEventListener("click", (event) => this.click(event));
    byId("open-sidebar").addEventListener("click", () => this.slide(true));
    byId("close-sidebar").addEventListener("click", () => this.slide(false));
    byId("scrim").addEventListener("click", () => this.slide(false));
    this.narrow = matchMedia("(max-width: 760px)");
    this.narrow.addEventListener("change", () => this.slide(false));
    this.slide(false);
  }

  // Out of sight it is out of the order of focus, too; over the page, the page is.
  slide(open) {
    const covers = open && this.narrow.matches;
    document.body.classList.toggle("drawer", covers);
    byId("sidebar").inert = this.narrow.matches && !open;
    document.querySelector("main").inert = covers;
    byId("open-sidebar").setAttribute("aria-expanded", String(covers));
    if (covers) byId("close-sidebar").focus();
    else if (this.isOpen) byId("open-sidebar").focus();
    this.isOpen = covers;
  }

  show() {
    const all = this.archive.list();
    const found = all.filter((conversation) => matches(conversation, this.search.value));
    this.list.replaceChildren(...found.map((conversation) => this.item(conversation)));
    const empty = byId("list-empty");
    empty.hidden = found.length > 0;
    empty.textContent = words(all.length > 0 ? "nothingFound" : "noConversations");
  }

  item({ id, title }) {
    const name = title || words("untitled");
    const tool = (kind, key, drawn) => element("button",
      { type: "button", class: "quiet", "data-tool": kind, title: words(key),
        "aria-label": `${words(key)}: ${name}` }, icon(drawn));
    return element("li", { "data-id": id, class: this.running(id) ? "running" : null },
      element("button",
        { type: "button", class: "entry", "aria-current": id === this.current ? "page" : null,
          dir: "auto" }, name),
      tool("rename", "rename", "pencil"), tool("remove", "remove", "bin"));
  }

  click({ target }) {
    const button = target.closest("button");
    const item = target.closest("li");
    if (!button || !item) return;
    const conversation = this.archive.get(item.dataset.id);
    if (button.dataset.tool === "remove") this.actions.remove(conversation);
    else if (button.dataset.tool === "rename") this.rename(item, conversation);
    else this.actions.open(conversation.id);
  }

  rename(item, conversation) {
    const box = element("input", { type: "text", "aria-label": words("title"), maxlength: "200" });
    box.value = conversation.title;
    item.replaceChildren(box);
    box.focus();
    box.select();
    let done = false;
    const finish = (keep) => {
      if (done) return;
      done = true;
      const title = titleOf(box.value);
      if (keep && title !== "") this.actions.rename(conversation, title);
      this.show();
      this.list.querySelector(`[data-id="${conversation.id}"] .entry`)?.focus();
    };
    box.addEventListener("blur", () => finish(true));
    box.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      if (event.key === "Enter") finish(true);
      if (event.key === "Escape") {
        event.stopPropagation();
        finish(false);
      }
    });
  }
}
