// What an engine takes: requests whose ids are tokens of its model and whose length fits its
// context.
#pragma once

#include "hearth/engine/engine.h"

namespace hearth {

// invalid: an empty prompt, an id that is not in [0, vocab), prompt or answer longer than the
// context, sampling parameters.
Status check_request(const TokenRequest& request, int64_t vocab, int64_t context);

}  // namespace hearth
