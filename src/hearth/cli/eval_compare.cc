// hearth eval compare: whether a second run of a suite is worse than a first, from their records.
#include <nlohmann/json.hpp>

#include "hearth/cli/eval_parts.h"
#include "hearth/eval/compare.h"

namespace hearth::cli {
namespace {

struct Options {
  std::string a, b;
  bool gate = false;
};

Json to_json(const RunComparison& c) {
  Json out = {{"items", c.items},
              {"unpaired", c.unpaired},
              {"a", c.a},
              {"b", c.b},
              {"difference", c.difference},
              {"ci95", {c.ci95.low, c.ci95.high}},
              {"only_a", c.only_a},
              {"only_b", c.only_b},
              {"mcnemar_p", nullptr},
              {"verdict", verdict_name(c.verdict)},
              {"words", in_words(c)}};
  if (c.mcnemar_p) out["mcnemar_p"] = *c.mcnemar_p;
  return out;
}

void print(const RunComparison& c) {
  fmt::print("A {:.2f}%   B {:.2f}%\n", 100 * c.a, 100 * c.b);
  if (c.mcnemar_p) fmt::print("right in A alone: {}   in B alone: {}\n", c.only_a, c.only_b);
  if (c.unpaired > 0) fmt::print("left out, in one run only: {} items\n", c.unpaired);
  fmt::print("{}\n", in_words(c));
}

Status compare(const Options& options, const Session& session) {
  TRY_ASSIGN(const StoredRecords a, read_records(options.a));
  TRY_ASSIGN(const StoredRecords b, read_records(options.b));
  TRY_ASSIGN(const RunComparison comparison, compare_runs(a, b));
  if (session.json) {
    fmt::print("{}\n", to_json(comparison).dump());
  } else {
    print(comparison);
  }
  if (!options.gate || comparison.verdict != Verdict::worse) return Status::ok();
  return error(Code::internal, "{} is worse than {}", options.b, options.a);
}

}  // namespace

void add_eval_compare(CLI::App& group, Session& session) {
  auto options = std::make_shared<Options>();
  CLI::App* verb =
      add_verb(group, session, "compare",
               "whether run B of a suite is worse than run A, from their --items files",
               "hearth eval compare base.records q4.records",
               [options, &session] { return compare(*options, session); });
  verb->add_option("A", options->a, "records of the first run")->required();
  verb->add_option("B", options->b, "records of the second")->required();
  verb->add_flag("--gate", options->gate, "exit code 1 where B is worse");
}

}  // namespace hearth::cli
