// Runs a reply's program in the sandbox and says whether it does what the task asks.
#pragma once

#include <string_view>

#include "hearth/eval/code/code_task.h"
#include "hearth/eval/suite.h"

namespace hearth::code {

// An error is the sandbox's; whatever a program does is a judgement. Notes name the first failure:
// "test 3: expected [1, 2], found [2, 1]", "time limit of 5 s", "NameError: name 'x' ...".
Result<Judgement> judge_code(const CodeTask& task, std::string_view reply);

}  // namespace hearth::code
