// JSON bytes to requests: pure functions, every wrong field one 400 that names it. No sockets, no
// engine.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/serve/api_error.h"
#include "hearth/serve/generation_request.h"
#include "hearth/serve/openai/fields.h"

namespace hearth::serve {

// POST /v1/chat/completions and /v1/completions; nullopt: `out` is good. Token ids are checked
// against `vocab_size`.
std::optional<ApiError> read_generation(Endpoint endpoint, std::string_view body,
                                        int64_t vocab_size, GenerationRequest& out);
// The same of an object that is parsed already.
std::optional<ApiError> read_generation_fields(Endpoint endpoint, const Json& object,
                                               int64_t vocab_size, GenerationRequest& out);

// A text, texts, ids, or lists of ids: at least one, at most `count_max`.
void read_texts(Fields& fields, std::string_view key, int64_t vocab_size, int64_t count_max,
                std::vector<RawPrompt>& out);

// `priority`, as vLLM's: lower numbers go first.
void read_priority(Fields& fields, std::optional<int64_t>& out);

// Who asks through the caller: OpenAI's newer name for it, then the older one. Only the audit log
// is told.
void read_user(Fields& fields, std::string& out);

// `tools` and `tool_choice` of a chat: the tools as the template takes them; null where none may be
// called.
void read_tools(Fields& fields, GenerationRequest& out);

// `messages` as the chat template takes them: roles known, contents text, earlier thoughts as
// `reasoning_content`. `ignored`: the names of other members, "messages.weight".
std::optional<ApiError> read_messages(const Json& messages, Json& out,
                                      std::vector<std::string>& ignored);

// POST /tokenize: a text (`prompt` or `content`), or a conversation.
struct TokenizeRequest {
  std::string model;
  std::string text;
  std::optional<Json> messages;
  bool add_special = true;
  bool with_pieces = false;
  std::vector<std::string> ignored;  // names of fields that mean nothing here
};
std::optional<ApiError> read_tokenize(std::string_view body, TokenizeRequest& out);
std::optional<ApiError> read_tokenize_fields(const Json& object, TokenizeRequest& out);

// POST /detokenize.
struct DetokenizeRequest {
  std::string model;
  std::vector<int32_t> tokens;
  std::vector<std::string> ignored;
};
std::optional<ApiError> read_detokenize(std::string_view body, int64_t vocab_size,
                                        DetokenizeRequest& out);

}  // namespace hearth::serve
