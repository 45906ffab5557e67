// HumanEval (also MultiPL-E's in C++), MBPP and sets of problems with tests, in the formats of
// their public files. A reply is right when its program passes in the sandbox (judge_code.h); where
// there is no sandbox these suites don't run.
#pragma once

#include <span>

#include "hearth/eval/suite.h"

namespace hearth::code {

std::span<const Suite> code_suites();

}  // namespace hearth::code
