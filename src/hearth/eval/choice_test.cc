// CSV, the letters that replies name, and the public files' formats.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "hearth/eval/choice_suites.h"
#include "hearth/eval/csv.h"
#include "hearth/eval/record.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

TEST(Csv, QuotesCommasAndLines) {
  const auto rows = parse_csv("a,\"b,\"\"c\"\"\nd\",\r\n\n,x\n\"\",\"\"");
  ASSERT_TRUE(rows.has_value());
  EXPECT_EQ(*rows, (std::vector<CsvRow>{{"a", "b,\"c\"\nd", ""}, {"", "x"}, {"", ""}}));
  EXPECT_EQ(parse_csv("a\nb,\"c").status().message(), "line 2: a quoted field has no end");
  EXPECT_EQ(parse_csv("\"a\"b").status().message(),
            "line 1: expected a comma behind a quoted field");
  EXPECT_TRUE(parse_csv("")->empty());
}

TEST(ChosenLetter, WhereRepliesNameIt) {
  const std::pair<const char*, const char*> replies[] = {
      {"so \\boxed{B}", "B"},
      {"\\boxed{\\text{(C)}}", "C"},
      {"\\boxed{D. Paris}", "D"},
      {"A is wrong and B too. The answer is **C**.", "C"},
      {"The answer is option D, not A", "D"},
      {"答案是B。", "B"},
      {"故选：A", "A"},
      {"因此选C", "C"},
      {"(B)", "B"},
      {"C", "C"},
      {"It is B. A dog is no answer", "B"},
      {"\\boxed{E}", ""},
      {"\\boxed{42} DNA", ""},
      {"", ""}};
  for (const auto& [reply, letter] : replies) {
    const auto found = chosen_letter(reply, 4);
    EXPECT_EQ(found ? std::string(1, *found) : "", letter) << reply;
  }
}

class ChoiceFiles : public testing::Test {
 protected:
  ChoiceFiles() : folder_(fs::temp_directory_path() / fmt::format("hearth_ch_{}", ::getpid())) {
    fs::create_directories(folder_);
  }
  ~ChoiceFiles() override { fs::remove_all(folder_); }

  Result<std::vector<EvalItem>> load(const char* suite, const char* name,
                                     std::string_view content) const {
    std::ofstream(folder_ / name) << content;
    return find_suite(suite)->load(folder_ / name);
  }
  std::string path(const char* name) const { return folder_ / name; }

 private:
  fs::path folder_;
};

TEST_F(ChoiceFiles, EachFormat) {
  struct Format {
    const char *suite, *file, *content, *id, *group, *answer;
  };
  constexpr Format kFormats[] = {
      {"mmlu", "law_test.csv", "\"Which, of these?\",one,two,three,four,C\n", "law_test/0",
       "law_test", "C"},
      {"mmlu", "m.jsonl",
       R"({"question":"q","subject":"law","choices":["one","two","three","four"],"answer":1})",
       "m/0", "law", "B"},
      {"cmmlu", "agronomy.csv", ",Question,A,B,C,D,Answer\n0,问,one,two,three,four,D\n",
       "agronomy/0", "agronomy", "D"},
      {"ceval", "val.csv", "id,question,A,B,C,D,answer,explanation\n0,问,one,two,three,four,A,因\n",
       "val/0", "val", "A"},
      {"xcopa", "test.sw.jsonl",
       R"({"premise":"p","choice1":"one","choice2":"two","question":"effect","label":1})",
       "test.sw/0", "test.sw effect", "B"}};
  for (const Format& f : kFormats) {
    const auto items = load(f.suite, f.file, f.content);
    ASSERT_TRUE(items.has_value()) << items.status().message();
    ASSERT_EQ(items->size(), 1u);
    const EvalItem& item = (*items)[0];
    EXPECT_EQ(item.id, f.id);
    EXPECT_EQ(item.group, f.group);
    EXPECT_EQ(item.answer, f.answer);
    EXPECT_NE(item.prompt.find("\nA. one\nB. two"), std::string::npos) << item.prompt;
    const Suite* suite = find_suite(f.suite);
    EXPECT_TRUE(suite->judge(item, "\\boxed{" + item.answer + "}")->right());
    EXPECT_FALSE(suite->judge(item, item.answer == "A" ? "\\boxed{B}" : "\\boxed{A}")->right());
    EXPECT_EQ(suite->judge(item, "none of them")->note, "no letter found");
  }
}

