// See embeddings.h.
#include "hearth/serve/embeddings.h"

#include "hearth/serve/completions.h"

namespace hearth::serve {
namespace {

// Lives with its connection.
class PendingEmbeddings : public PendingAnswer {
 public:
  PendingEmbeddings(std::string model, bool base64,
                    std::vector<std::pair<std::string, std::string>> headers,
                    std::shared_ptr<AnswerChannel> channel, int64_t inputs)
      : model_(std::move(model)),
        base64_(base64),
        headers_(std::move(headers)),
        channel_(std::move(channel)),
        embeddings_(inputs) {}
  ~PendingEmbeddings() override {
    channel_->set_listener({});
    channel_->abandon(Abandon::disconnected);  // says nothing any more where all is answered
  }

  Progress poll(bool /*begun*/) override {
    AnswerChannel::Taken taken = channel_->take();
    embeddings_.add(std::move(taken.pieces));
    Progress out;
    out.ended = taken.ended;
    if (!taken.ended) return out;
    out.whole = taken.error
                    ? error_reply(*taken.error)
                    : json_reply(embeddings_json(model_, embeddings_.all(), taken.usage, base64_));
    if (!taken.error) out.whole->headers = headers_;
    return out;
  }

  void set_listener(std::function<void()> listener) override {
    channel_->set_listener(std::move(listener));
  }
  void abandon(Abandon reason) override { channel_->abandon(reason); }
  bool streams() const override { return false; }
  std::string sign_of_life() const override { return ""; }  // it has one piece, at the end
  std::vector<std::pair<std::string, std::string>> headers() const override { return headers_; }
  Usage usage() const override { return channel_->usage(); }

 private:
  const std::string model_;
  const bool base64_;
  const std::vector<std::pair<std::string, std::string>> headers_;
  const std::shared_ptr<AnswerChannel> channel_;
  CollectedEmbeddings embeddings_;
};

}  // namespace

std::optional<ApiError> make_inputs(const TextModel& model, const std::vector<RawPrompt>& inputs,
                                    int64_t context, std::vector<Prompt>& out) {
  int64_t total = 0;
  for (const RawPrompt& input : inputs) {
    Prompt prompt;
    prompt.ids = input.ids;
    if (input.ids.empty()) prompt = model.plain(input.text, false);
    const auto length = static_cast<int64_t>(prompt.ids.size());
    if (length > context) {
      return bad_field("input", "context_length_exceeded",
                       fmt::format("`input`: expected at most {} tokens (the context), found {}",
                                   context, length));
    }
    total += length;
    if (total > kEmbeddingTokensMax) {
      return bad_field("input", "invalid_value",
                       fmt::format("`input`: expected at most {} tokens in all texts together",
                                   kEmbeddingTokensMax));
    }
    out.push_back(std::move(prompt));
  }
  return std::nullopt;
}

void CollectedEmbeddings::add(std::vector<Piece> pieces) {
  for (Piece& piece : pieces) {
    vectors_[static_cast<size_t>(piece.choice)] = std::move(piece.embedding);
  }
}

std::shared_ptr<PendingAnswer> pending_embeddings(
    std::string model, bool base64, std::vector<std::pair<std::string, std::string>> headers,
    std::shared_ptr<AnswerChannel> channel, int64_t inputs) {
  return std::make_shared<PendingEmbeddings>(std::move(model), base64, std::move(headers),
                                             std::move(channel), inputs);
}

}  // namespace hearth::serve
