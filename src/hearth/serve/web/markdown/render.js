// Blocks and spans to nodes. The names of elements and attributes are those written here; everything
// that a model said becomes text, or an address that safeUrl let pass.
import { element, icon } from "../dom.js";
import { words } from "../words.js";
import { linesOf, parseBlocks } from "./blocks.js";
import { colored } from "./colors.js";
import { parseInline } from "./inline.js";
import { mathNode } from "./math.js";

export function renderMarkdown(text) {
  const made = document.createDocumentFragment();
  for (const node of blockNodes(parseBlocks(linesOf(text)))) made.append(node);
  return made;
}

export function blockNodes(blocks) {
  return blocks.map((block) => BLOCKS[block.kind](block));
}

const BLOCKS = {
  paragraph: ({ text }) => element("p", { dir: "auto" }, spanNodes(parseInline(text))),
  // The page's own headings come first in its outline.
  heading: ({ level, text }) => element(`h${Math.min(level + 2, 6)}`,
    { class: `level-${level}`, dir: "auto" }, spanNodes(parseInline(text))),
  rule: () => element("hr"),
  quote: ({ blocks }) => element("blockquote", {}, blockNodes(blocks)),
  code: codeNode,
  math: ({ text }) => mathNode(text, true),
  source: ({ text }) => element("pre", { class: "source" }, text), // mathematics still being written
  list: listNode,
  table: tableNode,
};

function codeNode({ language, text }) {
  const pieces = colored(text, language).map(({ text: piece, kind }) =>
    kind === "" ? piece : element("span", { class: `code-${kind}` }, piece));
  const copy = element("button", { type: "button", class: "quiet copy-code" }, icon("copy"),
    element("span", {}, words("copy")));
  return element("figure", { class: "code" },
    element("figcaption", {}, element("span", {}, language || words("code")), copy),
    element("pre", { tabindex: "0", translate: "no" }, element("code", {}, pieces)));
}

function listNode({ ordered, start, loose, items }) {
  const name = ordered ? "ol" : "ul";
  return element(name, { start: ordered && start !== 1 ? start : null }, items.map(itemNode));

  function itemNode({ done, blocks }) {
    const nodes = blocks.flatMap((block) => !loose && block.kind === "paragraph"
      ? spanNodes(parseInline(block.text)) : blockNodes([block]));
    if (done === null) return element("li", {}, nodes);
    const box = element("input", { type: "checkbox", disabled: true, checked: done });
    return element("li", { class: "task" }, box, " ", nodes);
  }
}

function tableNode({ head, align, rows }) {
  const row = (name, cells) => element("tr", {}, cells.map((cell, column) =>
    element(name, { class: align[column] ? `to-${align[column]}` : null, dir: "auto" },
      spanNodes(parseInline(cell)))));
  // A wide table scrolls by itself; with a tab stop, also by keys.
  return element("div", { class: "wide", tabindex: "0" }, element("table", {},
    element("thead", {}, row("th", head)),
    element("tbody", {}, rows.map((cells) => row("td", cells)))));
}

function spanNodes(spans) {
  return spans.map((span) => SPANS[span.kind](span));
}

const SPANS = {
  text: ({ text }) => document.createTextNode(text),
  code: ({ text }) => element("code", { translate: "no" }, text),
  math: ({ text, display }) => mathNode(text, display),
  break: () => element("br"),
  strong: ({ spans }) => element("strong", {}, spanNodes(spans)),
  em: ({ spans }) => element("em", {}, spanNodes(spans)),
  del: ({ spans }) => element("del", {}, spanNodes(spans)),
  link: ({ url, spans }) => element("a",
    { href: url, target: "_blank", rel: "noopener noreferrer nofollow" }, spanNodes(spans)),
  // An image would tell its server who reads what, and when: it stays an address to follow.
  image: ({ url, spans }) => element(url ? "a" : "span",
    { class: "picture", href: url, target: url && "_blank", rel: url && "noopener noreferrer nofollow" },
    icon("picture"), spans.length > 0 ? spanNodes(spans) : words("picture")),
};
