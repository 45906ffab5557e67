// See check_request.h.
#include "hearth/engine/check_request.h"

namespace hearth {
namespace {

Status check_ids(std::string_view name, std::span<const int32_t> ids, int64_t vocab) {
  for (int32_t id : ids) {
    if (id < 0 || id >= vocab) {
      return error(Code::invalid, "{}: expected token ids in [0, {}), found {}", name, vocab, id);
    }
  }
  return Status::ok();
}

}  // namespace

Status check_request(const TokenRequest& request, int64_t vocab, int64_t context) {
  const auto length = static_cast<int64_t>(request.prompt.size());
  const auto generated = static_cast<int64_t>(request.generated.size());
  if (length == 0) return error(Code::invalid, "prompt: expected at least one token, found none");
  if (request.hidden == Hidden::none && length >= context) {
    return error(Code::invalid, "prompt: expected fewer than {} tokens (the context), found {}",
                 context, length);
  }
  if (length > context) {
    return error(Code::invalid, "prompt: expected at most {} tokens (the context), found {}",
                 context, length);
  }
  if (request.hidden != Hidden::none && generated > 0) {
    return error(Code::invalid, "generated: expected none beside hidden states, found {} tokens",
                 generated);
  }
  if (generated > context - length) {
    return error(Code::invalid, "generated: expected at most {} tokens (the context), found {}",
                 context - length, generated);
  }
  TRY(check_ids("prompt", request.prompt, vocab));
  TRY(check_ids("generated", request.generated, vocab));
  for (const LogitBias& b : request.sampling.logit_bias) {
    TRY(check_ids("logit_bias", {&b.id, 1}, vocab));
  }
  return check_sampling(request.sampling);
}

}  // namespace hearth
