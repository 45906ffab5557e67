// Overlap with a tuning set: what is found, what is a suite's own, what is too short.
#include "hearth/eval/contamination.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "hearth/base/random.h"

namespace hearth {
namespace {

constexpr const char* kTemplate =
    "\n\nPlease reason step by step, and put your final answer within \\boxed{} at the end of it "
    "all.";

std::string drawn_words(uint64_t seed, int n) {
  std::string out;
  for (int i = 0; i < n; ++i) {
    seed += kSplitMixStep;
    out += fmt::format("{}w{}", i > 0 ? " " : "", splitmix64(seed) % 5000);
  }
  return out;
}

Contamination found(const std::vector<std::string>& prompts, const std::vector<Json>& tuning) {
  std::vector<EvalItem> items;
  for (const std::string& prompt : prompts) {
    EvalItem item;
    item.id = std::to_string(items.size());
    item.prompt = prompt;
    items.push_back(item);
  }
  const std::string path =
      std::filesystem::temp_directory_path() / fmt::format("hearth_tuned_{}.jsonl", ::getpid());
  {
    std::ofstream file(path);
    for (const Json& line : tuning) file << line.dump() << "\n";
  }
  auto out = find_contamination(items, {path});
  std::filesystem::remove(path);
  EXPECT_TRUE(out.has_value()) << out.status().message();
  return *std::move(out);
}

TEST(Contamination, ItemsAreFoundWhateverTheirCaseAndPunctuation) {
  std::vector<std::string> prompts;
  for (uint64_t i = 0; i < 20; ++i) {
    prompts.push_back(drawn_words(100 * i, 30 + static_cast<int>(i % 3)) + kTemplate);
  }
  std::string seventh = prompts[7];
  for (char& c : seventh) c = c == ' ' ? '-' : static_cast<char>(c == 'w' ? 'W' : c);
  const std::vector<Json> tuning = {
      {{"messages", {{{"role", "user"}, {"content", "Solve: " + seventh}}}}},
      {{"prompt", drawn_words(5, 40) + kTemplate}, {"completion", prompts[3].substr(0, 40)}}};
  const Contamination c = found(prompts, tuning);
  EXPECT_EQ(c.checked, 20);
  EXPECT_EQ(c.too_short, 0);
  EXPECT_EQ(c.texts, 4);
  ASSERT_EQ(c.items.size(), 1u);
  EXPECT_EQ(c.items[0].id, "7");
  EXPECT_EQ(c.items[0].share, 1);
}

// The template alone, which all items have, is no overlap; nor is a run that many have.
TEST(Contamination, TheSuitesOwnWordsDontCount) {
  std::vector<std::string> prompts;
  const std::string given = drawn_words(9, 20);
  for (uint64_t i = 0; i < 40; ++i) {
    const std::string middle = i % 2 == 0 ? " " + given + " " : " ";
    prompts.push_back(drawn_words(100 * i, 7) + middle + drawn_words(100 * i + 7, 7) + kTemplate);
  }
  const Contamination c = found(prompts, {{{"a", kTemplate}}, {{"b", given}}});
  EXPECT_EQ(c.checked, 40);
  EXPECT_TRUE(c.items.empty());
  EXPECT_EQ(found(prompts, {{{"a", prompts[4]}}}).items.size(), 1u);
}

TEST(Contamination, TheShareDecides) {
  const std::string long_text = drawn_words(1, 100);
  const auto first_words = [&](int n) { return drawn_words(1, n); };
  const std::vector<std::string> prompts = {long_text, drawn_words(777, 100)};
  EXPECT_EQ(found(prompts, {{{"a", first_words(50)}}}).items.size(), 1u);
  EXPECT_EQ(found(prompts, {{{"a", first_words(49)}}}).items.size(), 0u);
  // Runs don't go on from one text to the next.
  EXPECT_EQ(found(prompts, {{{"a", first_words(12)}, {"b", first_words(12)}}}).items.size(), 0u);
}

TEST(Contamination, ShortItemsAreComparedWholeOrNotAtAll) {
  const std::vector<std::string> prompts = {"What is 12 plus 30 today?", "12+30=?", "one two three",
                                            "鲁迅的原名是什么？", "水的沸点是多少度？"};
  const Contamination c = found(
      prompts, {{{"q", "Tell me. What is 12 plus 30 today?"}}, {{"q", "请问：鲁迅的原名是什么"}}});
  EXPECT_EQ(c.too_short, 2);
  EXPECT_EQ(c.checked, 3);
  ASSERT_EQ(c.items.size(), 2u);
  EXPECT_EQ(c.items[0].id, "0");
  EXPECT_EQ(c.items[1].id, "3");
  std::vector<EvalRecord> records(5);
  for (size_t i = 0; i < 5; ++i) {
    records[i].id = std::to_string(i);
    records[i].judgement = judgement_of(i == 0 || i == 4);
  }
  const Score clean = score_without(c, records);
  EXPECT_EQ(clean.n, 3);
  EXPECT_EQ(clean.right, 1);
  EXPECT_NE(in_words(c, clean).find("2 of 3 items"), std::string::npos);
  EXPECT_EQ(to_json(c, clean)["without_them"]["n"], 3);
}

}  // namespace
}  // namespace hearth
