// See code_suites.h.
#include "hearth/eval/code/code_suites.h"

#include <array>
#include <nlohmann/json.hpp>

#include "hearth/eval/code/code_task.h"
#include "hearth/eval/code/extract_code.h"
#include "hearth/eval/code/judge_code.h"
#include "hearth/eval/code/sandbox.h"
#include "hearth/eval/jsonl.h"
#include "hearth/files/outside_bytes.h"

namespace hearth::code {
namespace {

constexpr double kHumanEvalSeconds = 3;  // as its authors' tool has it

EvalItem item_of(std::string id, std::string prompt, const CodeTask& task) {
  EvalItem item;
  item.id = std::move(id);
  item.prompt = std::move(prompt);
  item.answer = to_json(task).dump();
  return item;
}

std::string fenced(std::string_view code, Language language) {
  return fmt::format("```{}\n{}{}```", language == Language::python ? "python" : "cpp", code,
                     code.ends_with('\n') ? "" : "\n");
}

// A task's number or name.
Result<std::string> task_id(const Json& line) {
  const Json* id = json_find(line, "task_id");
  if (id != nullptr && id->is_number_integer()) return id->dump();
  return json_string(line, "task_id");
}

// MultiPL-E has no entry point: its tests say `auto candidate = name;`.
std::string candidate_of(std::string_view tests) {
  constexpr std::string_view kCandidate = "candidate = ";
  const size_t at = tests.find(kCandidate);
  if (at == tests.npos) return "";
  const std::string_view rest = tests.substr(at + kCandidate.size());
  return std::string(rest.substr(0, rest.find(';')));
}

// {"task_id", "prompt", "entry_point", "test"}; MultiPL-E: {"task_id", "language": "cpp", "prompt",
// "test" or "tests"}. The prompt is the beginning of a program.
Result<EvalItem> humaneval_item(const Json& line) {
  CodeTask task;
  TRY_ASSIGN(std::string id, task_id(line));
  TRY_ASSIGN(task.begun, json_string(line, "prompt"));
  TRY_ASSIGN(task.tests, json_string(line, json_find(line, "test") ? "test" : "tests"));
  TRY_ASSIGN(const std::string language, json_string_or(line, "language", "python"));
  if (language == "python") {
    TRY_ASSIGN(task.name, json_string(line, "entry_point"));
    task.tests += fmt::format("\ncheck({})\n", task.name);
    task.seconds = kHumanEvalSeconds;
  } else if (language == "cpp") {
    task.language = Language::cpp;
    task.name = candidate_of(task.tests);
  } else {
    return error(Code::unsupported, "`language`: expected python or cpp, found \"{}\"", language);
  }
  const size_t definition = definition_of(task.begun, task.language, task.name);
  if (task.name.empty() || definition == task.begun.npos) {
    return error(Code::corrupt, "`prompt`: expected the beginning of the function `{}`",
                 excerpt(task.name));
  }
  task.before = task.begun.substr(0, definition);
  std::string prompt = fmt::format(
      "Complete the following function. Give the whole function, with what it needs, in one code "
      "block.\n{}",
      fenced(task.begun, task.language));
  EvalItem item = item_of(std::move(id), std::move(prompt), task);
  item.group = language;
  return item;
}

// {"task_id", "prompt" or "text", "test" or "test_list"}, at times "test_setup_code" or
// "test_imports". The tests are shown: their names and types are part of the problem.
Result<EvalItem> mbpp_item(const Json& line) {
  CodeTask task;
  TRY_ASSIGN(std::string id, task_id(line));
  TRY_ASSIGN(const std::string problem,
             json_string(line, json_find(line, "text") ? "text" : "prompt"));
  TRY_ASSIGN(task.before, json_string_or(line, "test_setup_code", ""));
  const auto add_lines = [&](const char* key, std::string& text) -> Status {
    TRY_ASSIGN(const Json* lines, json_array(line, key));
    for (const Json& one : *lines) {
      if (!one.is_string()) return error(Code::corrupt, "`{}`: expected an array of texts", key);
      text += one.get<std::string>() + "\n";
    }
    return Status::ok();
  };
  if (!task.before.empty()) task.before += '\n';
  if (json_find(line, "test_imports")) TRY(add_lines("test_imports", task.before));
  TRY(add_lines(json_find(line, "test_list") ? "test_list" : "test", task.tests));
  std::string prompt =
      fmt::format("{}\nGive the Python code in one code block. It should pass these tests:\n{}",
                  problem, fenced(task.tests, task.language));
  return item_of(std::move(id), std::move(prompt), task);
}

// {"task_id", "difficulty", "prompt", "prompt_zh", "starter", "limits": {"seconds", "memory_mb"}}
// and what task_from reads.
Result<EvalItem> problem_item(const Json& line, bool chinese) {
  TRY_ASSIGN(std::string id, task_id(line));
  TRY_ASSIGN(std::string prompt, json_string(line, chinese ? "prompt_zh" : "prompt"));
  TRY_ASSIGN(const std::string difficulty, json_string_or(line, "difficulty", ""));
  TRY_ASSIGN(const std::string starter, json_string_or(line, "starter", ""));
  Json flat = line;
  if (const Json* limits = json_find(line, "limits")) {
    for (const char* key : {"seconds", "memory_mb"}) {
      if (const Json* value = json_find(*limits, key)) flat[key] = *value;
    }
  }
  TRY_ASSIGN(const CodeTask task, task_from(flat));
  const char* language = task.language == Language::python ? "Python" : "C++17";
  if (chinese) {
    prompt += fmt::format("\n请用 {} 编写，并把完整代码放在一个代码块中。", language);
    if (!starter.empty()) prompt += "从这里开始：\n" + fenced(starter, task.language);
  } else {
    prompt += fmt::format("\nWrite it in {} and give the whole code in one code block.", language);
    if (!starter.empty()) prompt += " Begin with:\n" + fenced(starter, task.language);
  }
  EvalItem item = item_of(std::move(id), std::move(prompt), task);
  item.group = difficulty;
  item.detail = task.language == Language::python ? "python" : "cpp";
  return item;
}

Result<Judgement> judge(const EvalItem& item, std::string_view reply) {
  TRY_ASSIGN(const Json answer, parse_json(item.answer));
  TRY_ASSIGN(const CodeTask task, task_from(answer));
  return judge_code(task, reply);
}

Suite suite(std::string name, std::string description, std::string data_files,
            std::function<Result<EvalItem>(const Json&)> item) {
  Suite out = {std::move(name),
               std::move(description),
               kR1ReplyTokensMax,
               kR1Temperature,
               kR1TopP,
               std::move(data_files),
               [item = std::move(item)](const std::string& path) { return read_items(path, item); },
               judge,
               sandbox_ready};
  out.sandbox = sandbox_bounds;
  return out;
}

}  // namespace

std::span<const Suite> code_suites() {
  static const std::array<Suite, 4> kSuites = {
      suite("humaneval", "functions of HumanEval, or MultiPL-E's in C++, by --data", "",
            humaneval_item),
      suite("mbpp", "short Python problems of MBPP, by --data", "", mbpp_item),
      suite("code", "30 problems with tests that come with Hearth, or a file of such by --data",
            "problems.jsonl", [](const Json& line) { return problem_item(line, false); }),
      suite("code_zh", "the same with Chinese statements", "problems.jsonl",
            [](const Json& line) { return problem_item(line, true); })};
  return kSuites;
}

}  // namespace hearth::code
