// The map of a masked text as a file, for restoring it in another process:
//   {"tokens": [{"token": "[MOBILE_1]", "type": "MOBILE", "value": "13800138000"}]}
// It holds the clear values: whoever writes it keeps others from reading it.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "hearth/guard/pii/vault.h"

namespace hearth::pii {

std::string write_map(const Vault& vault);
// corrupt: not this form, a token that is none or stands twice, an empty value.
Result<std::shared_ptr<const Vault>> parse_map(std::string_view json);

}  // namespace hearth::pii
