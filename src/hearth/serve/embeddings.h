// From a checked request for embeddings to a job of the engine, and from its channel to the reply.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hearth/serve/engine_loop.h"
#include "hearth/serve/exchange.h"
#include "hearth/serve/openai/embeddings.h"

namespace hearth::serve {

// The tokens of `inputs`. 400 for one that is longer than `context`, and where all together are
// more than kEmbeddingTokensMax.
std::optional<ApiError> make_inputs(const TextModel& model, const std::vector<RawPrompt>& inputs,
                                    int64_t context, std::vector<Prompt>& out);

// The vectors of a channel, by input.
class CollectedEmbeddings {
 public:
  explicit CollectedEmbeddings(int64_t inputs) : vectors_(static_cast<size_t>(inputs)) {}
  void add(std::vector<Piece> pieces);
  const std::vector<std::vector<float>>& all() const { return vectors_; }

 private:
  std::vector<std::vector<float>> vectors_;
};

// The reply over HTTP.
std::shared_ptr<PendingAnswer> pending_embeddings(
    std::string model, bool base64, std::vector<std::pair<std::string, std::string>> headers,
    std::shared_ptr<AnswerChannel> channel, int64_t inputs);

}  // namespace hearth::serve
