// What servers that speak the OpenAI API answer: a chat completion, or the reason of a refusal.
#pragma once

#include <string>
#include <string_view>

#include "hearth/eval/replies.h"

namespace hearth {

inline constexpr int64_t kCompletionBytesMax = int64_t{16} << 20;

// A chat completion that is whole (no stream), with the thought apart: as `reasoning_content` or
// `reasoning`, or before </think> where the server leaves it in the text. corrupt: it is none.
Result<MadeReply> read_completion(std::string_view body);

// The reason in the body of a refusal: error.message, or its first line, cut.
std::string refusal_text(std::string_view body);

}  // namespace hearth
