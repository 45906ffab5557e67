// See report.h. All three forms say the same; texts of models and of files are escaped in each.
#include "hearth/eval/report.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "hearth/eval/costs.h"
#include "hearth/eval/html_text.h"
#include "hearth/eval/interval_chart.h"
#include "hearth/eval/score_table.h"
#include "hearth/files/atomic_file.h"

namespace hearth {
namespace {

constexpr size_t kLengthBins = 5;
constexpr size_t kWrongShown = 50;
constexpr size_t kExcerptBytes = 400;

Json to_json(const Score& score) {
  const Interval ci = score.ci95();
  return {{"n", score.n},
          {"replies", score.replies},
          {"right", score.right},
          {"score", score.share()},
          {"ci95", {ci.low, ci.high}}};
}

Json to_json(const std::map<std::string, Score>& scores) {
  Json out = Json::object();
  for (const auto& [name, score] : scores) out[name] = to_json(score);
  return out;
}

double tokens_per_second(const EvalResult& result) {
  return result.seconds > 0 ? static_cast<double>(result.new_tokens) / result.seconds : 0;
}

int64_t samples_of(const EvalResult& result) {
  int64_t samples = 1;
  for (const EvalRecord& record : result.records) samples = std::max(samples, record.sample + 1);
  return samples;
}

// Replies in bins of about equal count, by their tokens, thought included. Replies of one length
// stay together. None where no replies were written.
std::vector<RecordRefs> by_length(const EvalResult& result) {
  if (result.tokens == 0) return {};
  RecordRefs sorted = refs_of(result.records);
  std::sort(sorted.begin(), sorted.end(), [](const EvalRecord* a, const EvalRecord* b) {
    return std::pair(a->tokens, a->item) < std::pair(b->tokens, b->item);
  });
  std::vector<RecordRefs> bins;
  for (size_t begin = 0, bin = 1; begin < sorted.size(); ++bin) {
    size_t end = std::max(begin + 1, sorted.size() * bin / kLengthBins);
    while (end < sorted.size() && sorted[end]->tokens == sorted[end - 1]->tokens) ++end;
    bins.emplace_back(sorted.begin() + static_cast<std::ptrdiff_t>(begin),
                      sorted.begin() + static_cast<std::ptrdiff_t>(end));
    begin = end;
  }
  return bins;
}

IntervalBar bar_of(const RecordRefs& bin) {
  double sum = 0;
  for (const EvalRecord* record : bin) sum += record->judgement.value;
  const auto n = std::ssize(bin);
  const double share = sum / static_cast<double>(n);
  return {fmt::format("{}-{}", bin.front()->tokens, bin.back()->tokens), share,
          wilson95_of_share(share, n), n};
}

std::vector<IntervalBar> bars_of(const std::map<std::string, Score>& scores) {
  std::vector<IntervalBar> bars;
  for (const auto& [name, score] : scores) {
    bars.push_back({name, score.share(), score.ci95(), score.n});
  }
  return bars;
}

struct Cost {
  const char *name, *unit;
  Amount amount;
};
constexpr std::array<Cost, 2> kCosts = {
    {{"seconds", "s", &EvalRecord::seconds}, {"joules", "J", &EvalRecord::joules}}};

// Names of files and groups may hold bytes that are no UTF-8.
std::string indented(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

std::string excerpt(std::string_view text) {
  if (text.size() <= kExcerptBytes) return std::string(text);
  size_t end = kExcerptBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return std::string(text.substr(0, end)) + " ...";
}

std::string in_brackets(const Interval& ci) {
  return fmt::format(" ({:.2f} to {:.2f})", 100 * ci.low, 100 * ci.high);
}

// Nothing where it says no more than the score.
std::map<int64_t, Estimate> pass_at_of(const EvalResult& result) {
  const int64_t samples = samples_of(result);
  return samples > 1 ? pass_at(result.records, samples) : std::map<int64_t, Estimate>();
}

std::string summary(const EvalReport& report) {
  const EvalResult& result = *report.result;
  const Interval ci = result.all.ci95();
  std::string out =
      fmt::format("{:.2f} % (95 % interval {:.2f} to {:.2f}) of {} items", 100 * result.all.share(),
                  100 * ci.low, 100 * ci.high, result.all.n);
  for (const auto& [k, share] : pass_at_of(result)) {
    if (k == 1) continue;
    out += fmt::format("; pass@{} {:.2f} %{}", k, 100 * share.value, in_brackets(share.ci95));
  }
  for (const Measure& measure : result.measures) {
    out += fmt::format("; {} {:.2f}{}", measure.name, 100 * measure.value,
                       measure.ci95 ? in_brackets(*measure.ci95) : "");
  }
  out += fmt::format("; {} tokens", result.tokens);
  for (const Cost& cost : kCosts) {
    const auto spread = spread_of(refs_of(result.records), cost.amount);
    if (spread) out += fmt::format("; {:.4g} {}", spread->sum, cost.name);
  }
  return out;
}

// What replies took, all together and one by one.
std::string markdown_costs(const EvalResult& result) {
  std::string rows;
  for (const Cost& cost : kCosts) {
    const auto spread = spread_of(refs_of(result.records), cost.amount);
    if (!spread) continue;
    rows += fmt::format("| {} | {} | {:.4g} | {:.4g} | {:.4g} | {:.4g} | {:.4g} |\n", cost.name,
                        spread->replies, spread->sum, spread->mean, spread->median, spread->p90,
                        spread->max);
  }
  if (rows.empty()) return "";
  return "\n| a reply's | replies | sum | mean | median | 90 % | most "
         "|\n|---|---|---|---|---|---|---|\n" +
         rows;
}

std::string mean_cell(const RecordRefs& bin, const Cost& cost) {
  const auto spread = spread_of(bin, cost.amount);
  return spread ? fmt::format("{:.4g}", spread->mean) : "";
}

std::string markdown_lengths(const EvalResult& result) {
  const std::vector<RecordRefs> bins = by_length(result);
  if (bins.empty()) return "";
  std::string out =
      "\n| tokens of the reply | replies | score | 95 % interval | mean seconds | mean joules |\n"
      "|---|---|---|---|---|---|\n";
  for (const RecordRefs& bin : bins) {
    const IntervalBar bar = bar_of(bin);
    out += fmt::format("| {} | {} | {:.2f} % | {:.2f} to {:.2f} | {} | {} |\n", bar.name, bar.n,
                       100 * bar.value, 100 * bar.ci95.low, 100 * bar.ci95.high,
                       mean_cell(bin, kCosts[0]), mean_cell(bin, kCosts[1]));
  }
  return out;
}

std::string markdown_cell(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '|' ? "\\|" : std::string(1, c);
  return out;
}

std::string markdown_table(const char* title, const std::map<std::string, Score>& scores) {
  if (scores.empty()) return "";
  std::string out =
      fmt::format("\n| {} | items | score | 95 % interval |\n|---|---|---|---|\n", title);
  for (const auto& [name, score] : scores) {
    const Interval ci = score.ci95();
    out += fmt::format("| {} | {} | {:.2f} % | {:.2f} to {:.2f} |\n", markdown_cell(name), score.n,
                       100 * score.share(), 100 * ci.low, 100 * ci.high);
  }
  return out;
}

std::string html_table(const char* title, const std::map<std::string, Score>& scores) {
  if (scores.empty()) return "";
  std::string out = fmt::format(
      "<table><tr><th>{}</th><th>items</th><th>score</th><th>95 % interval</th></tr>\n", title);
  for (const auto& [name, score] : scores) {
    const Interval ci = score.ci95();
    out +=
        fmt::format("<tr><td>{}</td><td>{}</td><td>{:.2f} %</td><td>{:.2f} to {:.2f}</td></tr>\n",
                    escaped_html(name), score.n, 100 * score.share(), 100 * ci.low, 100 * ci.high);
  }
  return out + "</table>\n";
}

std::string html_costs(const EvalResult& result) {
  std::string rows, plots;
  const RecordRefs records = refs_of(result.records);
  for (const Cost& cost : kCosts) {
    const auto spread = spread_of(records, cost.amount);
    if (!spread) continue;
    rows += fmt::format(
        "<tr><td>{}</td><td>{}</td><td>{:.4g}</td><td>{:.4g}</td><td>{:.4g}</td><td>{:.4g}</td>"
        "<td>{:.4g}</td></tr>\n",
        cost.name, spread->replies, spread->sum, spread->mean, spread->median, spread->p90,
        spread->max);
    plots += fmt::format("<h3>{} of each reply (filled: right)</h3>\n", cost.name) +
             cost_chart_svg(records, cost.amount, cost.unit);
  }
  if (rows.empty()) return "";
  return "<h2>Latency and energy</h2>\n<table><tr><th>a reply's</th><th>replies</th><th>sum</th>"
         "<th>mean</th><th>median</th><th>90 %</th><th>most</th></tr>\n" +
         rows + "</table>\n" + plots;
}

std::string html_lengths(const EvalResult& result) {
  std::vector<IntervalBar> bars;
  for (const RecordRefs& bin : by_length(result)) bars.push_back(bar_of(bin));
  if (bars.empty()) return "";
  return "<h2>By the reply's length, in tokens</h2>\n" + interval_chart_svg(bars);
}

Score clean_of(const EvalReport& report) {
  return score_without(*report.contamination, report.result->records);
}

std::string markdown_contamination(const EvalReport& report) {
  if (!report.contamination) return "";
  std::string out =
      fmt::format("\nContamination: {}\n", in_words(*report.contamination, clean_of(report)));
  if (!report.contamination->items.empty()) out += "\n| item | overlap |\n|---|---|\n";
  for (const Contamination::Item& item : report.contamination->items) {
    out += fmt::format("| {} | {:.0f} % |\n", markdown_cell(item.id), 100 * item.share);
  }
  return out;
}

std::string html_contamination(const EvalReport& report) {
  if (!report.contamination) return "";
  std::string out = fmt::format("<h2>Contamination</h2>\n<p>{}</p>\n",
                                in_words(*report.contamination, clean_of(report)));
  if (report.contamination->items.empty()) return out;
  out += "<table><tr><th>item</th><th>overlap</th></tr>\n";
  for (const Contamination::Item& item : report.contamination->items) {
    out += fmt::format("<tr><td>{}</td><td>{:.0f} %</td></tr>\n", escaped_html(item.id),
                       100 * item.share);
  }
  return out + "</table>\n";
}

// Of each reply what it took, for whoever draws it anew.
Json replies_of(const EvalResult& result) {
  Json out = Json::array();
  for (const EvalRecord& record : result.records) {
    Json reply = {{"id", record.id},
                  {"sample", record.sample},
                  {"tokens", record.tokens},
                  {"value", record.judgement.value}};
    for (const Cost& cost : kCosts) {
      if (record.*cost.amount) reply[cost.name] = *(record.*cost.amount);
    }
    out.push_back(std::move(reply));
  }
  return out;
}

std::string html_wrong(const EvalResult& result) {
  std::string out;
  size_t shown = 0;
  for (const EvalRecord& record : result.records) {
    if (record.judgement.right() || shown == kWrongShown) continue;
    ++shown;
    out += fmt::format(
        "<details><summary>{} {}</summary><h3>Prompt</h3><pre>{}</pre><h3>Expected</h3>"
        "<pre>{}</pre><h3>Reply</h3><pre>{}</pre></details>\n",
        escaped_html(record.id), escaped_html(record.judgement.note),
        escaped_html(excerpt(record.prompt)), escaped_html(excerpt(record.answer)),
        escaped_html(excerpt(record.reply)));
  }
  if (out.empty()) return "";
  return fmt::format("<h2>Wrong replies (the first {})</h2>\n{}", shown, out);
}

constexpr std::string_view kStyle = R"(
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { border-bottom: 1px solid #ccc; padding: .2rem .8rem; text-align: right }
th:first-child, td:first-child { text-align: left }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #f4f4f4; padding: .5rem }
h3 { font-size: 1rem; margin: .5rem 0 0 } summary { cursor: pointer }
)";

}  // namespace

Json to_json(const EvalReport& report) {
  const EvalResult& result = *report.result;
  Json out = {{"suite", report.suite}};
  out.update(to_json(result.all));
  for (const auto& [k, share] : pass_at_of(result)) {
    out["pass_at"][std::to_string(k)] = share.value;
    out["pass_at_ci95"][std::to_string(k)] = {share.ci95.low, share.ci95.high};
  }
  for (const Measure& measure : result.measures) {
    out["measures"][measure.name] = measure.value;
    if (measure.ci95) {
      out["measures_ci95"][measure.name] = {measure.ci95->low, measure.ci95->high};
    }
  }
  out["groups"] = to_json(result.groups);
  out["classes"] = to_json(result.details);
  if (!result.table.cells.empty()) out["cells"] = table_json(result.table);
  if (report.contamination) {
    out["contamination"] = hearth::to_json(*report.contamination, clean_of(report));
  }
  if (const Json* sandbox = json_find(report.run, "sandbox")) out["sandbox"] = *sandbox;
  out["items_file"] = report.items_file;
  out["tokens"] = result.tokens;
  out["tok_s"] = tokens_per_second(result);
  for (const Cost& cost : kCosts) {
    const auto spread = spread_of(refs_of(result.records), cost.amount);
    out[cost.name] = spread ? hearth::to_json(*spread) : Json(nullptr);
  }
  return out;
}

std::string to_markdown(const EvalReport& report) {
  const EvalResult& result = *report.result;
  std::string out = fmt::format("# {}\n\n{}.\n\n```json\n{}\n```\n", report.suite, summary(report),
                                indented(report.run));
  out += markdown_table("group", result.groups);
  out += markdown_table("class", result.details);
  out += table_markdown(result.table);
  return out + markdown_lengths(result) + markdown_costs(result) + markdown_contamination(report);
}

std::string to_html(const EvalReport& report) {
  const EvalResult& result = *report.result;
  const std::string name = escaped_html(report.suite);
  std::string out = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{0}</title>"
      "<style>{1}</style></head><body>\n<h1>{0}</h1>\n<p>{2}.</p>\n",
      name, kStyle, escaped_html(summary(report)));
  if (!result.groups.empty()) {
    out += "<h2>By group</h2>\n" + interval_chart_svg(bars_of(result.groups)) +
           html_table("group", result.groups);
  }
  out += table_html(result.table) + html_lengths(result) + html_costs(result) +
         html_contamination(report);
  if (!result.details.empty()) {
    out += "<h2>By class</h2>\n" + html_table("class", result.details);
  }
  out += fmt::format("<h2>The run</h2>\n<pre>{}</pre>\n", escaped_html(indented(report.run)));
  return out + html_wrong(result) + "</body></html>\n";
}

Status check_report_path(const std::string& path) {
  if (path.ends_with(".json") || path.ends_with(".md") || path.ends_with(".html")) {
    return Status::ok();
  }
  return error(Code::invalid, "--report: expected a file .html, .md or .json, found `{}`", path);
}

Status write_report(const EvalReport& report, const std::string& path) {
  TRY(check_report_path(path));
  if (path.ends_with(".html")) return write_whole(path, to_html(report));
  if (path.ends_with(".md")) return write_whole(path, to_markdown(report));
  Json json = to_json(report);
  json["run"] = report.run;
  json["replies_each"] = replies_of(*report.result);
  return write_whole(path, indented(json) + "\n");
}

}  // namespace hearth
