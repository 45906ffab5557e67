// See compare.h. Items are paired by their names; a prompt that differs under the same name means
// two data sets, which is refused.
#include "hearth/eval/compare.h"

#include <array>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "hearth/files/outside_bytes.h"

namespace hearth {
namespace {

constexpr double kLevel = 0.05;

struct ItemScore {
  std::string prompt;
  double sum = 0;
  int64_t replies = 0;

  double value() const { return sum / static_cast<double>(replies); }
};

Result<std::map<std::string, ItemScore>> scores_of(const StoredRecords& stored) {
  std::map<std::string, ItemScore> out;
  for (const EvalRecord& record : stored.records) {
    ItemScore& score = out[record.id];
    if (score.replies > 0 && score.prompt != record.prompt) {
      return error(Code::invalid, "item `{}` has two prompts in one run: name items by `id`",
                   excerpt(record.id));
    }
    score.prompt = record.prompt;
    score.sum += record.judgement.value;
    score.replies += 1;
  }
  return out;
}

Status check_suites(const StoredRecords& a, const StoredRecords& b) {
  TRY_ASSIGN(const std::string first, json_string_or(a.run, "suite", ""));
  TRY_ASSIGN(const std::string second, json_string_or(b.run, "suite", ""));
  if (first == second) return Status::ok();
  return error(Code::invalid, "expected two runs of one suite, found `{}` and `{}`", excerpt(first),
               excerpt(second));
}

Verdict verdict_of(const RunComparison& c) {
  const bool differs = c.mcnemar_p ? *c.mcnemar_p < kLevel : c.ci95.low > 0 || c.ci95.high < 0;
  if (!differs || c.difference == 0) return Verdict::no_difference;
  return c.difference > 0 ? Verdict::better : Verdict::worse;
}

// Down to here a loss would most likely have shown: the interval's end, but never less than the
// share of losses of which `items` drawn items hold none in 1 of 40 cases. A bootstrap of equal
// values knows nothing of that.
double unseen_loss(const RunComparison& c) {
  const double none_drawn = 1 - std::pow(0.025, 1 / static_cast<double>(c.items));
  return std::max(-c.ci95.low, none_drawn);
}

}  // namespace

Result<RunComparison> compare_runs(const StoredRecords& a, const StoredRecords& b) {
  TRY(check_suites(a, b));
  TRY_ASSIGN(const auto first, scores_of(a));
  TRY_ASSIGN(const auto second, scores_of(b));
  RunComparison out;
  std::vector<double> differences;
  bool single = true;  // one reply an item, right or wrong
  for (const auto& [id, x] : first) {
    const auto found = second.find(id);
    if (found == second.end()) continue;
    const ItemScore& y = found->second;
    if (x.prompt != y.prompt) {
      return error(Code::invalid, "item `{}`: expected the same prompt in both runs", excerpt(id));
    }
    out.a += x.value();
    out.b += y.value();
    out.only_a += x.value() == 1 && y.value() == 0 ? 1 : 0;
    out.only_b += x.value() == 0 && y.value() == 1 ? 1 : 0;
    for (const ItemScore* score : {&x, &y}) {
      single = single && score->replies == 1 && (score->sum == 0 || score->sum == 1);
    }
    differences.push_back(y.value() - x.value());
  }
  if (differences.empty()) return error(Code::invalid, "expected items that both runs have");
  out.items = std::ssize(differences);
  out.unpaired = std::ssize(first) + std::ssize(second) - 2 * out.items;
  out.a /= static_cast<double>(out.items);
  out.b /= static_cast<double>(out.items);
  out.difference = out.b - out.a;
  out.ci95 = bootstrap95_of_mean(differences);
  if (single) out.mcnemar_p = mcnemar_exact(out.only_a, out.only_b);
  out.verdict = verdict_of(out);
  return out;
}

std::string_view verdict_name(Verdict verdict) {
  constexpr std::array<std::string_view, 3> kNames = {"no difference", "better", "worse"};
  return kNames[static_cast<size_t>(verdict)];
}

std::string in_words(const RunComparison& c) {
  const std::string measured =
      fmt::format("{:+.2f} points, 95 % interval {:+.2f} to {:+.2f}{}, over {} items",
                  100 * c.difference, 100 * c.ci95.low, 100 * c.ci95.high,
                  c.mcnemar_p ? fmt::format(", McNemar p = {:.4f}", *c.mcnemar_p) : "", c.items);
  if (c.verdict == Verdict::no_difference) {
    return fmt::format(
        "No difference is shown: {}. A loss of more than {:.2f} points would have been unlikely.",
        measured, 100 * unseen_loss(c));
  }
  return fmt::format("The second is {}: {}.", verdict_name(c.verdict), measured);
}

}  // namespace hearth
