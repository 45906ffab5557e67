// Markdown to a tree of blocks: CommonMark's common part, tables, task items, display mathematics.
// HTML is text. A block's extent never depends on what follows the next block's first line, so that
// a stream may settle all blocks but its last (stream.js).

const DEPTH_MAX = 16; // of quotes and lists inside each other; deeper ones are text
const COLUMNS_MAX = 64;
const MATH_LINES_MAX = 200;

const isBlank = (line) => line.trim() === "";
const indentOf = (line) => line.length - line.trimStart().length;
const outdent = (line, width) => line.slice(Math.min(indentOf(line), width));

// Tabs before the text count as four columns. A line end at the end begins no further line.
export function linesOf(text) {
  const whole = text.endsWith("\n") ? text.slice(0, -1) : text;
  return whole.split("\n").map((line) => {
    const indent = indentOf(line);
    return line.slice(0, indent).replaceAll("\t", "    ") + line.slice(indent).replace(/\r$/, "");
  });
}

// Each block has `kind` and `line`, where it begins.
export function parseBlocks(lines, depth = 0) {
  const blocks = [];
  let at = 0;
  while (at < lines.length) {
    if (isBlank(lines[at])) {
      ++at;
      continue;
    }
    const found = blockAt(lines, at, depth) ?? readParagraph(lines, at, depth);
    blocks.push({ ...found.block, line: at });
    at = found.end;
  }
  return blocks;
}

// The block that begins here, unless that is a paragraph.
function blockAt(lines, at, depth) {
  return readFence(lines, at) ?? readMath(lines, at) ?? readHeading(lines, at) ??
    readRule(lines, at) ?? (depth < DEPTH_MAX ? readQuote(lines, at, depth) : null) ??
    (depth < DEPTH_MAX ? readList(lines, at, depth) : null) ?? readTable(lines, at);
}

// Whether this line ends the paragraph before it. Cheap: nothing is read to its end.
function interrupts(lines, at, depth) {
  const line = lines[at];
  if (fenceOf(line) || headingOf(line) || isRule(line) || isTableStart(lines, at)) return true;
  if (mathEnd(lines, at) !== null) return true;
  if (depth >= DEPTH_MAX) return false;
  if (isQuote(line)) return true;
  const marker = markerOf(line);
  return marker !== null && marker.rest !== "" && (!marker.ordered || marker.number === 1);
}

function readParagraph(lines, at, depth) {
  let end = at + 1;
  while (end < lines.length && !isBlank(lines[end]) && !interrupts(lines, end, depth)) ++end;
  const text = lines.slice(at, end).map((line) => line.trimStart()).join("\n");
  return { block: { kind: "paragraph", text: text.trimEnd() }, end };
}

// --- Code ----------------------------------------------------------------------------------------

function fenceOf(line) {
  const text = line.trimStart();
  const mark = text[0];
  if (mark !== "`" && mark !== "~") return null;
  let length = 1;
  while (text[length] === mark) ++length;
  const info = text.slice(length);
  if (length < 3 || (mark === "`" && info.includes("`"))) return null;
  return { mark, length, info: info.trim(), indent: indentOf(line) };
}

function readFence(lines, at) {
  const fence = fenceOf(lines[at]);
  if (!fence) return null;
  let end = at + 1;
  const closes = (line) => {
    const other = fenceOf(line);
    return other && other.mark === fence.mark && other.length >= fence.length && other.info === "";
  };
  while (end < lines.length && !closes(lines[end])) ++end;
  const text = lines.slice(at + 1, end).map((line) => outdent(line, fence.indent)).join("\n");
  const language = fence.info.split(/\s/, 1)[0].toLowerCase();
  return { block: { kind: "code", language, text }, end: Math.min(end + 1, lines.length) };
}

// --- Mathematics: $$ ... $$ or \[ ... \], without empty lines ------------------------------------

// The line where the mathematics that begins here ends; lines.length while it is open at the end of
// the text; null where there is none.
function mathEnd(lines, at) {
  const first = lines[at].trim();
  const close = first.startsWith("$$") ? "$$" : first.startsWith("\\[") ? "\\]" : "";
  if (close === "") return null;
  for (let end = at; end < at + MATH_LINES_MAX; ++end) {
    if (end === lines.length) return end;
    if (isBlank(lines[end])) return null;
    const found = lines[end].indexOf(close, end === at ? indentOf(lines[at]) + 2 : 0);
    if (found >= 0) return lines[end].slice(found + 2).trim() === "" ? end : null;
  }
  return null;
}

function readMath(lines, at) {
  const end = mathEnd(lines, at);
  if (end === null) return null;
  const source = lines.slice(at, end + 1).join("\n").trim();
  if (end === lines.length) return { block: { kind: "source", text: source }, end };
  return { block: { kind: "math", text: source.slice(2, -2).trim() }, end: end + 1 };
}

// --- Headings and rules --------------------------------------------------------------------------

function headingOf(line) {
  const text = line.trim();
  let level = 0;
  while (text[level] === "#") ++level;
  if (level < 1 || level > 6 || (level < text.length && !/\s/.test(text[level]))) return null;
  let end = text.length;
  while (end > level && text[end - 1] === "#") --end;
  if (end > level && !/\s/.test(text[end - 1])) end = text.length; // "C#" keeps its sharp
  return { level, text: text.slice(level, end).trim() };
}

