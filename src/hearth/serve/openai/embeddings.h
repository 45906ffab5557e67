// The JSON of POST /v1/embeddings: what is asked, and the vectors. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/serve/answer_channel.h"
#include "hearth/serve/api_error.h"
#include "hearth/serve/generation_request.h"
#include "hearth/serve/openai/fields.h"

namespace hearth::serve {

inline constexpr int64_t kEmbeddingInputsMax = 2048;     // texts of one request, as OpenAI's
inline constexpr int64_t kEmbeddingValuesMax = 1 << 22;  // numbers of one reply: 16 MiB
inline constexpr int64_t kEmbeddingTokensMax = 300'000;  // of all of them together, as OpenAI's

struct EmbeddingRequest {
  std::string model;  // "": the one that is served
  std::vector<RawPrompt> inputs;
  bool base64 = false;               // little-endian f32 in base64, else numbers
  std::optional<int64_t> priority;   // as of a generation
  std::string user;                  // who asks through the caller, for the audit log
  std::vector<std::string> ignored;  // names of fields that mean nothing here
};

// nullopt: `out` is good. `width` is that of the model's vectors: other `dimensions` are refused,
// for only a model that was trained so may be cut.
std::optional<ApiError> read_embeddings(std::string_view body, int64_t vocab_size, int64_t width,
                                        EmbeddingRequest& out);
std::optional<ApiError> read_embeddings_fields(const Json& object, int64_t vocab_size,
                                               int64_t width, EmbeddingRequest& out);

// {"object": "list", "data": [{"object": "embedding", "index", "embedding"}], "model", "usage"}
std::string embeddings_json(const std::string& model,
                            const std::vector<std::vector<float>>& embeddings, const Usage& usage,
                            bool base64);

}  // namespace hearth::serve
