// Verifiable instructions in the public JSONL format of IFEval: `key`, `prompt`,
// `instruction_id_list` and one object of parameters for each, `kwargs`.
#pragma once

#include "hearth/eval/suite.h"

namespace hearth::instructions {

const Suite& ifeval_suite();

}  // namespace hearth::instructions
