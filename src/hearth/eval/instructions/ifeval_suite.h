// Verifiable instructions in the public JSONL format of IFEval: `key`, `prompt`,
// `instruction_id_list` and one object of parameters for each, `kwargs`.
#pragma once

#include "hearth/eval/suite.h"
#include "hearth/files/json.h"

namespace hearth::instructions {

const Suite& ifeval_suite();

// Strict: the reply follows the instruction as it stands. Loose: it does so without its first line,
// its last line, its asterisks, or any of these together. Errors are make_check's.
struct Followed {
  bool strict = false, loose = false;
};
Result<Followed> followed(const std::string& id, const Json& parameters, std::string_view reply);

}  // namespace hearth::instructions
