// However a text is cut into pieces, what leaves is the same; and it is what a plain search says.
#include <gtest/gtest.h>

#include <random>

#include "hearth/text/stream/incremental_detokenizer.h"
#include "hearth/text/stream/reasoning_splitter.h"
#include "hearth/text/stream/stop_matcher.h"

namespace hearth {
namespace {

std::vector<std::string> random_cut(const std::string& text, std::mt19937& random) {
  std::vector<std::string> pieces;
  for (size_t at = 0; at < text.size();) {
    const size_t n = std::min<size_t>(text.size() - at, random() % 4);
    pieces.push_back(text.substr(at, n));
    at += n;
  }
  return pieces;
}

std::string detokenize(const std::vector<std::string>& pieces) {
  IncrementalDetokenizer detokenizer;
  std::string out;
  for (const std::string& piece : pieces) out += detokenizer.push(piece);
  return out + detokenizer.finish();
}

TEST(IncrementalDetokenizer, WaitsForWholeCharacters) {
  IncrementalDetokenizer d;
  EXPECT_EQ(d.push("a\xe4\xbd"), "a");
  EXPECT_EQ(d.push("\xa0"), "你");
  EXPECT_EQ(d.push("\xf0\x9f"), "");
  EXPECT_EQ(d.finish(), "\xef\xbf\xbd");
}

// Expectations as Python's bytes.decode("utf-8", "replace") gives them.
TEST(IncrementalDetokenizer, ReplacesWhatIsNoCharacter) {
  EXPECT_EQ(detokenize({"\xc0\x80"}), "\xef\xbf\xbd\xef\xbf\xbd");                  // overlong
  EXPECT_EQ(detokenize({"\xed\xa0\x80"}), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");  // surrogate
  EXPECT_EQ(detokenize({"\xf0\x9f\x92x"}), "\xef\xbf\xbdx");
  EXPECT_EQ(detokenize({"\xff\x80"}), "\xef\xbf\xbd\xef\xbf\xbd");
}

TEST(IncrementalDetokenizer, CutsDoNotMatter) {
  std::mt19937 random(1);
  const std::string alphabet = "ab\xe4\xbd\xa0\xf0\x9f\x98\x80\xff\xc3";
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (size_t i = random() % 20; i > 0; --i) text += alphabet[random() % alphabet.size()];
    EXPECT_EQ(detokenize(random_cut(text, random)), detokenize({text}));
  }
}

std::pair<std::string, std::string> split(const std::vector<std::string>& pieces, bool opens) {
  ReasoningSplitter splitter(opens);
  std::pair<std::string, std::string> out;
  const auto take = [&](const std::vector<StreamPart>& parts) {
    for (const StreamPart& part : parts) (part.thought ? out.first : out.second) += part.text;
  };
  for (const std::string& piece : pieces) take(splitter.push(piece));
  take(splitter.finish());
  return out;
}

using Pair = std::pair<std::string, std::string>;

TEST(ReasoningSplitter, SeparatesThoughtAndReply) {
  EXPECT_EQ(split({"\nhm\n", "</th", "ink>\n\n42"}, true), Pair("hm", "42"));
  EXPECT_EQ(split({"<think>\nhm\n</think>\n\n42"}, false), Pair("hm", "42"));
  EXPECT_EQ(split({"42"}, false), Pair("", "42"));
  EXPECT_EQ(split({"<think>"}, false), Pair("", ""));
  EXPECT_EQ(split({"hm"}, true), Pair("hm", ""));  // cut off by length
  EXPECT_EQ(split({"a < b </thin air"}, true), Pair("a < b </thin air", ""));
  EXPECT_EQ(split({"</think>x"}, true), Pair("", "x"));
  EXPECT_EQ(split({"x <think> y </think>"}, false), Pair("", "x <think> y </think>"));
  EXPECT_EQ(split({"  <think"}, false), Pair("", "  <think"));
}

TEST(ReasoningSplitter, CutsDoNotMatter) {
  std::mt19937 random(2);
  const std::vector<std::string> words = {"<think>", "</think>", "\n", "a",
                                          "<",       "think>",   " ",  "/"};
  for (int round = 0; round < 5000; ++round) {
    std::string text;
    for (size_t i = random() % 8; i > 0; --i) text += words[random() % words.size()];
    const bool opens = random() % 2;
    EXPECT_EQ(split(random_cut(text, random), opens), split({text}, opens)) << text;
  }
}

std::string until_stop(const std::vector<std::string>& stops,
                       const std::vector<std::string>& pieces) {
  StopMatcher matcher(stops);
  std::string out;
  for (const std::string& piece : pieces) out += matcher.push(piece);
  return matcher.matched() ? out : out + matcher.finish();
}

// The stop that is complete first; of those that end together the longest.
std::string by_search(const std::vector<std::string>& stops, const std::string& text) {
  for (size_t end = 1; end <= text.size(); ++end) {
    size_t longest = 0;
    for (const std::string& stop : stops) {
      if (!stop.empty() && text.substr(0, end).ends_with(stop))
        longest = std::max(longest, stop.size());
    }
    if (longest > 0) return text.substr(0, end - longest);
  }
  return text;
}

TEST(StopMatcher, AgreesWithSearchHoweverCut) {
  std::mt19937 random(3);
  for (int round = 0; round < 5000; ++round) {
    std::vector<std::string> stops;
    for (size_t i = random() % 4; i > 0; --i) {
      std::string stop;
      for (size_t n = random() % 4; n > 0; --n) stop += static_cast<char>('a' + random() % 2);
      stops.push_back(stop);
    }
    std::string text;
    for (size_t n = random() % 12; n > 0; --n) text += static_cast<char>('a' + random() % 3);
    EXPECT_EQ(until_stop(stops, random_cut(text, random)), by_search(stops, text));
  }
}

TEST(StopMatcher, HoldsBackOnlyWhatMayBeAStop) {
  StopMatcher matcher({"abc"});
  EXPECT_EQ(matcher.push("xab"), "x");
  EXPECT_EQ(matcher.push("d"), "abd");
  EXPECT_EQ(matcher.push("abc tail"), "");
  EXPECT_TRUE(matcher.matched());
}

}  // namespace
}  // namespace hearth
