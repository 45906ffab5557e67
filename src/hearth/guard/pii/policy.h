// Policy: what is looked for, and what a server does with it. Read from JSON:
//   {"types": ["MOBILE", "CN_ID"], "except": ["IP"], "names": true, "score_min": 0.5}
// Without `types` all but names and addresses; `names` adds those.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "hearth/base/status.h"
#include "hearth/guard/pii/detector.h"

namespace hearth::pii {

// off: nothing is looked for. log_only: requests stay as they are, what was found is counted.
// mask: the model sees tokens, the caller the values. block: a request with personal data is
// refused.
enum class Mode : uint8_t { off, log_only, mask, block };
std::string_view mode_name(Mode mode);
std::optional<Mode> find_mode(std::string_view name);

// corrupt: not JSON, an unknown key or type, a score beyond [0.05, 1].
Result<DetectOptions> parse_policy(std::string_view json);
Result<DetectOptions> read_policy(const std::string& path);

}  // namespace hearth::pii
