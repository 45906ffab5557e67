// The text of a block to a tree of spans: emphasis, code, links, mathematics, breaks. Linear in the
// text: every search ahead has a bound or is made once, and emphasis is matched on a stack.
// Unlike CommonMark, `**` beside punctuation opens and closes, or Chinese text could hardly be bold.

const DEPTH_MAX = 32; // of emphasis inside emphasis; deeper marks are dropped
const URL_MAX = 2048;
const MATH_MAX = 4096;
const SCHEMES = ["http:", "https:", "mailto:"];
const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0" };

const isSpace = (char) => char === undefined || /\s/.test(char);
const isWord = (char) => char !== undefined && /[\p{L}\p{N}_]/u.test(char);

// 37*48, a*b, 2**10: where a sum is far more likely than emphasis inside a word.
function isProduct(before = "", after = "", count = 1) {
  const sides = before + after;
  return count === 1 ? /^[\da-z)\]][\da-z(\[]$/i.test(sides) : /^[\d)][\d(]$/.test(sides);
}

// The address as it may be followed, or null: nothing but these schemes, and nothing relative.
export function safeUrl(text) {
  try {
    const url = new URL(text);
    return SCHEMES.includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

// Spans: {kind: "text" | "code", text}, {kind: "math", text, display}, {kind: "break"},
// {kind: "strong" | "em" | "del", spans}, {kind: "link" | "image", url, spans}.
export function parseInline(text) {
  return new Reader(text).spans();
}

class Reader {
  constructor(text) {
    this.text = text;
    this.at = 0;
    this.nodes = []; // spans and marks in order
    this.brackets = []; // open ones: {node, active}
    this.found = new Map(); // where a search ahead last ended
  }

  spans() {
    while (this.at < this.text.length) {
      const read = READERS[this.text[this.at]];
      if (!read || !read.call(this)) this.plain();
    }
    return nested(this.nodes);
  }

  push(kind, fields, length) {
    this.nodes.push({ kind, ...fields });
    this.at += length;
    return true;
  }

  say(text, length) {
    const last = this.nodes.at(-1);
    if (last?.kind === "text" && !last.isBracket) last.text += text;
    else this.nodes.push({ kind: "text", text });
    this.at += length;
    return true;
  }

  // Up to the next character that may mean something; at least one.
  plain() {
    MEANING.lastIndex = this.at + 1;
    const next = MEANING.exec(this.text);
    const end = next ? next.index : this.text.length;
    const from = this.text.slice(this.at, end);
    return this.say(from, from.length);
  }

  // Where `close` stands within `most` characters, or -1. The text is gone through once in all.
  find(close, from, most) {
    let found = this.found.get(close) ?? -1;
    if (found < from) {
      found = this.text.indexOf(close, from);
      if (found < 0) found = Infinity;
      this.found.set(close, found);
    }
    return found - from <= most ? found : -1;
  }

  backslash() {
    const next = this.text[this.at + 1];
    if (next === "(" || next === "[") {
      const close = next === "(" ? "\\)" : "\\]";
      const end = this.find(close, this.at + 2, MATH_MAX);
      if (end >= 0) return this.math(this.at + 2, end, 2, next === "[");
    }
    if (next === "\n") return this.push("break", {}, 2);
    return next !== undefined && /[!-/:-@[-`{-~]/.test(next) && this.say(next, 2);
  }

  math(from, to, mark, display) {
    return this.push("math", { text: this.text.slice(from, to).trim(), display },
      to + mark - this.at);
  }

  // $x$: no space inside the dollars and no digit after them, or it is about money.
  dollar() {
    const from = this.at + 1;
    if (this.text[from] === "$") {
      const end = this.find("$$", from + 1, MATH_MAX);
      return end > from + 1 ? this.math(from + 1, end, 2, true) : this.say("$$", 2);
    }
    if (isSpace(this.text[from])) return false;
    const end = this.find("$", from, MATH_MAX);
    if (end < 0 || isSpace(this.text[end - 1]) || /\d/.test(this.text[end + 1] ?? "")) return false;
    return this.text[end - 1] !== "\\" && this.math(from, end, 1, false);
  }

  backtick() {
    let length = 1;
    while (this.text[this.at + length] === "`") ++length;
    const mark = "`".repeat(length);
    const from = this.at + length;
    if (this.found.get(mark) !== Infinity) {
      for (let end = this.text.indexOf(mark, from); end >= 0;) {
        let close = end + length;
        while (this.text[close] === "`") ++close;
        if (close - end === length) {
          let code = this.text.slice(from, end).replaceAll("\n", " ");
          const padded = code.startsWith(" ") && code.endsWith(" ") && !/^ *$/.test(code);
          if (padded) code = code.slice(1, -1);
          return this.push("code", { text: code }, close - this.at);
        }
        end = this.text.indexOf(mark, close);
      }
      this.found.set(mark, Infinity);
    }
    return this.say(mark, length);
  }

  mark() {
    const char = this.text[this.at];
    let count = 1;
    while (this.text[this.at + count] === char) ++count;
    const before = this.text[this.at - 1];
    const after = this.text[this.at + count];
    if (char === "*" && isProduct(before, after, count)) return this.say(char.repeat(count), count);
    const canOpen = !isSpace(after) && !(char === "_" && isWord(before));
    const canClose = !isSpace(before) && !(char === "_" && isWord(after));
    if (!canOpen && !canClose) return this.say(char.repeat(count), count);
    return this.push("mark", { char, count, left: count, canOpen, canClose, opens: [], closes: [] },
      count);
  }

  bracket() {
    const isImage = this.text[this.at] === "!";
    if (isImage && this.text[this.at + 1] !== "[") return false;
    const mark = isImage ? "![" : "[";
    this.brackets.push({ node: this.nodes.length, isImage, active: true });
    return this.push("text", { text: mark, isBracket: true }, mark.length);
  }

  endBracket() {
    const open = this.brackets.pop();
    if (!open?.active) return false;
    const target = targetAt(this.text, this.at + 1);
    if (!target) return false;
    const inner = this.nodes.splice(open.node).slice(1);
    if (!open.isImage) for (const other of this.brackets) other.active = false;
    const url = safeUrl(target.url);
    const spans = nested(inner);
    const length = target.end - this.at;
    if (open.isImage) return this.push("image", { url, spans }, length);
    if (url !== null) return this.push("link", { url, spans }, length);
    for (const span of spans) this.nodes.push(span); // its words, without a link
    return this.say(` (${target.url})`, length);
  }

  // <https://...>, <br>; all other tags are text.
  angle() {
    const rest = this.text.slice(this.at, this.at + URL_MAX);
    const line = /^<br *\/?>/i.exec(rest);
    if (line) return this.push("break", {}, line[0].length);
    const auto = /^<((?:https?:\/\/|mailto:)[^\s<>]+)>/i.exec(rest);
    const url = auto && safeUrl(auto[1]);
    return url ? this.link(auto[1].replace(/^mailto:/i, ""), url, auto[0].length) : false;
  }

  link(text, url, length) {
    return this.push("link", { url, spans: [{ kind: "text", text }] }, length);
  }

  // An address in the open. It ends before what a sentence puts behind it.
  bareUrl() {
    if (isWord(this.text[this.at - 1])) return false;
    const rest = this.text.slice(this.at, this.at + URL_MAX);
    let url = /^https?:\/\/[!#-;=?-Z\]\[^_a-z{}~|]+/.exec(rest)?.[0];
    if (!url) return false;
    const count = (char) => url.split(char).length - 1;
    while (/[.,;:!?'*_~|\]]$/.test(url) || (url.endsWith(")") && count(")") > count("("))) {
      url = url.slice(0, -1);
    }
    const safe = safeUrl(url);
    return safe ? this.link(url, safe, url.length) : false;
  }

  entity() {
    const found = /^&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,6}));/i.exec(
      this.text.slice(this.at, this.at + 12));
    if (!found) return false;
    const [whole, decimal, hex, name] = found;
    const point = name ? 0 : parseInt(decimal ?? hex, decimal ? 10 : 16);
    const char = name ? ENTITIES[name.toLowerCase()] : codePoint(point);
    return char !== undefined && this.say(char, whole.length);
  }

  lineEnd() {
    const last = this.nodes.at(-1);
    if (last?.kind === "text") last.text = last.text.trimEnd();
    return this.push("break", {}, 1);
  }
}

const READERS = {
  "\\": Reader.prototype.backslash, "$": Reader.prototype.dollar, "`": Reader.prototype.backtick,
  "*": Reader.prototype.mark, "_": Reader.prototype.mark, "~": Reader.prototype.mark,
  "[": Reader.prototype.bracket, "!": Reader.prototype.bracket,
  "]": Reader.prototype.endBracket, "<": Reader.prototype.angle, "&": Reader.prototype.entity,
  "\n": Reader.prototype.lineEnd, "h": Reader.prototype.bareUrl,
};
const MEANING = /[\\$`*_~[\]!<&\n]|h(?=ttps?:\/\/)/g;

function codePoint(point) {
  const good = point > 31 && point <= 0x10ffff && !(point >= 0xd800 && point <= 0xdfff);
  return good ? String.fromCodePoint(point) : "\ufffd";
}

// (address "title") after a bracket, or null. The title is not shown.
function targetAt(text, at) {
  if (text[at] !== "(") return null;
  const rest = text.slice(at + 1, at + URL_MAX);
  const angled = /^\s*<([^<>\n]*)>/.exec(rest);
  let url = "";
  let end = 0;
  if (angled) {
    url = angled[1];
    end = angled[0].length;
  } else {
    end = rest.length - rest.trimStart().length;
    const from = end;
    for (let depth = 0; end < rest.length && !/\s/.test(rest[end]); ++end) {
      if (rest[end] === "(") ++depth;
      if (rest[end] === ")" && --depth < 0) break;
    }
    url = rest.slice(from, end);
  }
  const close = /^\s*(?:\s(?:"[^"]*"|'[^']*')\s*)?\)/.exec(rest.slice(end));
  return close && { url, end: at + 1 + end + close[0].length };
}

// --- Emphasis ------------------------------------------------------------------------------------

// The nodes with marks made into spans inside spans.
function nested(nodes) {
  match(nodes.filter((node) => node.kind === "mark"));
  const root = { spans: [] };
  const path = [root];
  const add = (span) => path.at(-1).spans.push(span);
  let dropped = 0; // openings deeper than we follow
  for (const node of nodes) {
    if (node.kind !== "mark") {
      add(node);
      continue;
    }
    node.closes.forEach(() => (dropped > 0 ? --dropped : path.pop()));
    if (node.left > 0) add({ kind: "text", text: node.char.repeat(node.left) });
    for (const kind of node.opens.toReversed()) {
      if (path.length > DEPTH_MAX) {
        ++dropped;
        continue;
      }
      const span = { kind, spans: [] };
      add(span);
      path.push(span);
    }
  }
  return root.spans;
}

// CommonMark's matching of marks: each closer takes the nearest opener that may be its own.
function match(marks) {
  const stack = [];
  const bottoms = new Map(); // below this the stack holds no opener for such a closer
  for (const closer of marks) {
    while (closer.canClose && closer.left > 0) {
      const key = `${closer.char}${closer.canOpen}${closer.count % 3}`;
      const bottom = Math.min(bottoms.get(key) ?? 0, stack.length);
      let at = stack.length - 1;
      while (at >= bottom && !fits(stack[at], closer)) --at;
      if (at < bottom) {
        bottoms.set(key, stack.length);
        break;
      }
      const opener = stack[at];
      const used = Math.min(opener.left, closer.left) >= 2 ? 2 : 1;
      const kind = closer.char === "~" ? "del" : used === 2 ? "strong" : "em";
      opener.opens.push(kind);
      closer.closes.push(kind);
      opener.left -= used;
      closer.left -= used;
      stack.length = opener.left > 0 ? at + 1 : at;
      for (const [name, value] of bottoms) bottoms.set(name, Math.min(value, stack.length));
    }
    if (closer.canOpen && closer.left > 0) stack.push(closer);
  }
}

function fits(opener, closer) {
  if (opener.char !== closer.char) return false;
  if (opener.char === "~") return opener.left >= 2 && closer.left >= 2;
  const both = opener.canClose || closer.canOpen;
  const sum = opener.count + closer.count;
  return !(both && sum % 3 === 0 && (opener.count % 3 !== 0 || closer.count % 3 !== 0));
}
