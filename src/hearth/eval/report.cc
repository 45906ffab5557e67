// See report.h. All three forms say the same; texts of models and of files are escaped in each.
#include "hearth/eval/report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "hearth/eval/interval_chart.h"
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
// stay together.
std::vector<IntervalBar> by_length(const EvalResult& result) {
  std::vector<const EvalRecord*> sorted;
  for (const EvalRecord& record : result.records) sorted.push_back(&record);
  std::sort(sorted.begin(), sorted.end(), [](const EvalRecord* a, const EvalRecord* b) {
    return std::pair(a->tokens, a->item) < std::pair(b->tokens, b->item);
  });
  std::vector<IntervalBar> bars;
  for (size_t begin = 0, bin = 1; begin < sorted.size(); ++bin) {
    size_t end = std::max(begin + 1, sorted.size() * bin / kLengthBins);
    while (end < sorted.size() && sorted[end]->tokens == sorted[end - 1]->tokens) ++end;
    double sum = 0;
    for (size_t i = begin; i < end; ++i) sum += sorted[i]->judgement.value;
    const auto n = static_cast<int64_t>(end - begin);
    const double share = sum / static_cast<double>(n);
    bars.push_back({fmt::format("{}-{}", sorted[begin]->tokens, sorted[end - 1]->tokens), share,
                    wilson95_of_share(share, n), n});
    begin = end;
  }
  return bars;
}

std::vector<IntervalBar> bars_of(const std::map<std::string, Score>& scores) {
  std::vector<IntervalBar> bars;
  for (const auto& [name, score] : scores) {
    bars.push_back({name, score.share(), score.ci95(), score.n});
  }
  return bars;
}

// Names of files and groups may hold bytes that are no UTF-8.
std::string indented(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string excerpt(std::string_view text) {
  if (text.size() <= kExcerptBytes) return std::string(text);
  size_t end = kExcerptBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return std::string(text.substr(0, end)) + " ...";
}

std::string summary(const EvalReport& report) {
  const EvalResult& result = *report.result;
  const Interval ci = result.all.ci95();
  std::string out =
      fmt::format("{:.2f} % (95 % interval {:.2f} to {:.2f}) of {} items", 100 * result.all.share(),
                  100 * ci.low, 100 * ci.high, result.all.n);
  for (const auto& [k, share] : pass_at(result.records, samples_of(result))) {
    if (k > 1) out += fmt::format("; pass@{} {:.2f} %", k, 100 * share);
  }
  for (const Measure& measure : result.measures) {
    out += fmt::format("; {} {:.2f}", measure.name, 100 * measure.value);
  }
  return out + fmt::format("; {} tokens", result.tokens);
}

std::string markdown_table(const char* title, const std::map<std::string, Score>& scores) {
  if (scores.empty()) return "";
  std::string out =
      fmt::format("\n| {} | items | score | 95 % interval |\n|---|---|---|---|\n", title);
  for (const auto& [name, score] : scores) {
    const Interval ci = score.ci95();
    std::string cell;
    for (const char c : name) cell += c == '|' ? "\\|" : std::string(1, c);
    out += fmt::format("| {} | {} | {:.2f} % | {:.2f} to {:.2f} |\n", cell, score.n,
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
                    escaped(name), score.n, 100 * score.share(), 100 * ci.low, 100 * ci.high);
  }
  return out + "</table>\n";
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
        escaped(record.id), escaped(record.judgement.note), escaped(excerpt(record.prompt)),
        escaped(excerpt(record.answer)), escaped(excerpt(record.reply)));
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
  if (const int64_t samples = samples_of(result); samples > 1) {
    for (const auto& [k, share] : pass_at(result.records, samples)) {
      out["pass_at"][std::to_string(k)] = share;
    }
  }
  for (const Measure& measure : result.measures) out["measures"][measure.name] = measure.value;
  out["groups"] = to_json(result.groups);
  out["classes"] = to_json(result.details);
  out["items_file"] = report.items_file;
  out["tokens"] = result.tokens;
  out["tok_s"] = tokens_per_second(result);
  return out;
}

std::string to_markdown(const EvalReport& report) {
  const EvalResult& result = *report.result;
  std::string out = fmt::format("# {}\n\n{}.\n\n```json\n{}\n```\n", report.suite, summary(report),
                                indented(report.run));
  out += markdown_table("group", result.groups);
  out += markdown_table("class", result.details);
  out += "\n| tokens of the reply | replies | score | 95 % interval |\n|---|---|---|---|\n";
  for (const IntervalBar& bar : by_length(result)) {
    out += fmt::format("| {} | {} | {:.2f} % | {:.2f} to {:.2f} |\n", bar.name, bar.n,
                       100 * bar.value, 100 * bar.ci95.low, 100 * bar.ci95.high);
  }
  return out;
}

std::string to_html(const EvalReport& report) {
  const EvalResult& result = *report.result;
  const std::string name = escaped(report.suite);
  std::string out = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{0}</title>"
      "<style>{1}</style></head><body>\n<h1>{0}</h1>\n<p>{2}.</p>\n",
      name, kStyle, escaped(summary(report)));
  if (!result.groups.empty()) {
    out += "<h2>By group</h2>\n" + interval_chart_svg(bars_of(result.groups)) +
           html_table("group", result.groups);
  }
  out += "<h2>By the reply's length, in tokens</h2>\n" + interval_chart_svg(by_length(result));
  if (!result.details.empty()) {
    out += "<h2>By class</h2>\n" + html_table("class", result.details);
  }
  out += fmt::format("<h2>The run</h2>\n<pre>{}</pre>\n", escaped(indented(report.run)));
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
  return write_whole(path, indented(json) + "\n");
}

}  // namespace hearth
