// Code to coloured spans: one sticky regular expression for each family of languages. Good enough to
// read by; nothing is parsed. Each alternative consumes without backtracking over long text.

const NUMBER = String.raw`\b(?:0[xXbBoO][\da-fA-F_]+|\d[\d_]*(?:\.\d[\d_]*)?(?:[eE][+-]?\d+)?)\w*`;
const DOUBLE = String.raw`"(?:[^"\\\n]|\\[^])*"?`;
const SINGLE = String.raw`'(?:[^'\\\n]|\\[^])*'?`;
const BACKTICK = "`(?:[^`\\\\]|\\\\[^])*`?";
const SLASHES = String.raw`\/\/[^\n]*|\/\*(?:[^*]|\*(?!\/))*(?:\*\/)?`;
const HASH = String.raw`#[^\n]*`;
const WORD = String.raw`[\p{L}_$][\p{L}\p{N}_$]*`;

const words = (text) => new Set(text.split(" "));
const family = (comment, string, keywords, extra = {}) => ({
  keywords: words(keywords), ignoreCase: false, ...extra,
  pattern: new RegExp(`(?<comment>${comment})|(?<string>${string})|(?<number>${NUMBER})` +
    `|(?<word>${WORD})`, "uy"),
});

const C_WORDS = "auto bool break case catch char class const constexpr continue default delete do " +
  "double else enum explicit extern false final float for friend goto if inline int long mutable " +
  "namespace new noexcept nullptr operator override private protected public return short signed " +
  "sizeof static static_assert struct switch template this throw true try typedef typename union " +
  "unsigned using virtual void volatile while co_await co_return co_yield concept requires";
const JS_WORDS = "abstract any as async await boolean break case catch class const continue debugger " +
  "default delete do else enum export extends false finally for from function get if implements " +
  "import in instanceof interface let new null number of private protected public readonly return " +
  "set static string super switch this throw true try type typeof undefined var void while yield";
const PYTHON_WORDS = "False None True and as assert async await break case class continue def del " +
  "elif else except finally for from global if import in is lambda match nonlocal not or pass raise " +
  "return self try while with yield";
const RUST_WORDS = "as async await break const continue crate dyn else enum extern false fn for if " +
  "impl in let loop match mod move mut pub ref return self Self static struct super trait true type " +
  "unsafe use where while bool char str u8 u16 u32 u64 usize i8 i16 i32 i64 isize f32 f64";
const GO_WORDS = "break case chan const continue default defer else fallthrough false for func go goto " +
  "if import interface map nil package range return select struct switch true type var bool byte " +
  "error float32 float64 int int32 int64 rune string uint uint64";
const JAVA_WORDS = "abstract as boolean break byte case catch char class companion const continue data " +
  "default do double else enum extends false final finally float for fun if implements import in " +
  "instanceof int interface internal is let long namespace new null object override package private " +
  "protected public return sealed short static string super switch this throw throws true try val " +
  "var void when while func guard nil self struct protocol extension init";
const SHELL_WORDS = "if then else elif fi for while until do done case esac in function return exit " +
  "export local readonly set unset shift source echo cd";
const SQL_WORDS = "add all alter and as asc begin between by case commit create cross delete desc " +
  "distinct drop else end exists foreign from full group having if in index inner insert into is join " +
  "key left like limit not null offset on or order outer primary references right rollback select set " +
  "table then union unique update values view when where with";
const RUBY_WORDS = "and begin break case class def do else elsif end ensure false for if in module next " +
  "nil not or redo rescue retry return self super then true undef unless until when while yield local " +
  "function repeat";
const CSS_WORDS = "important inherit initial unset auto none block flex grid inline solid bold normal";

const C = family(SLASHES + "|^" + HASH, `${DOUBLE}|${SINGLE}`, C_WORDS);
const JS = family(SLASHES, `${DOUBLE}|${SINGLE}|${BACKTICK}`, JS_WORDS);
const PYTHON = family(HASH,
  String.raw`[rbfuRBFU]{0,2}(?:"""(?:[^"]|"(?!""))*(?:""")?|'''(?:[^']|'(?!''))*(?:''')?|` +
    `${DOUBLE}|${SINGLE})`, PYTHON_WORDS);
const SHELL = family(String.raw`(?<![\w$])#[^\n]*`, `${DOUBLE}|'[^']*'?`, SHELL_WORDS);
const DATA = family(`${HASH}|${SLASHES}`, `${DOUBLE}|${SINGLE}`, "true false null yes no on off");
const MARKUP = family("<!--(?:[^-]|-(?!->))*(?:-->)?", `(?<==)(?:${DOUBLE}|${SINGLE})`, "");
const SQL = family(String.raw`--[^\n]*|\/\*(?:[^*]|\*(?!\/))*(?:\*\/)?`, `${SINGLE}|${DOUBLE}`,
  SQL_WORDS, { ignoreCase: true });

const LANGUAGES = new Map();
const speak = (names, language) => names.split(" ").forEach((name) => LANGUAGES.set(name, language));
speak("c h cc cpp c++ cxx hpp cuda cu objc", C);
speak("js javascript jsx mjs ts tsx typescript", JS);
speak("py python python3", PYTHON);
speak("rs rust", family(SLASHES, DOUBLE, RUST_WORDS));
speak("go golang", family(SLASHES, `${DOUBLE}|${SINGLE}|${BACKTICK}`, GO_WORDS));
speak("java kotlin kt swift scala cs csharp c# dart php", family(SLASHES, `${DOUBLE}|${SINGLE}`,
  JAVA_WORDS));
speak("sh bash shell zsh console dockerfile makefile make cmake", SHELL);
speak("json jsonc yaml yml toml ini", DATA);
speak("sql postgresql sqlite mysql", SQL);
speak("html xml svg vue", MARKUP);
speak("rb ruby lua", family(`${HASH}|--[^\\n]*`, `${DOUBLE}|${SINGLE}`, RUBY_WORDS));
speak("css scss", family(SLASHES, `${DOUBLE}|${SINGLE}`, CSS_WORDS));

const CODE_MAX = 200_000; // characters; longer code stays plain

// Pieces {text, kind}: kind is comment, string, number, keyword, call or "".
export function colored(code, name) {
  const language = LANGUAGES.get(name);
  if (!language || code.length > CODE_MAX) return [{ text: code, kind: "" }];
  const { pattern, keywords, ignoreCase } = language;
  const pieces = [];
  const say = (text, kind) => {
    const last = pieces.at(-1);
    if (last?.kind === kind) last.text += text;
    else pieces.push({ text, kind });
  };
  for (let at = 0; at < code.length;) {
    pattern.lastIndex = at;
    const found = pattern.exec(code);
    if (!found || found[0] === "") {
      say(code[at++], "");
      continue;
    }
    at += found[0].length;
    const kind = Object.keys(found.groups).find((group) => found.groups[group] !== undefined);
    say(found[0], kind === "word" ? kindOf(found[0], code[at]) : kind);
  }
  return pieces;

  function kindOf(word, next) {
    if (keywords.has(ignoreCase ? word.toLowerCase() : word)) return "keyword";
    return next === "(" ? "call" : "";
  }
}
