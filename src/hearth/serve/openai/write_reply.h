// Answers to JSON, as OpenAI's API shapes them with DeepSeek's fields for the thought: whole
// replies, chunks of a stream, lists. Pure functions; bytes that are no UTF-8 become U+FFFD.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/files/json.h"
#include "hearth/guard/label/label.h"
#include "hearth/serve/answer_channel.h"
#include "hearth/serve/generation_request.h"
#include "hearth/text/tokenizer/tokenizer.h"

namespace hearth::serve {

// Under which name the thought goes out.
enum class ReasoningField : uint8_t { reasoning_content, reasoning, both };

// What all chunks of a reply have in common.
struct ReplyHead {
  Endpoint endpoint = Endpoint::chat;
  std::string id;
  int64_t created = 0;  // seconds since 1970
  std::string model;
  std::string fingerprint;
  ReasoningField field = ReasoningField::reasoning_content;
  bool include_usage = false;
  bool logprobs = false;
  bool top_logprobs = false;
  std::optional<label::Mark> label;  // in whole replies, in first and last chunks
};

struct WholeCall {
  std::string name, arguments;
};

// One answer of a whole reply.
struct WholeChoice {
  std::string text, reasoning, finish;
  std::vector<WholeCall> calls;
  std::vector<TokenLogprob> logprobs, reasoning_logprobs;

  void add(Piece piece);
};

// JSON as it is sent.
std::string dump_json(const Json& json);
// "data: JSON\n\n"
std::string sse_event(std::string_view json);
inline constexpr std::string_view kSseDone = "data: [DONE]\n\n";
inline constexpr std::string_view kSseKeepAlive = ": keep-alive\n\n";

// What the request has cost goes into its usage, where that is asked for.
void add_spent(const Usage& usage, Json& out);

// The first chunk of a choice says the role and no more.
std::string role_chunk_json(const ReplyHead& head, int32_t choice);
std::string chunk_json(const ReplyHead& head, const Piece& piece, const Tokenizer& tokenizer);
// The last one where usage is asked for: no choices.
std::string usage_chunk_json(const ReplyHead& head, const Usage& usage);
std::string reply_json(const ReplyHead& head, const std::vector<WholeChoice>& choices,
                       const Usage& usage, const Tokenizer& tokenizer);

// GET /v1/models
std::string models_json(const std::vector<std::string>& names, int64_t created, int64_t context);
// GET /v1/models/NAME
std::string model_json(const std::string& name, int64_t created, int64_t context);
// POST /tokenize and /detokenize
std::string tokens_json(const std::vector<int32_t>& ids, int64_t context, bool with_pieces,
                        const Tokenizer& tokenizer);
std::string text_json(const std::string& text);
// {"status": WORD}
std::string status_json(std::string_view word);

}  // namespace hearth::serve
