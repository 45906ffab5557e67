// See completion.h.
#include "hearth/eval/completion.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "hearth/files/json.h"
#include "hearth/files/outside_bytes.h"

namespace hearth {
namespace {

constexpr size_t kReasonBytes = 300;
constexpr std::string_view kThoughtBegins = "<think>";
constexpr std::string_view kThoughtEnds = "</think>";

std::string trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == text.npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin));
}

// Of a server that doesn't tell thought and answer apart.
void split_thought(MadeReply& reply) {
  const size_t end = reply.text.rfind(kThoughtEnds);
  if (end == reply.text.npos) return;
  std::string_view thought = std::string_view(reply.text).substr(0, end);
  const size_t begin = thought.find(kThoughtBegins);
  if (begin != thought.npos) thought.remove_prefix(begin + kThoughtBegins.size());
  reply.reasoning = trimmed(thought);
  reply.text = trimmed(std::string_view(reply.text).substr(end + kThoughtEnds.size()));
}

}  // namespace

std::string refusal_text(std::string_view body) {
  const auto json = parse_json(body);
  if (json) {
    const Json* const refusal = json_find(*json, "error");
    const auto message = json_string(refusal != nullptr ? *refusal : *json, "message");
    if (message && !message->empty()) return excerpt(*message, kReasonBytes);
  }
  const std::string text = trimmed(body);
  return text.empty() ? "no reason given"
                      : excerpt(text.substr(0, text.find_first_of("\r\n")), kReasonBytes);
}

Result<MadeReply> read_completion(std::string_view body) {
  JsonLimits limits;
  limits.bytes_max = kCompletionBytesMax;
  TRY_ASSIGN(const Json json, parse_json(body, limits));
  TRY_ASSIGN(const Json* choices, json_array(json, "choices"));
  if (choices->empty()) return error(Code::corrupt, "`choices`: expected one, found none");
  TRY_ASSIGN(const Json* message, json_object((*choices)[0], "message"));
  MadeReply reply;
  TRY_ASSIGN(reply.text, json_string_or(*message, "content", ""));
  TRY_ASSIGN(reply.reasoning, json_string_or(*message, "reasoning_content", ""));
  if (reply.reasoning.empty()) {
    TRY_ASSIGN(reply.reasoning, json_string_or(*message, "reasoning", ""));
  }
  if (reply.reasoning.empty()) split_thought(reply);
  TRY_ASSIGN(reply.finish_reason, json_string_or((*choices)[0], "finish_reason", "stop"));
  if (const Json* usage = json_find(json, "usage")) {
    TRY_ASSIGN(reply.tokens,
               json_int_or(*usage, "completion_tokens", 0, 0, std::numeric_limits<int64_t>::max()));
  }
  return reply;
}

}  // namespace hearth
