// The quantisation card: a row says the worst of its suites, and both forms say the same.
#include "hearth/eval/card.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace hearth {
namespace {

CardScore score_of(const std::string& suite, int64_t right, int64_t n,
                   std::optional<Verdict> verdict) {
  CardScore out;
  out.suite = suite;
  out.score.right = right;
  out.score.replies = out.score.n = n;
  out.score.sum = static_cast<double>(right);
  if (!verdict) return out;
  out.against_base.emplace();
  out.against_base->difference = -0.25;
  out.against_base->verdict = *verdict;
  return out;
}

Card sample() {
  Card card;
  card.model = "m";
  card.command = "hearth eval card";
  card.text_name = "a book";
  card.machine = "a machine";
  CardRow base, small;
  base.format = "as stored";
  base.bytes = 4'000'000;
  base.parameters = small.parameters = 1'000'000;
  base.text.tokens = 77;
  base.text.ppl = 2;
  base.scores = {score_of("sums", 99, 100, {}), score_of("words", 50, 100, {})};
  small.format = "q4_k_m";
  small.bytes = 500'000;
  small.text.ppl = 3;
  small.text.kld_mean = 0.125;
  small.text.kld_p99 = 0.5;
  small.text.same_top1 = 0.75;
  small.scores = {score_of("sums", 74, 100, Verdict::worse),
                  score_of("words", 60, 100, Verdict::better)};
  card.rows = {base, small};
  return card;
}

TEST(Card, ARowSaysTheWorstOfItsSuites) {
  const Card card = sample();
  EXPECT_FALSE(verdict_of(card.rows[0]).has_value());
  EXPECT_EQ(verdict_of(card.rows[1]), Verdict::worse);
  CardRow row = card.rows[1];
  row.scores[0].against_base->verdict = Verdict::no_difference;
  EXPECT_EQ(verdict_of(row), Verdict::no_difference);
  row.scores[0].against_base->verdict = Verdict::better;
  EXPECT_EQ(verdict_of(row), Verdict::better);
}

TEST(Card, BothFormsSayTheSame) {
  const Json json = to_json(sample());
  EXPECT_EQ(json["tokens"], 77);
  const Json& row = json["rows"][1];
  EXPECT_EQ(row["bits_per_weight"], 4.0);
  EXPECT_EQ(row["kld_mean"], 0.125);
  EXPECT_EQ(row["scores"][0]["verdict"], "worse");
  EXPECT_EQ(row["verdict"], "worse");
  EXPECT_FALSE(json["rows"][0].contains("verdict"));
  EXPECT_FALSE(json["rows"][0].contains("kld_mean"));
  const std::string text = to_markdown(sample());
  EXPECT_NE(text.find("| q4_k_m | 0.50 | 4.00 | 0 | 3.0000 | 0.12500 | 75.00 % | 74.00 % ("),
            std::string::npos)
      << text;
  EXPECT_NE(text.find(", -25.00 |"), std::string::npos);
  // Every line of the table has as many cells.
  std::vector<int64_t> bars;
  for (size_t at = text.find("| format"); at < text.size();) {
    const size_t end = text.find('\n', at);
    bars.push_back(std::count(text.begin() + static_cast<int64_t>(at),
                              text.begin() + static_cast<int64_t>(end), '|'));
    at = end + 1;
  }
  EXPECT_EQ(bars, std::vector<int64_t>(4, 11));
}

}  // namespace
}  // namespace hearth