function readHeading(lines, at) {
  const heading = headingOf(lines[at]);
  return heading && { block: { kind: "heading", ...heading }, end: at + 1 };
}

function isRule(line) {
  const text = line.replaceAll(" ", "");
  if (text.length < 3 || !"-*_".includes(text[0])) return false;
  return text === text[0].repeat(text.length);
}

function readRule(lines, at) {
  return isRule(lines[at]) ? { block: { kind: "rule" }, end: at + 1 } : null;
}

// --- Quotes --------------------------------------------------------------------------------------

const isQuote = (line) => line.trimStart().startsWith(">");

function readQuote(lines, at, depth) {
  if (!isQuote(lines[at])) return null;
  let end = at;
  const inner = [];
  while (end < lines.length && isQuote(lines[end])) {
    inner.push(lines[end++].trimStart().slice(1).replace(/^ /, ""));
  }
  return { block: { kind: "quote", blocks: parseBlocks(inner, depth + 1) }, end };
}

// --- Lists ---------------------------------------------------------------------------------------

function markerOf(line) {
  const found = /^( *)([-*+]|\d{1,9}[.)])(?: |$)/.exec(line);
  if (!found || isRule(line)) return null;
  const [whole, spaces, mark] = found;
  const rest = line.slice(whole.length);
  const gap = Math.min(indentOf(rest), 4);
  const ordered = mark.length > 1;
  return {
    indent: spaces.length,
    content: whole.length + (gap < 4 ? gap : 0), // where the item's text begins
    kind: mark.at(-1), // items of one list share it
    ordered,
    number: ordered ? Number(mark.slice(0, -1)) : 0,
    rest: rest.trim(),
  };
}

function readList(lines, at, depth) {
  const first = markerOf(lines[at]);
  if (!first) return null;
  const items = [];
  let loose = false;
  let end = at;
  while (end < lines.length) {
    let next = end;
    while (next < lines.length && isBlank(lines[next])) ++next;
    const marker = next < lines.length ? markerOf(lines[next]) : null;
    const isSibling = marker && marker.kind === first.kind && marker.indent < first.indent + 2;
    if (!isSibling) break;
    if (next > end) loose = true;
    const item = readItem(lines, next, marker, depth);
    items.push(item);
    if (item.blocks.filter((block) => block.kind === "paragraph").length > 1) loose = true;
    end = item.end;
  }
  const { ordered, number } = first;
  return { block: { kind: "list", ordered, start: number, loose, items }, end };
}

// The lines of an item: what stands deeper than its marker, and a paragraph's careless lines.
function readItem(lines, at, marker, depth) {
  const inner = [lines[at].slice(marker.content)];
  let end = at + 1;
  let seen = end; // after the last line that is not blank
  while (end < lines.length) {
    const line = lines[end];
    if (!isBlank(line)) {
      const goesOn = end === seen && !markerOf(line) && !interrupts(lines, end, depth);
      if (indentOf(line) <= marker.indent && !goesOn) break;
      if (indentOf(line) < marker.indent + 2 && markerOf(line)) break; // a sibling
      seen = end + 1;
    }
    inner.push(outdent(line, marker.content));
    ++end;
  }
  inner.length = seen - at;
  let done = null;
  const box = /^\[([ xX])\] /.exec(inner[0]);
  if (box) {
    done = box[1] !== " ";
    inner[0] = inner[0].slice(4);
  }
  return { done, blocks: parseBlocks(inner, depth + 1), end: seen };
}

// --- Tables --------------------------------------------------------------------------------------

function cellsOf(line) {
  let text = line.trim();
  if (text.startsWith("|")) text = text.slice(1);
  if (text.endsWith("|") && !text.endsWith("\\|")) text = text.slice(0, -1);
  const cells = [""];
  for (let i = 0; i < text.length; ++i) {
    if (text[i] === "|") {
      cells.push("");
    } else if (text[i] === "\\" && text[i + 1] === "|") {
      cells[cells.length - 1] += text[++i];
    } else {
      cells[cells.length - 1] += text[i];
    }
  }
  return cells.map((cell) => cell.trim());
}

function isTableStart(lines, at) {
  if (at + 1 >= lines.length || !lines[at].includes("|") || !lines[at + 1].includes("-")) {
    return false;
  }
  if (!/^[ |:-]+$/.test(lines[at + 1])) return false;
  const under = cellsOf(lines[at + 1]);
  if (under.length > COLUMNS_MAX || !under.every((cell) => /^:?-+:?$/.test(cell))) return false;
  return cellsOf(lines[at]).length === under.length;
}

function readTable(lines, at) {
  if (!isTableStart(lines, at)) return null;
  const head = cellsOf(lines[at]);
  const align = cellsOf(lines[at + 1]).map((cell) => {
    const left = cell.startsWith(":");
    const right = cell.endsWith(":");
    return left && right ? "center" : right ? "right" : left ? "left" : "";
  });
  const rows = [];
  let end = at + 2;
  while (end < lines.length && lines[end].includes("|") && !isBlank(lines[end])) {
    const cells = cellsOf(lines[end++]);
    rows.push(head.map((_, column) => cells[column] ?? ""));
  }
  return { block: { kind: "table", head, align, rows }, end };
}
