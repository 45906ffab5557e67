// A run's report: JSON, Markdown, or one HTML page that needs no other file, with plots of the
// score by group and by the length of the reply, and of what each reply took.
#pragma once

#include <optional>
#include <string>

#include "hearth/eval/contamination.h"
#include "hearth/eval/run.h"

namespace hearth {

struct EvalReport {
  std::string suite;
  Json run;  // what was run: model, sampling, seed
  const EvalResult* result;
  std::string items_file;
  std::optional<Contamination> contamination = {};  // where a tuning set was named
};

Json to_json(const EvalReport& report);
std::string to_markdown(const EvalReport& report);
std::string to_html(const EvalReport& report);

// By the file's ending: .json, .md or .html. invalid: another one; asked before a run, too.
Status check_report_path(const std::string& path);
Status write_report(const EvalReport& report, const std::string& path);

}  // namespace hearth
