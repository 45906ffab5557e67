// Extraction and equivalence against labelled cases: testdata/pairs.jsonl (written by hand, with
// the classes it covers) and, where they lie beside the repository, the public files' own answers.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "hearth/eval/math/digits.h"
#include "hearth/eval/math/equivalence.h"
#include "hearth/eval/math/extract.h"
#include "hearth/eval/testing.h"
#include "hearth/files/json.h"

namespace hearth::math {
namespace {

std::string text(const Json& line, const char* key) {
  return line[key].get<std::string>();
}

TEST(Equivalence, LabelledPairs) {
  const auto pairs = json_lines(HEARTH_SOURCE_DIR "/src/hearth/eval/math/testdata/pairs.jsonl");
  EXPECT_GE(pairs.size(), 400u);
  for (const Json& pair : pairs) {
    const std::string reference = text(pair, "reference");
    const std::string candidate = text(pair, "candidate");
    EXPECT_EQ(equivalent(reference, candidate), pair["equal"].get<bool>())
        << text(pair, "class") << ": " << reference << "   |   " << candidate;
    EXPECT_EQ(equivalent(candidate, reference), pair["equal"].get<bool>())
        << text(pair, "class") << ", the other way: " << reference << "   |   " << candidate;
  }
}

// Parsed: a command that changes no value keeps the two texts from being equal letter by letter.
TEST(Equivalence, EveryReferenceEqualsItself) {
  for (const Json& pair :
       json_lines(HEARTH_SOURCE_DIR "/src/hearth/eval/math/testdata/pairs.jsonl")) {
    const std::string reference = text(pair, "reference");
    EXPECT_TRUE(equivalent(reference, "\\displaystyle " + reference)) << reference;
  }
}

// Only digits repeat; what is no number is compared as text.
TEST(Equivalence, APointBeneathALineIsNoRepetition) {
  EXPECT_TRUE(equivalent("0.5\\overline{3}", "8/15"));
  EXPECT_FALSE(equivalent("8/15", "0.5\\overline{3.5}"));
  EXPECT_TRUE(equivalent("0.5\\overline{3.5}", "0.5 \\overline{3.5}"));
}

// Sums, products and quotients of random fractions and roots, against the same in another order.
TEST(Equivalence, OrderOfTermsAndFactorsDoesNotMatter) {
  uint64_t state = 7;
  const auto random = [&](uint64_t n) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return static_cast<int>((state >> 33) % n);
  };
  const auto factor = [&] {
    static constexpr const char* kFactors[] = {"\\sqrt{3}", "\\pi ", "x ", "(x+1)", "\\sqrt{x+2}"};
    return std::string(kFactors[random(5)]);
  };
  for (int i = 0; i < 200; ++i) {
    const std::string a = fmt::format("\\frac{{{}}}{{{}}} {}", random(50), 1 + random(9), factor());
    const std::string b = fmt::format("{} {}", 1 + random(20), factor());
    const std::string c = factor();
    const std::string left = "(" + a + "+" + b + ") \\cdot " + c;
    const std::string right = b + c + " + " + a + c;
    EXPECT_TRUE(equivalent(left, right)) << left << " | " << right;
    EXPECT_FALSE(equivalent(left, right + "+1")) << left << " | " << right;
    EXPECT_TRUE(equivalent(left + "/" + c, a + "+" + b)) << left;
  }
}

TEST(Extract, FindsTheAnswer) {
  struct Case {
    const char* reply;
    const char* answer;
    AnswerPlace place;
  };
  const Case cases[] = {
      {"so \\boxed{5}", "5", AnswerPlace::boxed},
      {"\\boxed{1} then \\boxed{2}", "2", AnswerPlace::boxed},
      {"\\boxed{\\frac{1}{2}}.", "\\frac{1}{2}", AnswerPlace::boxed},
      {"$\\boxed{\\{1, 2\\}}$", "\\{1, 2\\}", AnswerPlace::boxed},
      {"\\boxed{\\boxed{7}}", "7", AnswerPlace::boxed},
      {"\\boxed{3} and cut off: \\boxed{\\frac{1", "3", AnswerPlace::boxed},
      {"\\boxed{} or \\fbox{ 4 }", "4", AnswerPlace::boxed},
      {"the box $\\boxed 9$", "9", AnswerPlace::boxed},
      {"\\boxed{ }, so the answer is 12", "12", AnswerPlace::phrase},
      {"16 - 3 = 13\n#### 1,300", "1,300", AnswerPlace::hashes},
      {"so it is\n#### 7\r\n \n", "7", AnswerPlace::hashes},
      {"#### Step 3\nWe add. The answer is 42.", "42", AnswerPlace::phrase},
      {"#### 5\n\nthat is 6", "6", AnswerPlace::last_number},
      {"The answer is 42.", "42", AnswerPlace::phrase},
      {"The final answer is: $\\frac{3}{4}$. Done.", "\\frac{3}{4}", AnswerPlace::phrase},
      {"The answer is $\\$18.90$.", "\\$18.90", AnswerPlace::phrase},
      {"The answer is \\$5, I paid $\\$6$.", "\\$6", AnswerPlace::phrase},
      {"**Answer:** 3.5 kg", "3.5 kg", AnswerPlace::phrase},
      {"the answer is \\(x+1\\), I hope", "x+1", AnswerPlace::phrase},
      {"所以答案是18。", "18", AnswerPlace::phrase},
      {"答案为：3个", "3个", AnswerPlace::phrase},
      {"综上，故选：B。", "B", AnswerPlace::phrase},
      {"答案：\n$-7$", "-7", AnswerPlace::phrase},
      {"3 + 4 gives 7", "7", AnswerPlace::last_number},
      {"it costs $1,234.50.", "1234.50", AnswerPlace::last_number},
  };
  for (const Case& c : cases) {
    const auto found = extract_answer(c.reply);
    ASSERT_TRUE(found.has_value()) << c.reply;
    EXPECT_EQ(found->text, c.answer) << c.reply;
    EXPECT_EQ(found->place, c.place) << c.reply << ": " << answer_place_name(found->place);
  }
  EXPECT_EQ(extract_answer("I do not know"), std::nullopt);
  EXPECT_EQ(extract_answer(""), std::nullopt);
}

TEST(LastNumber, ReadsWhatPeopleWrite) {
  EXPECT_EQ(last_number("The answer is 56025."), "56025");
  EXPECT_EQ(last_number("12-345=-333"), "-333");
  EXPECT_EQ(last_number("答案是−7。"), "-7");
  EXPECT_EQ(last_number("12-5"), "5");
  EXPECT_EQ(last_number("it is 1,234,567"), "1234567");
  EXPECT_EQ(last_number("7, 8"), "8");
  EXPECT_EQ(last_number("7. 8"), "8");
  EXPECT_EQ(last_number("3.25 m"), "3.25");
  EXPECT_EQ(last_number("1.2.3"), "2.3");
  EXPECT_EQ(last_number("**56025**"), "56025");
  EXPECT_EQ(last_number(""), std::nullopt);
  EXPECT_EQ(last_number("none"), std::nullopt);
}

// The same number in the digits of many scripts.
TEST(Digits, OfOtherScripts) {
  const char* const numbers[] = {"１２３４", "١٢٣٤", "۱۲۳۴", "१२३४", "১২৩৪", "੧੨੩੪",
                                 "૧૨૩૪",     "௧௨௩௪", "౧౨౩౪", "೧೨೩೪", "൧൨൩൪", "๑๒๓๔",
                                 "໑໒໓໔",     "༡༢༣༤", "၁၂၃၄", "១២៣៤", "𝟏𝟐𝟑𝟒"};
  for (const std::string number : numbers) {
    EXPECT_EQ(ascii_digits(number), "1234");
    EXPECT_TRUE(equivalent("1234", number)) << number;
    EXPECT_FALSE(equivalent("1235", number)) << number;
    EXPECT_EQ(extract_answer("ans " + number + "।")->text, "1234");
    EXPECT_EQ(extract_answer("$\\boxed{" + number + "}$")->text, "1234");
    EXPECT_EQ(extract_answer("x\n#### -" + number)->text, "-1234");
  }
  EXPECT_TRUE(equivalent("1234.5", "١٬٢٣٤٫٥"));
  EXPECT_TRUE(equivalent("3.5", "３．５"));
  EXPECT_EQ(extract_answer("উত্তর হল ১,২৩৪ টাকা।")->text, "1234");
  EXPECT_EQ(ascii_digits("a．b٫ \xE0\xA7 五"), "a．b٫ \xE0\xA7 五");
  EXPECT_FALSE(equivalent("5", "五"));
}

// MATH's solutions end in the boxed answer; the file's `answer` is what its own grader takes.
TEST(PublicFiles, MathSolutionsHoldTheirAnswers) {
  const std::string path = HEARTH_SHARED_DIR "/fixtures/evals/math500/test.jsonl";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  for (const Json& line : json_lines(path)) {
    const auto found = extract_answer(text(line, "solution"));
    ASSERT_TRUE(found.has_value()) << text(line, "unique_id");
    EXPECT_EQ(found->place, AnswerPlace::boxed);
    EXPECT_TRUE(equivalent(text(line, "answer"), found->text))
        << text(line, "answer") << "   |   " << found->text;
  }
}

// Over all pairs of different answers of the file: none equals one of two that are equal and not
// the other.
TEST(PublicFiles, MathAnswersFallIntoClasses) {
  const std::string path = HEARTH_SHARED_DIR "/fixtures/evals/math500/test.jsonl";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  std::vector<std::string> answers;
  for (const Json& line : json_lines(path)) answers.push_back(text(line, "answer"));
  std::sort(answers.begin(), answers.end());
  answers.erase(std::unique(answers.begin(), answers.end()), answers.end());
  std::map<size_t, size_t> class_of;
  for (size_t i = 0; i < answers.size(); ++i) {
    size_t first = i;
    for (size_t j = 0; j < i; ++j) {
      const bool same = equivalent(answers[i], answers[j]);
      if (same && first == i) first = class_of[j];
      EXPECT_EQ(same, class_of[j] == first) << answers[i] << "   |   " << answers[j];
    }
    class_of[i] = first;
  }
}

TEST(PublicFiles, GradeSchoolSolutionsHoldTheirAnswers) {
  const std::string path = HEARTH_SHARED_DIR "/fixtures/evals/gsm8k/test.jsonl";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  for (const Json& line : json_lines(path)) {
    const std::string answer = text(line, "answer");
    const auto found = extract_answer(answer);
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->place, AnswerPlace::hashes);
    EXPECT_TRUE(equivalent(found->text, last_number(answer).value_or("none"))) << answer;
  }
}

}  // namespace
}  // namespace hearth::math
