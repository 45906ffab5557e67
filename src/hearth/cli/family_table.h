// The R1 family on this machine, as `hearth doctor` and `hearth plan --all` show it.
#pragma once

#include <vector>

#include "hearth/cli/verb.h"
#include "hearth/files/json.h"
#include "hearth/host/family.h"

namespace hearth::cli {

// Whether rows fit a GPU is null where none is known.
Json family_json(const std::vector<FamilyRow>& rows, bool gpu_known);
// What a forecast is limited by, in a few words.
std::string_view limit_text(Limit limit, const Session& session);
void print_family(const std::vector<FamilyRow>& rows, const Session& session);

}  // namespace hearth::cli
