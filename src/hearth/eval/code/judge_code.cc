// See judge_code.h. A program of tests must come to its own end: its last line is a mark, without
// which exit(0) in the middle would pass. Calls are made by a driver that keeps the real standard
// output to itself and answers one line of JSON for each line of arguments.
#include "hearth/eval/code/judge_code.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "hearth/base/sha256.h"
#include "hearth/eval/code/extract_code.h"
#include "hearth/eval/code/sandbox.h"

namespace hearth::code {
namespace {

constexpr double kTolerance = 1e-6;
constexpr double kCompileSeconds = 60;
constexpr int64_t kCompileMemory = int64_t{2} << 30;
constexpr int64_t kBinaryBytes = int64_t{32} << 20;
constexpr size_t kNoteBytes = 200;

constexpr std::string_view kDriver = R"(import json, os, sys
results = os.fdopen(os.dup(1), "w")
os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
lines = sys.stdin.read().splitlines()
sys.stdin = open("/dev/null")
sys.setrecursionlimit(20000)
import solution
for line in lines:
    holder = solution.Solution() if hasattr(solution, "Solution") else solution
    value = getattr(holder, sys.argv[1])(*json.loads(line))
    results.write(json.dumps(value, allow_nan=False) + "\n")
    results.flush()
results.close()
os._exit(0)
)";

constexpr const char* kPython = "/usr/bin/python3";
constexpr const char* kCompiler = "/usr/bin/g++";

// Without its interpreter every reply would be wrong.
Status needs(const char* program) {
  if (::access(program, X_OK) == 0) return Status::ok();
  return error(Code::unsupported, "{}: not installed; the suite runs it", program);
}

Judgement wrong(std::string note) {
  if (note.size() > kNoteBytes) {
    size_t end = kNoteBytes;
    while (end > 0 && (static_cast<unsigned char>(note[end]) & 0xC0) == 0x80) --end;
    note = note.substr(0, end) + "...";
  }
  return {0, std::move(note)};
}

// The last line that a program wrote to standard error: Python's exceptions stand there.
std::string last_line(std::string_view text) {
  const size_t end = text.find_last_not_of("\r\n");
  if (end == text.npos) return "";
  const size_t begin = text.find_last_of('\n', end);
  const size_t first = begin == text.npos ? 0 : begin + 1;
  return std::string(text.substr(first, end + 1 - first));
}

// Why a run gives no result; nullopt: it ended by itself, and well.
std::optional<Judgement> failure_of(const SandboxRun& run, const SandboxLimits& limits) {
  switch (run.end) {
    case SandboxEnd::time:
      return wrong(fmt::format("time limit of {} s", limits.seconds));
    case SandboxEnd::memory:
      return wrong(fmt::format("memory limit of {} MiB", limits.memory_bytes >> 20));
    case SandboxEnd::output:
      return wrong(fmt::format("more than {} bytes of output", limits.output_bytes));
    case SandboxEnd::exited:
      break;
  }
  if (run.exit_code == 0) return std::nullopt;
  const std::string said = last_line(run.err);
  return wrong(said.empty() ? fmt::format("exit code {}", run.exit_code) : said);
}

SandboxLimits limits_of(const CodeTask& task) {
  SandboxLimits limits;
  limits.seconds = task.seconds;
  limits.memory_bytes = task.memory_mb << 20;
  return limits;
}

// The reply's program: its definition of the function behind `before`, or what goes on from
// `begun`.
std::string program_of(const CodeTask& task, std::string_view reply) {
  std::string code = extract_code(reply, task.language, task.name);
  if (task.name.empty() || task.begun.empty()) return task.before + code;
  if (definition_of(code, task.language, task.name) != std::string::npos) {
    return task.before + code;
  }
  return task.begun + code;
}

// Behind the tests: printed only where they came to their end.
std::string mark_of(const std::string& program) {
  Sha256 hash;
  hash.update(program);
  return hash.hex().substr(0, 32);
}

std::string with_tests(const CodeTask& task, const std::string& program, const std::string& mark) {
  if (task.language == Language::python) {
    return fmt::format("{}\n{}\nprint(\"\\n{}\")\n", program, task.tests, mark);
  }
  std::string tests = task.tests;
  // They begin with the brace that closes a function that was gone on from.
  const bool whole = definition_of(program, task.language, task.name) != std::string::npos &&
                     std::count(program.begin(), program.end(), '{') ==
                         std::count(program.begin(), program.end(), '}');
  if (whole && tests.starts_with('}')) tests.erase(0, 1);
  const size_t end = tests.rfind('}');
  if (end != tests.npos) tests.insert(end, fmt::format("  std::puts(\"\\n{}\");\n", mark));
  return fmt::format("#include <cstdio>\n{}\n{}\n", program, tests);
}

SandboxJob python_job(std::vector<SandboxFile> files, const SandboxLimits& limits,
                      std::vector<std::string> words) {
  SandboxJob job;
  job.command = {kPython};
  job.command.insert(job.command.end(), words.begin(), words.end());
  job.files = std::move(files);
  job.limits = limits;
  return job;
}

struct Compiled {
  std::string binary;
  std::optional<Judgement> failure;  // of the compiler
};

Result<Compiled> compile(const std::string& source) {
  SandboxJob job;
  job.command = {"/bin/sh", "-c",
                 "/usr/bin/g++ -std=c++17 -O2 -w -o program program.cpp && "
                 "cat program"};
  job.files = {{"program.cpp", source}};
  job.limits.seconds = kCompileSeconds;
  job.limits.memory_bytes = kCompileMemory;
  job.limits.output_bytes = kBinaryBytes;
  TRY_ASSIGN(SandboxRun run, run_in_sandbox(job));
  Compiled out;
  out.failure = failure_of(run, job.limits);
  if (out.failure) {
    const size_t at = run.err.find("error:");
    if (at != run.err.npos) out.failure = wrong(run.err.substr(at, run.err.find('\n', at) - at));
    out.failure->note = "does not compile: " + out.failure->note;
  }
  out.binary = std::move(run.out);
  return out;
}

SandboxJob binary_job(const std::string& binary, const SandboxLimits& limits) {
  SandboxJob job;
  job.command = {"./program"};
  job.files = {{"program", binary, true}};
  job.limits = limits;
  return job;
}

Result<Judgement> judge_by_program(const CodeTask& task, const std::string& program) {
  const std::string mark = mark_of(program);
  const std::string source = with_tests(task, program, mark);
  SandboxJob job;
  if (task.language == Language::python) {
    job = python_job({{"program.py", source}}, limits_of(task), {"program.py"});
  } else {
    TRY_ASSIGN(Compiled compiled, compile(source));
    if (compiled.failure) return *compiled.failure;
    job = binary_job(compiled.binary, limits_of(task));
  }
  TRY_ASSIGN(const SandboxRun run, run_in_sandbox(job));
  if (auto failure = failure_of(run, job.limits)) return *failure;
  if (!run.out.ends_with("\n" + mark + "\n")) return wrong("ended before the tests did");
  return judgement_of(true);
}

bool numbers_are_close(double a, double b) {
  return std::abs(a - b) <= kTolerance * std::max({1.0, std::abs(a), std::abs(b)});
}

using Value = nlohmann::json;  // objects without an order

bool values_are_close(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) return numbers_are_close(a.get<double>(), b.get<double>());
  if (!a.is_array() || !b.is_array()) return a == b;
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), values_are_close);
}

