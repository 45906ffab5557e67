// The bytes of hearth.v1 requests to requests of the engine. A message becomes the JSON object that
// an HTTP client would have sent, so that one reader checks both and names the same fields.
#pragma once

#include <google/protobuf/message.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "hearth/serve/api_error.h"
#include "hearth/serve/generation_request.h"
#include "hearth/serve/openai/embeddings.h"
#include "hearth/serve/openai/read_request.h"

namespace hearth::serve {

// hearth.v1.ChatRequest and GenerateRequest; nullopt: `out` is good. Bytes are looked over before
// they are parsed: what asks for many times its own size in memory is a 400.
std::optional<ApiError> read_rpc_generation(Endpoint endpoint, std::string_view bytes,
                                            int64_t vocab_size, GenerationRequest& out);
// hearth.v1.TokenizeRequest.
std::optional<ApiError> read_rpc_tokenize(std::string_view bytes, TokenizeRequest& out);

// hearth.v1.EmbedRequest.
std::optional<ApiError> read_rpc_embeddings(std::string_view bytes, int64_t vocab_size,
                                            int64_t width, EmbeddingRequest& out);

// `bytes` as the message that `out` is: 400 for anything else, nesting beyond 32 levels or more
// than 500,000 fields included.
std::optional<ApiError> parse_message(std::string_view bytes, google::protobuf::Message& out);

}  // namespace hearth::serve
