// The label of an answer: the metadata object AIGC of GB 45438-2025, as the server sends it with what
// it labels. It stays with the message, in the store and in exported files.
const MEMBERS = ["Label", "ContentProducer", "ProduceID", "ReservedCode1", "ContentPropagator",
  "PropagateID", "ReservedCode2"];
const LENGTH_MAX = 256;

// A copy of what is known of a label; null: it is none.
export function checkedLabel(given) {
  if (typeof given?.Label !== "string") return null;
  return Object.fromEntries(MEMBERS.map((name) => [
    name, typeof given[name] === "string" ? given[name].slice(0, LENGTH_MAX) : "",
  ]));
}

const MARK = /^<!-- hearth: AIGC (\{.*\}) -->$/;

// As a line of Markdown that readers don't show; nothing in it can end the comment.
export function labelLine(label) {
  return `<!-- hearth: AIGC ${JSON.stringify(label).replaceAll(">", "\\u003e")} -->`;
}

// The label that a line is; null: it is none.
export function labelOfLine(line) {
  const mark = MARK.exec(line);
  if (!mark) return null;
  try {
    return checkedLabel(JSON.parse(mark[1]));
  } catch {
    return null;
  }
}
