// Instructions whose following a program can verify, by the ids and parameters of the public IFEval
// (Zhou et al. 2023). The checkers are our own.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/status.h"
#include "hearth/files/json.h"

namespace hearth::instructions {

// `reply` is valid UTF-8. Work is about linear in it.
using Check = std::function<bool(std::string_view reply)>;

// Parameters that are null count as absent. unsupported: an id that is none of ours, named.
// corrupt: a parameter that is missing or of another kind.
Result<Check> make_check(std::string_view id, const Json& parameters);

std::vector<std::string_view> known_ids();

}  // namespace hearth::instructions
