// What a reply's program is held against: tests that are a program themselves (HumanEval, MBPP),
// calls of one function, or runs from standard input to standard output. Kept as JSON in
// EvalItem::answer. What calls and runs should give never enters the sandbox.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hearth/files/json.h"

namespace hearth::code {

enum class Language { python, cpp };

struct Case {
  std::string input;     // a call's arguments as a JSON array, or what a run reads
  std::string expected;  // JSON, or text compared word by word
};

enum class Comparison {
  exact,      // JSON values; 2 equals 2.0
  unordered,  // the same, where the outermost array has no order
  close,      // numbers may differ by 1e-6, relative or absolute
};

struct CodeTask {
  Language language = Language::python;
  std::string name;         // of the function asked for; "": a whole program that reads its input
  std::string before;       // stands before a reply that defines `name`: imports and helpers
  std::string begun;        // what a reply goes on from where it doesn't define `name`
  std::string tests;        // behind the reply: a program that ends well where it is right
  std::vector<Case> cases;  // or these
  Comparison comparison = Comparison::exact;
  double seconds = 10;  // for all calls together; for each run alone
  int64_t memory_mb = 1024;
};

// corrupt: a value of the wrong kind or out of bounds, a task with both tests and cases or neither.
Result<CodeTask> task_from(const Json& json);
Json to_json(const CodeTask& task);

}  // namespace hearth::code
