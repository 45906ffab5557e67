#!/usr/bin/env python3
"""The chat page's renderer in a real Chromium: what Markdown, mathematics and code become, that a
stream ends as the whole text does, and that nothing hostile comes through.
Usage: tests/page_markdown_test.py BINARY REPO. Standard library only."""

import random
import sys
import time
import unittest

import page_payloads
from browser import Browser, missing
from recorded import run_script
from serve_client import Server

# Markdown, and the HTML of what it becomes; class and other attributes are left out of that.
CASES = [
    ("one\ntwo", "<p>one<br>two</p>"),
    ("# Title #\n## C#\ntext", "<h3>Title</h3><h4>C#</h4><p>text</p>"),
    ("####### seven\n#hash", "<p>####### seven<br>#hash</p>"),
    ("a\n\n---\n***\nb", "<p>a</p><hr><hr><p>b</p>"),
    ("**b** *i* ***bi*** ~~d~~ `c`",
     "<p><strong>b</strong> <em>i</em> <em><strong>bi</strong></em> <del>d</del> <code>c</code></p>"),
    ("**“重点”**后文，*强调*后文", "<p><strong>“重点”</strong>后文，<em>强调</em>后文</p>"),
    ("37*48*2, 2**10**3, f(a)*g(b)*h", "<p>37*48*2, 2**10**3, f(a)*g(b)*h</p>"),
    ("snake_case_name _it_ 2 * 3 * 4", "<p>snake_case_name <em>it</em> 2 * 3 * 4</p>"),
    (r"\*no\* \\ \# \a", r"<p>*no* \ # \a</p>"),
    ("`` a`b `` and `unclosed", "<p><code>a`b</code> and `unclosed</p>"),
    ("[t](https://e.org/a_(b)?x=1) [m](mailto:a@b.c)", "<p><a>t</a> <a>m</a></p>"),
    ("[x](javascript:1) [y](/v1)", "<p>x (javascript:1) y (/v1)</p>"),
    ("see https://e.org/x_y_z. And (https://e.org/a).",
     "<p>see <a>https://e.org/x_y_z</a>. And (<a>https://e.org/a</a>).</p>"),
    ("见https://e.org/x。", "<p>见https://e.org/x。</p>"),
    ("见 https://e.org/x。", "<p>见 <a>https://e.org/x</a>。</p>"),
    ("![alt](https://e.org/p.png)", "<p><a><svg><use></use></svg>alt</a></p>"),
    ("&lt;b&gt; &amp; &copy; &#65;", "<p>&lt;b&gt; &amp; &amp;copy; A</p>"),
    ("- a\n- b\n  - c\n    more\n- d",
     "<ul><li>a</li><li>b<ul><li>c<br>more</li></ul></li><li>d</li></ul>"),
    ("3. a\n4. b", "<ol><li>a</li><li>b</li></ol>"),
    ("1. a\n   ```\n   x\n   ```\n2. b",
     "<ol><li>a<figure><figcaption><span>code</span><button><svg><use></use></svg><span>Copy</span>"
     "</button></figcaption><pre><code>x</code></pre></figure></li><li>b</li></ol>"),
    ("- a\n\n- b", "<ul><li><p>a</p></li><li><p>b</p></li></ul>"),
    ("- [x] done\n- [ ] open", "<ul><li><input> done</li><li><input> open</li></ul>"),
    ("text\n- item\nlazy", "<p>text</p><ul><li>item<br>lazy</li></ul>"),
    ("In\n1986. A year", "<p>In<br>1986. A year</p>"),
    ("> a\n> > b\n\nc", "<blockquote><p>a</p><blockquote><p>b</p></blockquote></blockquote><p>c</p>"),
    ("|a|b|\n|:-|-:|\n|1|2|\n|`x\\|y`|\nend",
     "<div><table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td><td>2</td></tr>"
     "<tr><td><code>x|y</code></td><td></td></tr></tbody></table></div><p>end</p>"),
    ("a | b\nno table", "<p>a | b<br>no table</p>"),
    ("It costs $5 and then $10.", "<p>It costs $5 and then $10.</p>"),
    ("$5-$10", "<p>$5-$10</p>"),
    ("<b>x</b><br>y", "<p>&lt;b&gt;x&lt;/b&gt;<br>y</p>"),
]

