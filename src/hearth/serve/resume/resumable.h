// Streams that another replica can take over: which they are, and what a replica checks before it
// goes on with one. A resumed answer is the same request with the seed, the time and the tokens
// that it had; the engine computes these tokens again in their role, as after a preemption.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hearth/serve/api_error.h"
#include "hearth/serve/resume/resume_state.h"

namespace hearth::serve {

struct ResumePolicy {
  std::string key;       // "": streams are not resumable
  std::string numerics;  // of this server; see numerics_id
};

// A stream that is asked to be resumable.
struct ResumeAsk {
  std::string body;                      // SHA-256 of the request's
  std::optional<ResumedAnswer> resumed;  // absent: it begins
};

// A stream that is.
struct Resumable {
  ResumeState state;
  ResumeMarks marks;
  bool resumed = false;  // another replica began it
};

// The hash of everything that is said as NAME=VALUE: what answers depend on beside their requests.
std::string numerics_id(const std::vector<std::pair<std::string, std::string>>& facts);

// Whether a stream of this request can be taken over. Not one of several answers, whose pieces
// would have to be put in order; nor log probabilities, which are not computed again for tokens
// that are known; nor masked texts, whose values no other process has.
bool is_resumable(const GenerationRequest& request, bool masked);

// 409: the answer was begun by a server that differs from this one (`now`) in something that
// decides its tokens.
std::optional<ApiError> check_resumed(const ResumeState& begun, const ResumeState& now);

}  // namespace hearth::serve
