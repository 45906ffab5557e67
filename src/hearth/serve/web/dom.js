// The only place that makes elements: from names and text, never from markup.

const SVG = "http://www.w3.org/2000/svg";

// element("a", {class: "x", href: url}, "text", child, [more]): an attribute that is false, null or
// undefined is left out, one that is true is empty; so are children that are null or undefined.
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const child of children.flat()) {
    if (child !== null && child !== undefined) made.append(child);
  }
  // After the children: dir="auto" looks at all of them, each time that one comes.
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    made.setAttribute(key, value === true ? "" : String(value));
  }
  return made;
}

// A symbol of index.html.
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

export function byId(id) {
  return document.getElementById(id);
}

// Makes the children of `parent`, from the given one on, what `wanted` are, and keeps every node that
// is so already: a selection, a focus and a scroll position inside a growing answer survive.
export function patchChildren(parent, wanted, from = 0) {
  const old = [...parent.childNodes].slice(from);
  wanted.forEach((node, i) => {
    if (i >= old.length) parent.append(node);
    else patch(old[i], node);
  });
  for (const extra of old.slice(wanted.length)) extra.remove();
}

function patch(old, node) {
  if (old.isEqualNode(node)) return;
  if (old.nodeType === Node.TEXT_NODE && node.nodeType === Node.TEXT_NODE) {
    if (node.data.startsWith(old.data)) old.appendData(node.data.slice(old.data.length));
    else old.data = node.data;
    return;
  }
  const same = old.nodeType === Node.ELEMENT_NODE && old.nodeName === node.nodeName &&
    !old.classList.contains("math") && old.cloneNode(false).isEqualNode(node.cloneNode(false));
  if (same) patchChildren(old, [...node.childNodes]);
  else old.replaceWith(node);
}
