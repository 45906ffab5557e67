// GenerationRequest: a chat or completion request as read from its JSON, checked field by field,
// before templates and tokens. What was not said stays empty and takes the model's default.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "hearth/engine/output_format.h"
#include "hearth/engine/sampler.h"
#include "hearth/text/template/chat_template.h"

namespace hearth::serve {

inline constexpr int64_t kChoicesMax = 128;     // `n` times the prompts of one request
inline constexpr int64_t kTopLogprobsMax = 20;  // alternatives shown for each token
inline constexpr int64_t kStopsMax = 16;
inline constexpr size_t kStopBytesMax = 1024;
inline constexpr int64_t kBiasesMax = 1024;

enum class Endpoint : uint8_t { chat, completion };
enum class ToolChoice : uint8_t { may_call, must_call };

// One prompt of /v1/completions: text, or ids.
struct RawPrompt {
  std::string text;
  std::vector<int32_t> ids;  // used when not empty
};

struct GenerationRequest {
  Endpoint endpoint = Endpoint::chat;
  std::string model;  // "": the one that is served
  ChatRequest chat;   // messages, tools and template variables of a chat
  ToolChoice tool_choice = ToolChoice::may_call;
  std::string named_tool;  // the one that must be called; "": any
  bool parallel_tool_calls = true;
  std::optional<int64_t> thinking_budget;  // tokens of the thought, at most
  std::string reasoning_effort;            // "", low, medium or high: a budget of the server's
  bool end_thought_loops = false;
  std::vector<RawPrompt> prompts;  // of a completion, at least one
  int64_t n = 1;
  bool stream = false;
  bool include_usage = false;
  bool echo = false;
  bool logprobs = false;
  int64_t top_logprobs = 0;
  std::optional<int64_t> max_tokens;
  std::optional<int64_t> priority;  // lower goes first; absent: as the caller's key says
  std::vector<std::string> stop;
  SamplingOverrides sampling;
  OutputFormat format;
  std::string format_field;          // that said it, for errors: response_format, guided_regex, ...
  std::string user;                  // the end user, as the caller names them; "": not said
  std::vector<std::string> ignored;  // names of fields that mean nothing here
};

}  // namespace hearth::serve
