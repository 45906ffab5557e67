// Our verdicts against those of public graders (tools/golden/math_verdicts.py): math-verify, and
// the string grader of MATH's authors. Where we part from one of them on purpose,
// testdata/differences.jsonl has the pair and the reason; every line of it must be in use.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "hearth/eval/math/equivalence.h"
#include "hearth/eval/math/extract.h"
#include "hearth/eval/testing.h"
#include "hearth/files/json.h"

namespace hearth::math {
namespace {

constexpr const char* kTestdata = HEARTH_SOURCE_DIR "/src/hearth/eval/math/testdata/";

std::string text(const Json& line, const char* key) {
  return line[key].get<std::string>();
}

using Pair = std::pair<std::string, std::string>;

Pair pair_of(const Json& line) {
  return {text(line, "reference"), text(line, "candidate")};
}

class Graders : public testing::TestWithParam<const char*> {};

TEST_P(Graders, AgreeButWhereTheReasonIsListed) {
  const std::string grader = GetParam();
  std::map<Pair, int> listed;  // times seen
  for (const Json& line : json_lines(kTestdata + std::string("differences.jsonl"))) {
    EXPECT_FALSE(text(line, "why").empty());
    if (text(line, "grader") == grader) listed[pair_of(line)] = 0;
  }
  std::map<Pair, bool> labels;
  for (const Json& line : json_lines(kTestdata + std::string("pairs.jsonl"))) {
    labels[pair_of(line)] = line["equal"].get<bool>();
  }
  int decided = 0, agree = 0, equal = 0;
  for (const Json& line : verdicts_of(kTestdata + std::string("verdicts.jsonl"))) {
    if (line[grader].is_null()) continue;
    const Pair pair = pair_of(line);
    const bool theirs = line[grader].get<bool>();
    const bool ours = equivalent(pair.first, pair.second);
    const auto exception = listed.find(pair);
    ++decided, agree += ours == theirs ? 1 : 0, equal += theirs ? 1 : 0;
    EXPECT_EQ(ours != theirs, exception != listed.end())
        << pair.first << "   |   " << pair.second << ": " << grader << " says "
        << (theirs ? "equal" : "not equal");
    if (exception != listed.end()) ++exception->second;
    // A difference is never ours alone: the label says the same.
    if (ours != theirs && labels.contains(pair)) {
      EXPECT_EQ(ours, labels[pair]);
    }
  }
  for (const auto& [pair, times] : listed) {
    EXPECT_GT(times, 0) << "listed, but no difference: " << pair.first << " | " << pair.second;
  }
  EXPECT_GE(decided, grader == "math_verify" ? 900 : 45);
  EXPECT_GE(equal, 45);
  EXPECT_EQ(decided - agree, std::ssize(listed));
}

INSTANTIATE_TEST_SUITE_P(Public, Graders, testing::Values("math_verify", "math_dataset"),
                         [](const auto& grader) { return std::string(grader.param); });

// As the script makes them: a problem's own solution, those of its neighbours by answer, and plain
// sentences.
std::array<std::string, 5> replies_of(const std::vector<Json>& problems, size_t i) {
  const Json& before = problems[(i + problems.size() - 1) % problems.size()];
  const Json& behind = problems[(i + 1) % problems.size()];
  std::string displayed = text(problems[i], "answer");
  for (size_t at = 0; (at = displayed.find("\\frac", at)) != displayed.npos; at += 6) {
    displayed.replace(at, 5, "\\dfrac");
  }
  return {text(problems[i], "solution"), text(before, "solution"), text(behind, "solution"),
          "The answer is $" + displayed + "$.",
          "So it is\n\\[ \\boxed{ " + text(behind, "answer") + " }. \\]"};
}

// From the reply to the verdict: what we find in it and what the grader finds.
TEST(PublicFiles, MathVerifySaysTheSameOfRepliesToMath500) {
  const std::string path = HEARTH_SHARED_DIR "/fixtures/evals/math500/test.jsonl";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  std::vector<Json> problems = json_lines(path);
  std::sort(problems.begin(), problems.end(), [](const Json& a, const Json& b) {
    return std::pair(text(a, "answer"), text(a, "unique_id")) <
           std::pair(text(b, "answer"), text(b, "unique_id"));
  });
  const std::vector<Json> verdicts = verdicts_of(kTestdata + std::string("math500_verdicts.jsonl"));
  ASSERT_EQ(verdicts.size(), problems.size());
  int decided = 0, agree = 0;
  for (size_t i = 0; i < problems.size(); ++i) {
    ASSERT_EQ(text(verdicts[i], "unique_id"), text(problems[i], "unique_id"));
    const auto replies = replies_of(problems, i);
    for (size_t form = 0; form < replies.size(); ++form) {
      const Json& theirs = verdicts[i]["math_verify"][form];
      if (theirs.is_null()) continue;
      const auto found = extract_answer(replies[form]);
      const bool ours = found && equivalent(text(problems[i], "answer"), found->text);
      ++decided, agree += ours == theirs.get<bool>() ? 1 : 0;
      EXPECT_EQ(ours, theirs.get<bool>())
          << text(problems[i], "unique_id") << ", reply " << form << ": "
          << text(problems[i], "answer") << "   |   " << (found ? found->text : "nothing");
    }
  }
  EXPECT_GE(decided, 2490);
  EXPECT_GE(agree, decided * 99 / 100);
}

}  // namespace
}  // namespace hearth::math
