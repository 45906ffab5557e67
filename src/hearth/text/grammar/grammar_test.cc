// GBNF and regexes: what they match, what is refused, and that masks are exact. Hostile ones:
// hostile_test.cc.
#include <gtest/gtest.h>

#include <algorithm>

#include "hearth/text/grammar/testing.h"

namespace hearth::grammar {
namespace {

TEST(Gbnf, MatchesWhatItSays) {
  const auto g = compile_gbnf(
      "# a sum\n"
      "root ::= term (op term)*\n"
      "term ::= [0-9]{1,3} | (\"(\" root\n  \")\")\n"
      "op ::= \"+\" | \"-\" | \"\\u00d7\"  # multiplication sign\n");
  ASSERT_TRUE(g.has_value()) << g.status().message();
  for (const char* good : {"1", "12+3", "((1)-22)×333", "(1+(2))"})
    EXPECT_TRUE(matches(*g, good)) << good;
  for (const char* bad : {"", "1234", "(1", "1+", "1)", "a", "1\xc3"})
    EXPECT_FALSE(matches(*g, bad)) << bad;
  EXPECT_TRUE(begins(*g, "1\xc3"));
  EXPECT_FALSE(begins(*g, "1\xc3\x98"));
}

TEST(Gbnf, RepeatsAndClasses) {
  const auto g =
      compile_gbnf("root ::= [^a-c\\]\\n]{2} .? \"x\"+ y{,2} z{3,}\ny ::= \"y\"\nz ::= \"z\"?");
  ASSERT_TRUE(g.has_value()) << g.status().message();
  for (const char* good : {"dex", "éé日x", "--xxxyy", "dd x", "ddxzzzzzzz"})
    EXPECT_TRUE(matches(*g, good)) << good;
  for (const char* bad : {"dax", "d]x", "ddyy", "ddxyyy"}) EXPECT_FALSE(matches(*g, bad)) << bad;
}

struct GbnfCase {
  const char* what;
  const char* grammar;
  std::vector<std::string_view> good, bad;
};

// Each construct that llama.cpp's own grammar files use.
const GbnfCase kConstructs[] = {
    {"names with capitals and hyphens, a comment first, blank lines",
     "# two words\n\nroot ::= fooBar b-2\n\n\nfooBar ::= \"a\"\n# between\nb-2 ::= \"b\" # behind",
     {"ab"},
     {"a", "b", "aB"}},
    {"`#`, quotes, `[`, `^` and hyphens in classes",
     R"(root ::= [-+#] [!"#-%] [a\\\]^_`{|}~[] [,-.] [$-])",
     {"-!a,$", "+\"\\--", "#$^.-", "+%[,$", "-#}-$"},
     {"!!a,$", "-&a,$", "-!b,$", "-!a/$", "-!a,%"}},
    {"escapes in literals and classes",
     R"(root ::= "\"\\\n\t\r" [\x41-\x43] "\x64" [^\x00-\x1F\x7F] [\u00e9\U0001F600])",
     {"\"\\\n\t\rAd é", "\"\\\n\t\rCd日😀"},
     {"\"\\\n\t\rDd é", "\"\\\n\t\rAd\x1fé", "\"\\\n\t\rAd\x7fé", "\"\\\n\t\rAd e"}},
    {"ranges of other scripts, written as they are",
     "root ::= [ぁ-ゟ]+ ([ \\t] [一-鿿]+)* [、-〾]?",
     {"ひらがな", "の 日本 語。", "ゟ\t鿿〾"},
     {"", "カ", "の  日", "日", "の a", "の\n日"}},
    {"breaks of lines that stand above ASCII",
     R"(root ::= ("- " [^\r\n\x0b\x0c\x85\u2028\u2029]+ "\n")+)",
     {"- a\n", "- é日\n- - -\n"},
     {"- \n", "- a", "- a\rb\n", "- \u2028\n", "- \u0085\n", "-a\n"}},
    {"alternatives over lines, the shorter first",
     "root ::=\n  x op x\nop ::= (\n  \"<\" | \"<=\"\n  | \"=\" \"=\" |\n  \"!=\"\n)\nx ::= [0-9]",
     {"1<2", "1<=2", "1==2", "1!=2"},
     {"1=2", "1<==2", "1<", "12"}},
    {"alternatives without a text",
     "root ::= \"a\" ws \"b\" (\"c\" | )\nws ::= | \" \" | \"\\n\" [ \\t]{0,3}",
     {"ab", "a b", "a\nb", "a\n \t b", "abc"},
     {"a  b", "a\n    b", "a\tb", "abcc"}},
    {"counts",
     R"(root ::= "u" [0-9a-f]{4} ("." [0-9]{1,2}){0,2} "x"{2,} "y"{,1})",
     {"u00fexx", "ubeef.1.22xxxy"},
     {"u00fxx", "u00fexxyy", "u00fex", "u00fe.xx", "u00fe.1.2.3xx", "u00fe.123xx"}},
    {"groups in groups, names that touch them, a comment within",
     "root ::= f(((\"+\" | \"-\") f)* (\"=\" # so far\n  (f | (\"-\" f)))?)\nf ::= [0-9]+ | \"(\" "
     "root \")\"",
     {"1", "1+2-3", "(1=-2)=3", "10-(2+(3))"},
     {"", "1+", "1=", "1=2=3", "1=--2", "(1"}},
    {"an end that may be told from within only",
     R"(root ::= "/*" ([^*] | ("*" [^/]))* "*/" | "//" [^\n]* "\n")",
     {"/* a */", "/*é**b*/", "// x\n", "//\n"},
     {"/* a", "/* a */ b", "// x", "// x\ny"}},
    {"a root that may be empty, rules that call each other",
     "root ::= (list)*\nlist ::= \"[\" (item (\",\" item)*)? \"]\"\nitem ::= list | \"x\"",
     {"", "[]", "[x,[x]][]"},
     {"[", "[x,]", "x", "[[x]"}},
};

TEST(Gbnf, EachConstruct) {
  for (const GbnfCase& c : kConstructs) {
    const auto g = compile_gbnf(c.grammar);
    ASSERT_TRUE(g.has_value()) << c.what << ": " << g.status().message();
    for (std::string_view text : c.good) EXPECT_TRUE(matches(*g, text)) << c.what << ": " << text;
    for (std::string_view text : c.bad) EXPECT_FALSE(matches(*g, text)) << c.what << ": " << text;
  }
}

TEST(Gbnf, NamesWhatIsWrong) {
  const auto message = [](std::string_view text) {
    const auto g = compile_gbnf(text);
    return g ? std::string("accepted") : g.status().message();
  };
  EXPECT_EQ(message("r ::= \"a\""), "expected a rule `root`, found none");
  EXPECT_EQ(message("root ::= x"), "rule `x`: expected a definition, found none");
  EXPECT_EQ(message("root ::= (\"a\""), "byte 13: expected `)`, found the end");
  EXPECT_EQ(message("root ::= *"),
            "byte 9: expected a literal, a class, a group or a rule, found `*`");
  EXPECT_EQ(message("root ::= <[123]>"), "byte 9: rules over token ids are not offered");
  EXPECT_EQ(message("root ::= \"a\"\nroot ::= \"b\""), "byte 13: rule `root` is defined twice");
  EXPECT_EQ(message("root ::= a \"x\"\na ::= b?\nb ::= root"),
            "rule root: expected it to read something before it calls itself");
  EXPECT_EQ(message("root ::= \"x\" root"),
            "nothing matches: no finite text follows the rules with calls nested up to 300");
}

TEST(Regex, MatchesWhatItSays) {
  const auto g = compile_regex(R"((?:ab|[c-e]+?)\d{2,3}\.(?<n>\w*)\u00e9?$)");
  ASSERT_TRUE(g.has_value()) << g.status().message();
  for (const char* good : {"ab12.", "ccc123.x_9", "d00.é"}) EXPECT_TRUE(matches(*g, good)) << good;
  for (const char* bad : {"ab1.", "ab1234.", "x12.", "ab12", "ab12.-"})
    EXPECT_FALSE(matches(*g, bad)) << bad;
}

TEST(Regex, SearchesUnlessTied) {
  const auto g = compile_regex("^a|b$|^c$", Anchoring::search);
  ASSERT_TRUE(g.has_value()) << g.status().message();
  for (const char* good : {"a", "axx", "xxb", "c", "cb"}) EXPECT_TRUE(matches(*g, good)) << good;
  for (const char* bad : {"", "xa", "bx", "cc"}) EXPECT_FALSE(matches(*g, bad)) << bad;
}

TEST(Regex, EscapesAreTheCharactersThatTheyName) {
  struct {
    const char* regex;
    std::vector<std::string_view> good, bad;
  } const cases[] = {
      {"[\\d_\\b]", {"5", "_", "\b"}, {"x", "\\", "b"}},
      {"\\D\\W", {"a-", " é"}, {"1-", "aa", "a_"}},
      {"[^\\D]\\S", {"0x", "9é"}, {"ax", "0 ", "0\xe3\x80\x80"}},
      {"\\uD83D\\uDE00\\u00e9", {"😀é"}, {"é", "😀"}},
      {"\\u{1F600}\\u{41}\\U00000042\\x43", {"😀ABC"}, {"😀ABD"}},
      {"[\\u{3b1}-\\u{3c9}]", {"α", "ω"}, {"a", "ϊ"}},
      {"a\\0\\t\\.", {std::string_view("a\0\t.", 4)}, {"a0\t."}},
  };
  for (const auto& c : cases) {
    const auto g = compile_regex(c.regex);
    ASSERT_TRUE(g.has_value()) << c.regex << ": " << g.status().message();
    for (const std::string_view text : c.good) EXPECT_TRUE(matches(*g, text)) << c.regex << text;
    for (const std::string_view text : c.bad) EXPECT_FALSE(matches(*g, text)) << c.regex << text;
  }
  for (const char* text : {"\\uD83D\\u0041", "\\uD83Dx", "\\uDE00", "\\u{110000}", "\\u{D800}",
                           "\\u{}", "\\u12", "\\U00110000", "\\01", "\\xZZ", "\\q"}) {
    EXPECT_FALSE(compile_regex(text).has_value()) << text;
  }
}

TEST(Regex, RefusesWhatIsNotRegular) {
  for (const char* text :
       {"(?=a)", "(?<!a)", "(a)\\1", "\\bx", "\\p{L}",         "a^b",     "(a$)b",
        "(?i)a", "x{3,1}", "*",      "a**",  "(?<=x)*",        "[z-a]",   "(",
        ")",     "[a",     "\\",     "a{",   "x{99999999999}", "\\ud800", "(^a)*"}) {
    EXPECT_FALSE(compile_regex(text).has_value()) << text;
  }
}

TEST(Grammar, EndsExactlyWhereComplete) {
  const auto g = compile_regex("ab?");
  ASSERT_TRUE(g.has_value());
  Matcher matcher(*g, false);
  std::vector<uint64_t> allowed((*g)->tokens().words());
  EXPECT_FALSE(matcher.complete());
  ASSERT_TRUE(*matcher.advance("a"));
  EXPECT_TRUE(matcher.complete());
  ASSERT_TRUE(matcher.mask(allowed).is_ok());
  EXPECT_TRUE(contains(allowed, 1 + 'b'));
  EXPECT_FALSE(contains(allowed, 1 + 'a'));
  EXPECT_FALSE(*matcher.advance("c"));
  ASSERT_TRUE(*matcher.advance("b"));
  ASSERT_TRUE(matcher.mask(allowed).is_ok());
  EXPECT_EQ(std::count(allowed.begin(), allowed.end(), 0u), std::ssize(allowed));
  EXPECT_TRUE(matcher.complete());
}

TEST(Grammar, TakesStepsBack) {
  const auto g = compile_gbnf("root ::= \"(\" root \")\" | \"x\"");
  ASSERT_TRUE(g.has_value());
  Matcher matcher(*g, false);
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(*matcher.advance("("));
  Matcher copy = matcher;
  ASSERT_TRUE(*matcher.advance("x"));
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(*matcher.advance(")"));
  EXPECT_TRUE(matcher.complete());
  EXPECT_FALSE(*matcher.advance(")"));
  matcher.rollback(41);
  EXPECT_EQ(matcher.steps(), 40u);
  EXPECT_FALSE(*matcher.advance(")"));
  EXPECT_TRUE(*matcher.advance("(x"));
  EXPECT_TRUE(*copy.advance("x)"));
}

TEST(Grammar, TakesLineBreaksAfterAThought) {
  const auto g = compile_regex("a+");
  ASSERT_TRUE(g.has_value());
  Matcher matcher(*g, true);
  EXPECT_TRUE(*matcher.advance("\n\na"));
  EXPECT_FALSE(*Matcher(*g, true).advance("\n\n\n"));
  EXPECT_FALSE(*Matcher(*g, false).advance("\n"));
}

// Masks are what trying each token says, whatever way they are found.
TEST(Grammar, MasksAreExact) {
  const char* const grammars[] = {
      "root ::= \"\\\"\" [^\\\"\\\\\\x00-\\x1f]{0,7} \"\\\"\"",
      "root ::= \"\\\"\" ([^\\\"\\\\\\x00-\\x1f] | \"\\\\\" [n\\\"])* \"\\\"\"",
      "root ::= [a-z ,]+ \"é\"? [^x]*", "root ::= ([^\\\"\\\\\\x00-\\x1f]{3} \"\\\"\"){2,4}",
      "root ::= \"[\" (root (\", \" root)*)? \"]\" | [0-9]{1,2}"};
  std::mt19937_64 random(5);
  for (const char* text : grammars) {
    const auto g = compile_gbnf(text);
    ASSERT_TRUE(g.has_value()) << g.status().message();
    const TokenTrie& tokens = (*g)->tokens();
    for (int round = 0; round < 20; ++round) {
      Matcher matcher(*g, false);
      std::vector<uint64_t> allowed(tokens.words());
      for (int step = 0; step < 12; ++step) {
        ASSERT_TRUE(matcher.mask(allowed).is_ok());
        std::vector<int32_t> ids;
        for (int32_t id = 0; id < tokens.vocab_size(); ++id) {
          Matcher one = matcher;
          const bool may = !tokens.bytes(id).empty() && *one.advance(tokens.bytes(id));
          EXPECT_EQ(contains(allowed, id), may) << text << " token " << tokens.bytes(id);
          if (may) ids.push_back(id);
        }
        if (ids.empty()) break;
        ASSERT_TRUE(*matcher.advance(tokens.bytes(ids[random() % ids.size()])));
      }
    }
  }
}

}  // namespace
}  // namespace hearth::grammar