# What documents for the stream test are drawn from.
FRAGMENTS = [
    "# h\n", "## h *i* `c`\n", "para one\nline two\n", "\n", "\n\n", "- a\n", "- b\n  - c\n", "  more\n",
    "1. x\n", "2. y\n\n", "> quote\n", "> > deep\n", "```py\nx = 1\n\n# c\n", "```\n", "~~~\n", "---\n",
    "|a|b|\n", "|-|-|\n", "|1|2|\n", "$$\n", "x^2\n", "\\[\n", "y_1\n\\]\n", "$a+b$ and \\(c\\)\n",
    "**bold *both* x**\n", "[l](https://e.org)\n", "![p](https://e.org/p)\n", "https://e.org/x.\n",
    "`code` ``a`b``\n", "text with $ and * and _ and [\n", "- [ ] task\n", "    indented\n", "\ttab\n",
    "中文**加粗**，`代码`。\n", "$$ z $$\n", "+ plus\n", "* star\n", "&lt;\n", "<br>\n", "\\*\n", "a | b\n", "-",
    "#", ">", "1", "|", "`", "$$", "x\r\n",
]

# Renders, and gives the tree back as a string without attributes.
BARE = """
const { renderMarkdown } = await import("/page/markdown/render.js");
const bare = (node) => {
  if (node.nodeType === Node.TEXT_NODE) return node.data.replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll("\\u00a0", "&nbsp;");
  const name = node.localName;
  const inner = [...node.childNodes].map(bare).join("");
  return ["br", "hr", "input"].includes(name) ? `<${name}>` : `<${name}>${inner}</${name}>`;
};
"""

# Names of elements and attributes that the renderer may make; KaTeX's own are judged apart.
JUDGE = """
const ELEMENTS = new Set(("p h3 h4 h5 h6 hr blockquote figure figcaption pre code span button svg use " +
  "ul ol li input div table thead tbody tr th td br strong em del a").split(" "));
const ATTRIBUTES = new Set(("class dir href target rel type tabindex translate start disabled checked " +
  "aria-hidden data-tex").split(" "));
const faults = (root) => {
  const found = [];
  for (const node of root.querySelectorAll("*")) {
    for (const { name } of node.attributes) if (/^on|^srcdoc$|^src$/.test(name)) found.push(name);
    if (node.closest(".math")) {
      if (["script", "a", "img", "iframe", "style", "link"].includes(node.localName)) {
        found.push(`in mathematics: ${node.localName}`);
      }
      if (node.hasAttribute("href") || node.id) found.push("in mathematics: href or id");
      continue;
    }
    if (!ELEMENTS.has(node.localName)) found.push(`element ${node.localName}`);
    for (const { name } of node.attributes) if (!ATTRIBUTES.has(name)) found.push(`attribute ${name}`);
    const href = node.getAttribute("href");
    if (href !== null && !/^(https?:|mailto:|#icon-)/.test(href)) found.push(`href ${href}`);
    if (href?.startsWith("#") && node.localName !== "use") found.push(`href ${href}`);
  }
  return found;
};
"""


