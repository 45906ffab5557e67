// The public files' formats, as small files of our own, and record files that broke off.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "hearth/base/mapped_file.h"
#include "hearth/eval/record.h"
#include "hearth/eval/suite.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

bool is_right(const Suite& suite, const EvalItem& item, std::string_view reply) {
  const auto judgement = suite.judge(item, reply);
  EXPECT_TRUE(judgement.has_value());
  return judgement && judgement->right();
}

class Files : public testing::Test {
 protected:
  Files() : folder_(fs::temp_directory_path() / fmt::format("hearth_eval_{}", ::getpid())) {
    fs::create_directories(folder_);
  }
  ~Files() override { fs::remove_all(folder_); }

  std::string write(const std::string& name, std::string_view content) const {
    std::ofstream(folder_ / name) << content;
    return folder_ / name;
  }
  std::string path(const std::string& name) const { return folder_ / name; }

 private:
  fs::path folder_;
};

struct Format {
  const char* suite;
  const char* file;
  const char* line;
  const char* id;
  const char* group;
  const char* answer;
  const char* right;
  const char* wrong;
};

constexpr Format kFormats[] = {
    {"math500", "m.jsonl",
     R"({"problem":"Half of 3?","answer":"\\frac{3}{2}","subject":"Algebra",)"
     R"("level":2,"unique_id":"a/1"})",
     "a/1", "level 2", "\\frac{3}{2}", "so $\\boxed{1.5}$", "\\boxed{3}"},
    {"gsm8k", "g.jsonl", R"({"question":"9*2?","answer":"9*2=<<9*2=18>>18\n#### 18"})", "0", "",
     "18", "she makes \\boxed{\\$18}", "\\boxed{81}"},
    {"aime", "a.jsonl", R"({"id":"x-1","problem":"p","expected_answer":"073"})", "x-1", "", "073",
     "\\boxed{73}", "\\boxed{730}"},
    {"aime", "b.jsonl", R"({"id":7,"problem":"p","answer":204})", "7", "", "204", "\\boxed{204}",
     "204 is not what I box: \\boxed{5}"},
    {"cmath", "c.jsonl", R"({"grade":1,"question":"3+5?","golden":"8"})", "0", "grade 1", "8",
     "所以答案是8个。", "答案是9"},
    {"mgsm", "mgsm_sw.tsv", "Ana mayai 16?\t18", "mgsm_sw/0", "mgsm_sw", "18", "jibu ni 18.",
     "jibu ni 16"},
};

TEST_F(Files, EachFormatIsReadAndScored) {
  for (const Format& f : kFormats) {
    const Suite* suite = find_suite(f.suite);
    ASSERT_NE(suite, nullptr) << f.suite;
    const auto items = suite->load(write(f.file, std::string(f.line) + "\r\n\n"));
    ASSERT_TRUE(items.has_value()) << f.suite << ": " << items.status().message();
    ASSERT_EQ(items->size(), 1u);
    const EvalItem& item = (*items)[0];
    EXPECT_EQ(item.id, f.id);
    EXPECT_EQ(item.group, f.group);
    EXPECT_EQ(item.answer, f.answer);
    EXPECT_NE(item.prompt.find("\\boxed{}"), item.prompt.npos);
    EXPECT_TRUE(is_right(*suite, item, f.right)) << f.suite;
    EXPECT_FALSE(is_right(*suite, item, f.wrong)) << f.suite;
    EXPECT_FALSE(is_right(*suite, item, "")) << f.suite;
  }
}

TEST_F(Files, SumsThatSayTheirCarriesLieInATable) {
  const Suite& suite = *find_suite("arithmetic");
  const std::string line = R"({"id":"a","task":"add","len":"2+1","prompt":"17+5","answer":"22"%s})";
  const auto with = [&](const std::string& more) {
    std::string whole = line;
    return suite.load(write("s.jsonl", whole.replace(whole.find("%s"), 2, more)));
  };
  const auto plain = with("");
  ASSERT_TRUE(plain.has_value()) << plain.status().message();
  EXPECT_EQ((*plain)[0].detail, "add 2+1");
  EXPECT_EQ((*plain)[0].cell.row, "");
  const auto carries = with(R"(,"carries":1)");
  ASSERT_TRUE(carries.has_value()) << carries.status().message();
  EXPECT_EQ((*carries)[0].cell.row, "add");
  EXPECT_EQ((*carries)[0].cell.column, "1 carries");
  EXPECT_EQ((*carries)[0].detail, "add 2+1");
  for (const char* wrong : {R"(,"carries":-1)", R"(,"carries":"1")", R"(,"carries":1001)"}) {
    EXPECT_EQ(with(wrong).status().code(), Code::corrupt) << wrong;
  }
}

TEST_F(Files, WrongLinesAreNamed) {
  const auto items = find_suite("math500")->load(write("x.jsonl", "\n{\"problem\":1}\n"));
  ASSERT_FALSE(items.has_value());
  EXPECT_NE(items.status().message().find("x.jsonl:2"), std::string::npos);
  EXPECT_FALSE(find_suite("mgsm")->load(write("y.tsv", "no tab")).has_value());
  EXPECT_FALSE(find_suite("gsm8k")->load(write("z.jsonl", "\n")).has_value());
}

