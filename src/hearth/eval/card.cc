// See card.h.
#include "hearth/eval/card.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace hearth {
namespace {

double bits_per_weight(const CardRow& row) {
  if (row.parameters == 0) return 0;
  return 8 * static_cast<double>(row.bytes) / static_cast<double>(row.parameters);
}

Json to_json(const CardScore& score) {
  const Interval ci = score.score.ci95();
  Json out = {{"suite", score.suite},
              {"n", score.score.n},
              {"score", score.score.share()},
              {"ci95", {ci.low, ci.high}}};
  if (!score.against_base) return out;
  const RunComparison& c = *score.against_base;
  out["difference"] = c.difference;
  out["difference_ci95"] = {c.ci95.low, c.ci95.high};
  out["verdict"] = verdict_name(c.verdict);
  return out;
}

Json to_json(const CardRow& row) {
  Json out = {{"format", row.format},
              {"bytes", row.bytes},
              {"bits_per_weight", bits_per_weight(row)},
              {"decode_tok_s", row.decode_tok_s},
              {"ppl", row.text.ppl},
              {"ppl_stderr", row.text.ppl_stderr},
              {"scores", Json::array()}};
  if (row.text.kld_mean) {
    out["kld_mean"] = *row.text.kld_mean;
    out["kld_p99"] = *row.text.kld_p99;
    out["same_top1"] = *row.text.same_top1;
  }
  for (const CardScore& score : row.scores) out["scores"].push_back(to_json(score));
  if (const auto verdict = verdict_of(row)) out["verdict"] = verdict_name(*verdict);
  return out;
}

// "97.55 % (96.9 to 98.1)", and behind it how far that is from the base.
std::string score_cell(const CardScore& score) {
  const Interval ci = score.score.ci95();
  std::string out = fmt::format("{:.2f} % ({:.2f} to {:.2f})", 100 * score.score.share(),
                                100 * ci.low, 100 * ci.high);
  if (score.against_base) out += fmt::format(", {:+.2f}", 100 * score.against_base->difference);
  return out;
}

std::string to_markdown(const CardRow& row) {
  std::string out = fmt::format("| {} | {:.2f} | {:.2f} | {:.0f} | {:.4f} |", row.format,
                                static_cast<double>(row.bytes) / 1e6, bits_per_weight(row),
                                row.decode_tok_s, row.text.ppl);
  if (row.text.kld_mean) {
    out += fmt::format(" {:.5f} | {:.2f} % |", *row.text.kld_mean, 100 * *row.text.same_top1);
  } else {
    out += " | |";
  }
  for (const CardScore& score : row.scores) out += fmt::format(" {} |", score_cell(score));
  const auto verdict = verdict_of(row);
  return out + fmt::format(" {} |\n", verdict ? verdict_name(*verdict) : "the base");
}

}  // namespace

std::optional<Verdict> verdict_of(const CardRow& row) {
  std::optional<Verdict> worst;
  const auto rank = [](Verdict v) {
    return v == Verdict::worse ? 0 : v == Verdict::better ? 2 : 1;
  };
  for (const CardScore& score : row.scores) {
    if (!score.against_base) continue;
    const Verdict verdict = score.against_base->verdict;
    if (!worst || rank(verdict) < rank(*worst)) worst = verdict;
  }
  return worst;
}

Json to_json(const Card& card) {
  Json out = {{"model", card.model},
              {"command", card.command},
              {"machine", card.machine},
              {"text", card.text_name},
              {"tokens", card.rows.empty() ? 0 : card.rows.front().text.tokens},
              {"rows", Json::array()}};
  for (const CardRow& row : card.rows) out["rows"].push_back(to_json(row));
  return out;
}

std::string to_markdown(const Card& card) {
  std::string out = fmt::format("# Quantisation card of {}\n\nMade by\n\n```\n{}\n```\n\n",
                                card.model, card.command);
  const int64_t tokens = card.rows.empty() ? 0 : card.rows.front().text.tokens;
  out += fmt::format(
      "Perplexity, and KL divergence from the base's predictions (nats a token), over {} tokens: "
      "{}.\nScores with their 95 % interval (Wilson), and the difference to the base in points; "
      "the verdict is\npaired over the same items: exact McNemar test or bootstrap, at the 5 % "
      "level. tok/s: one sequence,\n{}.\n\n",
      tokens, card.text_name, card.machine);
  out += "| format | MB | bits a weight | tok/s | perplexity | KL | same best token |";
  std::string line = "|---|---|---|---|---|---|---|";
  if (!card.rows.empty()) {
    for (const CardScore& score : card.rows.front().scores) {
      out += fmt::format(" {} (n = {}) |", score.suite, score.score.n);
      line += "---|";
    }
  }
  out += " against the base |\n" + line + "---|\n";
  for (const CardRow& row : card.rows) out += to_markdown(row);
  return out;
}

}  // namespace hearth
