// Masked and restored is the same text, however the answer is cut; no text can name a value that it
// does not hold.
#include "hearth/guard/pii/masker.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include "hearth/files/json.h"
#include "hearth/guard/pii/map_file.h"
#include "hearth/guard/pii/unmasker.h"

namespace hearth::pii {
namespace {

Masked masked(std::vector<std::string_view> texts) {
  auto made = mask(texts);
  EXPECT_TRUE(made.has_value());
  return *std::move(made);
}

// Restores `text` cut at the given places.
std::string cut(std::string_view text, std::vector<size_t> places,
                const std::shared_ptr<const Vault>& vault, Unmasker::Context context) {
  Unmasker unmasker(vault, context);
  std::string out;
  places.push_back(text.size());
  size_t from = 0;
  for (size_t to : places) {
    out += unmasker.push(text.substr(from, to - from));
    from = to;
  }
  return out + unmasker.finish();
}

TEST(Mask, TheSameValueHasTheSameToken) {
  const Masked m = masked({"打13800138000或13912345678", "再说一遍：13800138000"});
  EXPECT_EQ(m.texts[0].text, "打[MOBILE_1]或[MOBILE_2]");
  EXPECT_EQ(m.texts[1].text, "再说一遍：[MOBILE_1]");
  EXPECT_EQ(m.texts[0].entities[1].token, "[MOBILE_2]");
}

TEST(Mask, ATextCanNotNameAValue) {
  const std::string forged = "say [MOBILE_1] and 【 mobile-1 】; mine is 13800138000";
  const Masked m = masked({forged});
  EXPECT_EQ(m.texts[0].text.find("[MOBILE_1] and"), 4u);
  EXPECT_EQ(m.texts[0].entities[0].token.size(), std::string("[MOBILE_1_ABCD]").size());
  EXPECT_EQ(unmask(m.texts[0].text, m.vault), forged);
  EXPECT_EQ(unmask("[MOBILE_1]", m.vault), "[MOBILE_1]");
}

// Each sequence of four letters once: the next letter is the last of the alphabet that makes a new
// one.
std::string all_of_four_letters() {
  constexpr size_t kAll = 26 * 26 * 26 * 26;
  std::vector<bool> seen(kAll);
  std::string out = "AAA";
  for (size_t last = 0;;) {  // the last three letters
    size_t letter = 26;
    while (letter > 0 && seen[last * 26 + letter - 1]) --letter;
    if (letter == 0) return out;
    out.push_back(static_cast<char>('A' + letter - 1));
    seen[last * 26 + letter - 1] = true;
    last = (last * 26 + letter - 1) % (kAll / 26);
  }
}

TEST(Mask, ATextCanNotHoldEveryNonce) {
  const std::string taken = all_of_four_letters();
  ASSERT_EQ(taken.size(), 26u * 26 * 26 * 26 + 3);
  const std::string forged = "[MOBILE_1] 13800138000";
  const Masked m = masked({taken, forged});
  ASSERT_EQ(m.texts[1].entities.size(), 1u);
  const std::string& token = m.texts[1].entities[0].token;
  const size_t nonce = std::string_view("[MOBILE_1_").size();
  EXPECT_GT(token.size(), nonce + 4 + 1);
  EXPECT_EQ(taken.find(token.substr(nonce, token.size() - nonce - 1)), taken.npos);
  EXPECT_EQ(unmask(m.texts[1].text, m.vault), forged);
  EXPECT_TRUE(parse_map(write_map(*m.vault)).has_value());
}

TEST(Unmask, TokensAsModelsWriteThem) {
  const Masked m = masked({"打13800138000"});
  for (const char* written : {"[MOBILE_1]", "[mobile_1]", "[Mobile 1]", "【MOBILE_1】",
                              "［MOBILE_1］", "[MOBILE\\_1]", "[ MOBILE-1 ]"}) {
    EXPECT_EQ(unmask(written, m.vault), "13800138000") << written;
  }
  for (const char* other : {"[MOBILE_2]", "[MOBILE_11]", "MOBILE_1", "[MOBILE_1", "(MOBILE_1)"}) {
    EXPECT_EQ(unmask(other, m.vault), other);
  }
  EXPECT_EQ(unmask("[[MOBILE_1]]", m.vault), "[13800138000]");
}

TEST(Unmask, CountsWhatItDoesNotKnow) {
  const Masked m = masked({"打13800138000"});
  Unmasker unmasker(m.vault);
  unmasker.push("[MOBILE_1] [MOBILE_7] [1] [note]");
  EXPECT_EQ(unmasker.restored(), 1);
  EXPECT_EQ(unmasker.unknown(), 1);
}

// Every way to cut texts into up to four pieces, and byte by byte.
TEST(Unmask, CutsDoNotMatter) {
  const Masked m = masked({"13800138000 a@b.example 11010519491231002X"});
  const std::vector<std::string> texts = {
      "x[MOBILE_1]y",       "[[EMAIL_1]",     "【CN_ID_1】。",      "[MOBILE_1][EMAIL_1]",
      "a［mobile 1］b[x]",  "[MOBILE_9] [",   "\xe3\x80[MOBILE_1]", "[MOBILE_1\xef\xbc",
      "“[CN\\_ID\\_1]”[]]", "[MO[MOBILE_1]E]"};
  for (const std::string& text : texts) {
    for (const auto context : {Unmasker::Context::text, Unmasker::Context::json}) {
      const std::string whole = unmask(text, m.vault, context);
      for (size_t a = 0; a <= text.size(); ++a) {
        for (size_t b = a; b <= text.size(); ++b) {
          for (size_t c = b; c <= text.size(); ++c) {
            ASSERT_EQ(cut(text, {a, b, c}, m.vault, context), whole) << text;
          }
        }
      }
      std::vector<size_t> everywhere;
      for (size_t i = 0; i < text.size(); ++i) everywhere.push_back(i);
      EXPECT_EQ(cut(text, everywhere, m.vault, context), whole);
    }
  }
}

// Every one of the 2^(n-1) ways to cut a short text.
TEST(Unmask, EveryCutOfAShortText) {
  const Masked m = masked({"IP 203.0.113.7"});
  const std::string text = "a[[IP_1]b[IP 2]";
  const std::string whole = unmask(text, m.vault);
  EXPECT_EQ(whole, "a[203.0.113.7b[IP 2]");
  for (uint32_t cuts = 0; cuts < (1u << (text.size() - 1)); ++cuts) {
    std::vector<size_t> places;
    for (size_t i = 1; i < text.size(); ++i) {
      if ((cuts >> (i - 1) & 1) != 0) places.push_back(i);
    }
    ASSERT_EQ(cut(text, places, m.vault, Unmasker::Context::text), whole);
  }
}

// Random texts of pieces that matter: masked and restored they are what they were.
TEST(Mask, RestoringGivesTheTextBack) {
  const std::vector<std::string> pieces = {
      "13800138000", "[MOBILE_1]", "[", "]",  "【",   "】", "a@b.example",
      "\\",          "MOBILE_1",   " ", "，", "\xe3", "_",  "11010519491231002X",
      "[EMAIL_1_",   "\n"};
  std::mt19937 random(3);
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    for (size_t n = random() % 9; n > 0; --n) text += pieces[random() % pieces.size()];
    const Masked m = masked({text});
    EXPECT_EQ(unmask(m.texts[0].text, m.vault), text);
  }
}

TEST(Unmask, ValuesAreEscapedInJson) {
  Vault made;
  ASSERT_TRUE(made.put("[PASSWORD_1]", Type::password, "a\"b\\c\n").is_ok());
  const auto vault = parse_map(write_map(made));
  ASSERT_TRUE(vault.has_value());
  const std::string json = unmask(R"({"p":"[PASSWORD_1]"})", *vault, Unmasker::Context::json);
  const auto parsed = parse_json(json);
  ASSERT_TRUE(parsed.has_value()) << json;
  EXPECT_EQ((*parsed)["p"], "a\"b\\c\n");
}

TEST(MapFile, RefusesWhatIsNoMap) {
  for (const char* json : {"", "[]", "{}", R"({"tokens":[1]})",
                           R"({"tokens":[{"token":"x","type":"IP","value":"v"}]})",
                           R"({"tokens":[{"token":"[IP_1]","type":"NO","value":"v"}]})",
                           R"({"tokens":[{"token":"[IP_1]","type":"IP","value":""}]})",
                           R"({"tokens":[{"token":"[IP_1]","type":"IP","value":"v"},
                      {"token":"[ip 1]","type":"IP","value":"w"}]})"}) {
    EXPECT_FALSE(parse_map(json).has_value()) << json;
  }
}

}  // namespace
}  // namespace hearth::pii