// The files themselves, where they lie beside the repository: every item, and no answer that its
// own scorer would refuse.
TEST(PublicSuites, EveryItemIsRead) {
  const std::string folder = HEARTH_SHARED_DIR "/fixtures/evals/";
  if (!fs::exists(folder)) GTEST_SKIP() << folder << " is not there";
  const std::tuple<const char*, const char*, size_t> files[] = {
      {"math500", "math500/test.jsonl", 500}, {"gsm8k", "gsm8k/test.jsonl", 1319},
      {"aime", "aime24/aime24.jsonl", 30},    {"cmath", "cmath/test.jsonl", 1098},
      {"mgsm", "mgsm/mgsm_sw.tsv", 250},      {"mgsm", "mgsm/mgsm_zh.tsv", 250}};
  for (const auto& [name, file, count] : files) {
    const Suite* suite = find_suite(name);
    const auto items = suite->load(folder + file);
    ASSERT_TRUE(items.has_value()) << items.status().message();
    EXPECT_EQ(items->size(), count);
    for (const EvalItem& item : *items) {
      EXPECT_TRUE(is_right(*suite, item, "Thus $\\boxed{" + item.answer + "}$.")) << item.id;
      EXPECT_FALSE(is_right(*suite, item, "\\boxed{" + item.answer + "+1}")) << item.id;
    }
  }
}

EvalRecord record(const std::vector<EvalItem>& items, int64_t index) {
  MadeReply reply;
  reply.text = "reply\n" + std::to_string(index);
  reply.tokens = 3;
  reply.seconds = 0.1 * static_cast<double>(index);
  if (index != 1) reply.joules = 2.5;
  if (index == 2) reply.choices = {{-0.125, 1, 2}, {-3e-9, 4, 17}};
  return record_of(index, 0, items[static_cast<size_t>(index)], std::move(reply));
}

TEST_F(Files, RecordsSurviveBreaks) {
  std::vector<EvalItem> items(3);
  for (size_t i = 0; i < items.size(); ++i) items[i].id = std::to_string(i);
  const Json run = {{"suite", "s"}, {"seed", 1}};
  {
    auto file = RecordFile::open(path("r"), run, items);
    ASSERT_TRUE(file.has_value()) << file.status().message();
    ASSERT_TRUE(file->append(record(items, 0)).is_ok());
    ASSERT_TRUE(file->append(record(items, 2)).is_ok());
    EXPECT_EQ(RecordFile::open(path("r"), run, items).status().code(), Code::busy);
  }
  const std::string whole = *read_file(path("r"), 1 << 20);
  // Cut at every byte: what was whole is kept, the next record follows it.
  for (size_t cut = 0; cut <= whole.size(); ++cut) {
    write("r", whole.substr(0, cut));
    auto file = RecordFile::open(path("r"), run, items);
    ASSERT_TRUE(file.has_value()) << cut << ": " << file.status().message();
    const auto lines = std::count(whole.begin(), whole.begin() + static_cast<int64_t>(cut), '\n');
    EXPECT_EQ(file->earlier().size(), static_cast<size_t>(std::max<int64_t>(0, lines - 1)));
    ASSERT_TRUE(file->append(record(items, 1)).is_ok());
  }
  auto file = RecordFile::open(path("r"), run, items);
  ASSERT_TRUE(file.has_value());
  ASSERT_EQ(file->earlier().size(), 3u);
  EXPECT_EQ(to_json(file->earlier()[1]), to_json(record(items, 2)));
}

TEST_F(Files, RecordsOfAnotherRunAreRefused) {
  const std::vector<EvalItem> items(1);
  { ASSERT_TRUE(RecordFile::open(path("r"), {{"seed", 1}}, items).has_value()); }
  EXPECT_EQ(RecordFile::open(path("r"), {{"seed", 2}}, items).status().code(), Code::invalid);
  // Another data set of as many items with the same names.
  for (std::string EvalItem::*const field : {&EvalItem::prompt, &EvalItem::answer}) {
    std::vector<EvalItem> changed = items;
    changed[0].*field = "another";
    EXPECT_EQ(RecordFile::open(path("r"), {{"seed", 1}}, changed).status().code(), Code::invalid);
  }
  std::vector<EvalItem> continued = items;
  continued[0].continuations = {" A"};
  EXPECT_EQ(RecordFile::open(path("r"), {{"seed", 1}}, continued).status().code(), Code::invalid);
  EXPECT_TRUE(RecordFile::open(path("r"), {{"seed", 1}}, items).has_value());
  const std::string other = write("notes.txt", "my notes");
  EXPECT_FALSE(RecordFile::open(other, {{"seed", 1}}, items).has_value());
  EXPECT_EQ(*read_file(other, 100), "my notes");
}

}  // namespace
}  // namespace hearth