// The plain question; letters follow it, or the choices themselves where the field does so.
TEST_F(ChoiceFiles, ByLikelihood) {
  const auto continued = [&](const char* suite, const char* name, std::string_view content) {
    std::ofstream(path(name)) << content;
    auto items = likelihood_suite(suite)->load(path(name));
    EXPECT_TRUE(items.has_value()) << items.status().message();
    return (*items)[0];
  };
  const EvalItem mmlu = continued("mmlu", "law.csv", "Which?,one,two,three,four,C\n");
  EXPECT_EQ(mmlu.id, "law/0");
  EXPECT_EQ(mmlu.prompt, "Which?\nA. one\nB. two\nC. three\nD. four\nAnswer:");
  EXPECT_EQ(mmlu.continuations, (std::vector<std::string>{" A", " B", " C", " D"}));
  EXPECT_TRUE(likelihood_suite("mmlu")->judge(mmlu, "C")->right());
  EXPECT_FALSE(likelihood_suite("mmlu")->judge(mmlu, "A")->right());
  const EvalItem ceval =
      continued("ceval", "val.csv", "id,question,A,B,C,D,answer\n0,问,one,two,three,four,A\n");
  EXPECT_EQ(ceval.prompt, "问\nA. one\nB. two\nC. three\nD. four\n答案：");
  EXPECT_EQ(ceval.continuations, (std::vector<std::string>{"A", "B", "C", "D"}));
  const EvalItem xcopa =
      continued("xcopa", "test.sw.jsonl",
                R"({"premise":"p","choice1":"one","choice2":"two","question":"effect","label":1})");
  EXPECT_EQ(xcopa.continuations, (std::vector<std::string>{" one", " two"}));
  EXPECT_EQ(xcopa.answer, "B");
  EXPECT_EQ(likelihood_suite("gsm8k"), nullptr);
}

TEST(ByLikelihood, LongChoicesAreAlsoComparedByByte) {
  const auto record = [](const char* answer, ChoiceLikelihood a, ChoiceLikelihood b) {
    EvalRecord out;
    out.answer = answer;
    out.choices = {a, b};
    return out;
  };
  const auto& measures = likelihood_suite("xcopa")->measures;
  const auto by_byte =
      measures({record("A", {-10, 5, 20}, {-8, 2, 8}), record("A", {-10, 5, 8}, {-8, 2, 20}),
                record("B", {-1, 1, 4}, {-2, 1, 16})});
  ASSERT_EQ(by_byte.size(), 1u);
  EXPECT_NEAR(by_byte[0].value, 2.0 / 3, 1e-12);
  EXPECT_TRUE(measures({record("A", {-1, 1, 2}, {-2, 1, 2})}).empty());
}

TEST_F(ChoiceFiles, WrongFilesAreNamed) {
  const auto message = [&](const char* name, std::string_view content) {
    return load("mmlu", name, content).status().message();
  };
  EXPECT_NE(message("a.csv", "q,1,2,3,4,E\n").find("question 1: `answer`: expected a letter"),
            std::string::npos);
  EXPECT_NE(message("b.csv", "q,1,2\n").find("found 3 fields"), std::string::npos);
  EXPECT_NE(message("c.csv", "").find("found none"), std::string::npos);
  EXPECT_NE(message("d.jsonl", R"({"question":"q","choices":["a"],"answer":0})").find("`choices`"),
            std::string::npos);
}

// Where the public files lie beside the repository.
TEST(ChoicePublic, XcopaIsRead) {
  const std::string path = HEARTH_SHARED_DIR "/fixtures/evals/xcopa/test.sw.jsonl";
  if (!fs::exists(path)) GTEST_SKIP() << path << " is not there";
  const auto items = find_suite("xcopa")->load(path);
  ASSERT_TRUE(items.has_value()) << items.status().message();
  EXPECT_EQ(items->size(), 500u);
}

}  // namespace
}  // namespace hearth
