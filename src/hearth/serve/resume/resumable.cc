// See resumable.h.
#include "hearth/serve/resume/resumable.h"

namespace hearth::serve {
namespace {

ApiError conflict(std::string message) {
  return api_error(409, "not_resumable", std::move(message));
}

}  // namespace

std::string numerics_id(const std::vector<std::pair<std::string, std::string>>& facts) {
  std::string text;
  for (const auto& [name, value] : facts) {
    text += fmt::format("{}={}:{}\n", name, value.size(), value);
  }
  return hash_of_text(text).substr(0, 32);
}

bool is_resumable(const GenerationRequest& request, bool masked) {
  return request.stream && request.n == 1 && request.prompts.size() <= 1 && !request.logprobs &&
         !masked;
}

std::optional<ApiError> check_resumed(const ResumeState& begun, const ResumeState& now) {
  if (begun.body != now.body || begun.endpoint != now.endpoint) {
    return conflict("the answer was begun for another request");
  }
  if (begun.numerics != now.numerics) {
    return conflict(fmt::format("the answer was begun by a server of numerics {}, this one has {}",
                                begun.numerics, now.numerics));
  }
  if (begun.adapter != now.adapter) {
    return conflict("the answer was begun with other weights of its adapter");
  }
  if (begun.prompt != now.prompt) {
    return conflict("the chat template makes another prompt of this request now");
  }
  return std::nullopt;
}

}  // namespace hearth::serve
