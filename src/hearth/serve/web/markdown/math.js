// TeX to nodes by KaTeX (a global: its script is Debian's). What KaTeX can't read is shown as it is.
import { element } from "../dom.js";

const SOURCE_MAX = 4096;
const CACHE_MAX = 300;
const OPTIONS = {
  throwOnError: true, trust: false, strict: "ignore", maxSize: 20, maxExpand: 300,
};
const cache = new Map(); // a growing answer shows the same formula many times

export function mathNode(source, display) {
  const key = (display ? "D" : "I") + source;
  let node = cache.get(key);
  if (!node) {
    node = made(source, display);
    if (cache.size >= CACHE_MAX) cache.delete(cache.keys().next().value);
    cache.set(key, node);
  }
  return node.cloneNode(true);
}

function made(source, display) {
  const name = display ? "div" : "span";
  if (source.length <= SOURCE_MAX && globalThis.katex) {
    try {
      const tree = katex.__renderToDomTree(source, { ...OPTIONS, displayMode: display });
      dropStyleText(tree);
      return element(name, { class: "math", "data-tex": source }, tree.toNode());
    } catch {
      // shown as text, below
    }
  }
  return element(name, { class: "math unread" }, source);
}

// \pmb and \fcolorbox put a style attribute into the MathML, which the page's policy forbids; all
// else KaTeX sets through the object model.
function dropStyleText(tree) {
  const left = [tree];
  while (left.length > 0) {
    const node = left.pop();
    if (node.attributes) delete node.attributes.style;
    if (node.children) left.push(...node.children);
  }
}
