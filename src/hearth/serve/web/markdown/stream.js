// Markdown that is still being written. All blocks but the last are settled: parsed and made once.
// The last is made again as it grows, and patched into what is shown.
import { patchChildren } from "../dom.js";
import { linesOf, parseBlocks } from "./blocks.js";
import { blockNodes } from "./render.js";

export class MarkdownStream {
  constructor(root) {
    this.root = root;
    this.text = ""; // from the first block that is not settled
    this.settled = 0; // nodes of settled blocks
    this.root.replaceChildren();
  }

  write(text) {
    this.text += text;
    if (text.includes("\n")) this.settle();
    this.show(parseBlocks(linesOf(this.text)));
  }

  // Whole lines only: half a line may still become something else.
  settle() {
    const blocks = parseBlocks(linesOf(this.text.slice(0, this.text.lastIndexOf("\n"))));
    // Mathematics that stays open was a paragraph's line after all.
    const open = blocks.at(-1)?.kind === "source" ? 2 : 1;
    if (blocks.length <= open) return;
    const done = blocks.slice(0, -open);
    const first = blocks[done.length].line;
    this.show(done);
    this.settled += done.length;
    this.text = this.text.split("\n").slice(first).join("\n");
  }

  show(blocks) {
    patchChildren(this.root, blockNodes(blocks), this.settled);
  }
}