bool values_agree(Value expected, Value found, Comparison comparison) {
  if (comparison == Comparison::close) return values_are_close(expected, found);
  if (comparison == Comparison::unordered && expected.is_array() && found.is_array()) {
    std::sort(expected.begin(), expected.end());
    std::sort(found.begin(), found.end());
  }
  return expected == found;
}

Judgement unlike(size_t test, std::string_view expected, std::string_view found) {
  const auto cut = [](std::string_view text) { return text.substr(0, 60); };
  return wrong(fmt::format("test {}: expected {}, found {}", test + 1, cut(expected), cut(found)));
}

Result<Judgement> judge_by_calls(const CodeTask& task, const std::string& program) {
  SandboxJob job = python_job({{"driver.py", std::string(kDriver)}, {"solution.py", program}},
                              limits_of(task), {"driver.py", task.name});
  for (const Case& one : task.cases) job.input += one.input + "\n";
  TRY_ASSIGN(const SandboxRun run, run_in_sandbox(job));
  std::string_view rest = run.out;
  for (size_t i = 0; i < task.cases.size(); ++i) {
    const size_t end = rest.find('\n');
    if (end == rest.npos) {
      auto failure = failure_of(run, job.limits);
      return failure ? *failure : wrong(fmt::format("test {}: no result", i + 1));
    }
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    TRY_ASSIGN(const Json expected, parse_json(task.cases[i].expected));
    const auto found = parse_json(line);
    if (!found || !values_agree(expected, *found, task.comparison)) {
      return unlike(i, task.cases[i].expected, line);
    }
  }
  return judgement_of(true);
}

std::vector<std::string_view> words_of(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  std::vector<std::string_view> words;
  for (size_t at = text.find_first_not_of(kSpace); at < text.size();) {
    const size_t end = std::min(text.find_first_of(kSpace, at), text.size());
    words.push_back(text.substr(at, end - at));
    at = text.find_first_not_of(kSpace, end);
  }
  return words;
}

bool words_agree(std::string_view expected, std::string_view found, Comparison comparison) {
  const auto equal = [&](std::string_view a, std::string_view b) {
    if (a == b) return true;
    if (comparison != Comparison::close) return false;
    const auto number_a = parse_json(a), number_b = parse_json(b);
    return number_a && number_b && number_a->is_number() && number_b->is_number() &&
           numbers_are_close(number_a->get<double>(), number_b->get<double>());
  };
  const auto a = words_of(expected), b = words_of(found);
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), equal);
}

Result<Judgement> judge_by_runs(const CodeTask& task, const std::string& program) {
  SandboxJob job;
  if (task.language == Language::python) {
    job = python_job({{"program.py", program}}, limits_of(task), {"program.py"});
  } else {
    TRY_ASSIGN(Compiled compiled, compile(program));
    if (compiled.failure) return *compiled.failure;
    job = binary_job(compiled.binary, limits_of(task));
  }
  for (size_t i = 0; i < task.cases.size(); ++i) {
    job.input = task.cases[i].input;
    TRY_ASSIGN(const SandboxRun run, run_in_sandbox(job));
    if (auto failure = failure_of(run, job.limits)) {
      return wrong(fmt::format("test {}: {}", i + 1, failure->note));
    }
    if (!words_agree(task.cases[i].expected, run.out, task.comparison)) {
      return unlike(i, task.cases[i].expected, run.out);
    }
  }
  return judgement_of(true);
}

}  // namespace

Result<Judgement> judge_code(const CodeTask& task, std::string_view reply) {
  TRY(needs(task.language == Language::python ? kPython : kCompiler));
  const std::string program = program_of(task, reply);
  if (!task.tests.empty()) return judge_by_program(task, program);
  return task.name.empty() ? judge_by_runs(task, program) : judge_by_calls(task, program);
}

}  // namespace hearth::code
