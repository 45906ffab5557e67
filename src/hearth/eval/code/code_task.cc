// See code_task.h.
#include "hearth/eval/code/code_task.h"

#include <array>
#include <nlohmann/json.hpp>
#include <span>

#include "hearth/files/outside_bytes.h"

namespace hearth::code {
namespace {

constexpr double kSecondsMax = 600;
constexpr int64_t kMemoryMbMin = 64, kMemoryMbMax = 65'536;
constexpr size_t kCasesMax = 1000;

constexpr std::array<std::string_view, 2> kLanguages = {"python", "cpp"};
constexpr std::array<std::string_view, 3> kComparisons = {"exact", "unordered", "close"};

// The place of a word in a list, as the enum's value.
Result<size_t> one_of(const Json& json, const char* key, std::span<const std::string_view> names) {
  TRY_ASSIGN(const std::string word, json_string_or(json, key, names[0]));
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] == word) return i;
  }
  return error(Code::corrupt, "`{}`: expected {}, found \"{}\"", key, fmt::join(names, ", "),
               excerpt(word));
}

// {"args", "expected"} of a call, {"input", "output"} of a run.
Result<Case> case_from(const Json& json, bool call) {
  Case out;
  if (!call) {
    TRY_ASSIGN(out.input, json_string(json, "input"));
    TRY_ASSIGN(out.expected, json_string(json, "output"));
    return out;
  }
  TRY_ASSIGN(const Json* arguments, json_array(json, "args"));
  const auto expected = json.find("expected");  // may be null
  if (expected == json.end())
    return error(Code::corrupt, "`expected`: expected a value, found none");
  out.input = arguments->dump();
  out.expected = expected->dump();
  return out;
}

}  // namespace

Result<CodeTask> task_from(const Json& json) {
  CodeTask task;
  TRY_ASSIGN(const size_t language, one_of(json, "language", kLanguages));
  task.language = static_cast<Language>(language);
  TRY_ASSIGN(const size_t comparison, one_of(json, "compare", kComparisons));
  task.comparison = static_cast<Comparison>(comparison);
  TRY_ASSIGN(task.name, json_string_or(json, "entry_point", ""));
  TRY_ASSIGN(task.before, json_string_or(json, "before", ""));
  TRY_ASSIGN(task.begun, json_string_or(json, "begun", ""));
  TRY_ASSIGN(task.tests, json_string_or(json, "tests", ""));
  TRY_ASSIGN(task.seconds, json_number_or(json, "seconds", task.seconds, 0.01, kSecondsMax));
  TRY_ASSIGN(task.memory_mb,
             json_int_or(json, "memory_mb", task.memory_mb, kMemoryMbMin, kMemoryMbMax));
  if (json_find(json, "cases") != nullptr) {
    TRY_ASSIGN(const Json* cases, json_array(json, "cases"));
    if (cases->size() > kCasesMax) {
      return error(Code::corrupt, "`cases`: expected no more than {}, found {}", kCasesMax,
                   cases->size());
    }
    for (const Json& one : *cases) {
      TRY_ASSIGN(Case made, case_from(one, !task.name.empty()));
      task.cases.push_back(std::move(made));
    }
  }
  if (task.tests.empty() == task.cases.empty()) {
    return error(Code::corrupt, "expected either `tests` or `cases`");
  }
  if (!task.name.empty() && !task.cases.empty() && task.language != Language::python) {
    return error(Code::corrupt, "`language`: calls of a function are made in python, found \"{}\"",
                 kLanguages[language]);
  }
  return task;
}

Json to_json(const CodeTask& task) {
  Json out = {{"language", kLanguages[static_cast<size_t>(task.language)]},
              {"entry_point", task.name},
              {"compare", kComparisons[static_cast<size_t>(task.comparison)]},
              {"seconds", task.seconds},
              {"memory_mb", task.memory_mb}};
  for (const auto& [key, text] :
       {std::pair{"before", &task.before}, {"begun", &task.begun}, {"tests", &task.tests}}) {
    if (!text->empty()) out[key] = *text;
  }
  for (const Case& one : task.cases) {
    Json made;
    if (task.name.empty()) {
      made = {{"input", one.input}, {"output", one.expected}};
    } else {
      made["args"] = Json::parse(one.input);  // both were written by dump
      made["expected"] = Json::parse(one.expected);
    }
    out["cases"].push_back(std::move(made));
  }
  return out;
}

}  // namespace hearth::code