@unittest.skipIf(missing(), missing())
class Renderer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(Server("--no-log-requests"))
        cls.browser = cls.enterClassContext(Browser())
        cls.browser.watch_policy()
        cls.browser.open(f"http://127.0.0.1:{cls.server.port}/")
        cls.browser.wait("document.querySelector('#model').options.length > 0")
        cls.origin = f"http://127.0.0.1:{cls.server.port}/"

    def setUp(self):
        self.browser.requested()

    def assert_unharmed(self):
        self.assertEqual(self.browser.violations(), [])
        self.assertIsNone(self.browser.run("return window.pwned ?? null"))
        foreign = [url for url in self.browser.requested() if not url.startswith(self.origin)]
        self.assertEqual(foreign, [])

    def test_what_markdown_becomes(self):
        made = self.browser.run_async(BARE + """
            return given[0].map((text) => [...renderMarkdown(text).childNodes].map(bare).join(""));
        """, [text for text, _ in CASES])
        for (text, wanted), found in zip(CASES, made, strict=True):
            self.assertEqual(found, wanted, text)

    def test_a_stream_ends_as_the_whole_text(self):
        draw = random.Random(1)
        documents = []
        for _ in range(1500):
            text = "".join(draw.choices(FRAGMENTS, k=draw.randint(1, 14)))
            cuts = sorted(draw.randint(0, len(text)) for _ in range(draw.randint(0, 12)))
            documents.append([text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)])
        differing = self.browser.run_async(BARE + """
            const { MarkdownStream } = await import("/page/markdown/stream.js");
            return given[0].filter((pieces) => {
              const root = document.createElement("div");
              const stream = new MarkdownStream(root);
              for (const piece of pieces) stream.write(piece);
              const whole = document.createElement("div");
              whole.append(renderMarkdown(pieces.join("")));
              return !root.isEqualNode(whole);
            });
        """, documents)
        self.assertEqual(differing, [])

    def test_what_is_shown_already_stays(self):
        kept = self.browser.run_async("""
            const { MarkdownStream } = await import("/page/markdown/stream.js");
            const root = document.createElement("div");
            document.body.append(root);
            const stream = new MarkdownStream(root);
            stream.write("first\\n\\n```py\\nx = 1\\n");
            const [first, figure] = root.children;
            const button = figure.querySelector("button");
            button.focus();
            stream.write("y = 2\\n```\\n\\nlast");
            const good = root.children[0] === first && root.children[1] === figure &&
              document.activeElement === button && root.children.length === 3;
            root.remove();
            return good;
        """)
        self.assertTrue(kept)

    def test_nothing_hostile_comes_through(self):
        draw = random.Random(2)
        mixed = ["".join(draw.choices(["\n", "\n\n", " ", "- ", "> ", "```\n", *page_payloads.MARKDOWN],
                                      k=draw.randint(2, 8))) for _ in range(1000)]
        judged = self.browser.run_async(JUDGE + """
            const { renderMarkdown } = await import("/page/markdown/render.js");
            const { MarkdownStream } = await import("/page/markdown/stream.js");
            const found = [];
            for (const text of [...given[0], "\\ud800 alone \\udc00"]) {
              const root = document.createElement("div");
              root.append(renderMarkdown(text));
              document.body.append(root);  // where it could act
              const stream = new MarkdownStream(document.createElement("div"));
              const step = Math.max(7, Math.ceil(text.length / 60));
              for (let i = 0; i < text.length; i += step) stream.write(text.slice(i, i + step));
              const all = [...faults(root), ...faults(stream.root)];
              if (all.length > 0) found.push([text, all]);
              for (const link of root.querySelectorAll("a")) {
                link.dispatchEvent(new MouseEvent("mouseover", { bubbles: true }));
              }
              await new Promise((resolve) => setTimeout(resolve));
              root.remove();
            }
            return found;
        """, page_payloads.MARKDOWN + mixed)
        self.assertEqual(judged, [])
        self.assert_unharmed()

    def test_the_page_itself_would_stop_markup(self):
        """The second wall: markup that some future line let in could not act either."""
        tried = self.browser.run("""
            const root = document.createElement("div");
            const outcomes = [];
            for (const act of [() => { root.innerHTML = "<b>x</b>"; },
                               () => document.write("<b>x</b>"),
                               () => root.setAttribute("onclick", "1"),
                               () => { document.createElement("iframe").srcdoc = "x"; },
                               () => { document.createElement("script").src = "x.js"; }]) {
              try { act(); outcomes.push("allowed"); } catch { outcomes.push("refused"); }
            }
            return outcomes;
        """)
        self.assertEqual(tried, ["refused"] * 5)
        self.assertGreater(len(self.browser.violations()), 0)  # and they are reported as such

    def test_long_texts_take_no_longer_than_they_should(self):
        times = self.browser.run_async("""
            const { linesOf, parseBlocks } = await import("/page/markdown/blocks.js");
            const { renderMarkdown } = await import("/page/markdown/render.js");
            return given[0].map(([text, times]) => {
              const start = performance.now();
              renderMarkdown(text.repeat(times));
              return performance.now() - start;
            });
        """, page_payloads.LONG)
        for (text, count), took in zip(page_payloads.LONG, times, strict=True):
            self.assertLess(took, 5000, f"{text[:20]!r} x {count}")

    def test_colours_change_no_character(self):
        draw = random.Random(3)
        pieces = ["'", '"', "`", "\\", "\n", "//", "/*", "*/", "#", "<!--", "-->", "--", "'''", '"""', "x",
                  "if", "def f(", "0x1F", "3.14e-5", " ", "中文", "=", "\t", "${", "}", "𝒳"]
        codes = ["".join(draw.choices(pieces, k=draw.randint(1, 40))) for _ in range(200)]
        names = "c js py rust go java sh json html sql ruby css constructor nothing".split()
        changed = self.browser.run_async("""
            const { colored } = await import("/page/markdown/colors.js");
            return given[0].flatMap((code) => given[1].filter((name) =>
              colored(code, name).map(({ text }) => text).join("") !== code).map((name) => [name, code]));
        """, codes, names)
        self.assertEqual(changed, [])
        kinds = self.browser.run_async("""
            const { colored } = await import("/page/markdown/colors.js");
            return colored('def f(x):  # why\\n    return "a" + 1', "py")
              .filter(({ kind }) => kind !== "").map(({ kind, text }) => `${kind} ${text}`);
        """)
        self.assertEqual(kinds, ["keyword def", "call f", "comment # why", "keyword return",
                                 'string "a"', "number 1"])

    def test_mathematics(self):
        made = self.browser.run_async("""
            const { renderMarkdown } = await import("/page/markdown/render.js");
            const root = document.createElement("div");
            root.append(renderMarkdown(given[0]));
            document.body.append(root);
            await document.fonts.ready;
            const shown = [...root.querySelectorAll(".math")].map((node) => [node.localName,
              node.querySelector("annotation")?.textContent ?? "unread",
              node.querySelector(".katex-html")?.getBoundingClientRect().width > 0,
              !!node.querySelector("math")]);
            const fonts = [...document.fonts].filter(({ status }) => status === "loaded").length;
            root.remove();
            return [shown, fonts];
        """, "So $a^2$ and \\(b_1\\):\n\n$$\n\\frac{1}{2}\n$$\n\n\\[ \\sum_{i=1}^n i \\]\n\nbad $\\nope$")
        shown, fonts = made
        self.assertEqual(shown, [
            ["span", "a^2", True, True], ["span", "b_1", True, True], ["div", "\\frac{1}{2}", True, True],
            ["div", "\\sum_{i=1}^n i", True, True], ["span", "unread", False, False]])
        self.assertGreater(fonts, 0)
        self.assert_unharmed()

    def test_times_are_kept(self):
        """Rendering a page of ordinary text is no work: 20 kB in pieces of 20 characters."""
        text = ("Some *text* with `code` and $x^2$ in it, and a [link](https://e.org).\n\n"
                "- one\n- two\n\n```py\nprint(1)\n```\n\n") * 120
        start = time.monotonic()
        blocks = self.browser.run_async("""
            const { MarkdownStream } = await import("/page/markdown/stream.js");
            const stream = new MarkdownStream(document.createElement("div"));
            for (let i = 0; i < given[0].length; i += 20) stream.write(given[0].slice(i, i + 20));
            return stream.root.children.length;
        """, text)
        self.assertEqual(blocks, 360)
        self.assertLess(time.monotonic() - start, 20)


if __name__ == "__main__":
    sys.exit(run_script("page_markdown"))
