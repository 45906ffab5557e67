// See rpc_stream.h.
#include "hearth/serve/grpc/rpc_stream.h"

#include <hearth/v1/hearth.pb.h>

#include <utility>

#include "hearth/serve/embeddings.h"

namespace hearth::serve {
namespace {

void write_chance(const TokenChance& chance, const Tokenizer& tokenizer, v1::TokenChance& out) {
  out.set_id(chance.id);
  out.set_token(std::string(tokenizer.token_bytes(chance.id)));
  out.set_logprob(chance.logprob);
}

std::string piece_message(Piece piece, const Tokenizer& tokenizer) {
  v1::GenerateResponse out;
  out.set_choice(piece.choice);
  if (piece.call >= 0) {
    v1::ToolCallPart& call = *out.mutable_tool_call();
    call.set_index(piece.call);
    (piece.call_name ? call.mutable_name() : call.mutable_arguments())->swap(piece.text);
  } else {
    (piece.thought ? out.mutable_reasoning_content() : out.mutable_content())->swap(piece.text);
  }
  for (const TokenLogprob& token : piece.logprobs) {
    v1::TokenLogprob& to = *out.add_logprobs();
    write_chance(token.chosen, tokenizer, *to.mutable_chosen());
    if (token.text) to.mutable_chosen()->set_token(*token.text);  // personal data was put back
    for (const TokenChance& c : token.top) write_chance(c, tokenizer, *to.add_top());
  }
  if (piece.finish == "stop") out.set_finish_reason(v1::FINISH_REASON_STOP);
  if (piece.finish == "length") out.set_finish_reason(v1::FINISH_REASON_LENGTH);
  if (piece.finish == "tool_calls") out.set_finish_reason(v1::FINISH_REASON_TOOL_CALLS);
  return out.SerializeAsString();
}

void write_usage(const Usage& usage, v1::Usage& out) {
  out.set_prompt_tokens(usage.prompt_tokens);
  out.set_completion_tokens(usage.completion_tokens);
  out.set_reasoning_tokens(usage.reasoning_tokens);
  out.set_cached_tokens(usage.cached_tokens);
}

class AnswerMessages : public RpcStream {
 public:
  AnswerMessages(const Tokenizer& tokenizer, std::shared_ptr<AnswerChannel> channel,
                 int64_t choices, std::shared_ptr<const pii::Vault> vault,
                 std::optional<AnswerLabeller> labeller)
      : RpcStream(std::move(channel)), tokenizer_(tokenizer), labeller_(std::move(labeller)) {
    if (vault) restorer_.emplace(std::move(vault), tokenizer_, static_cast<size_t>(choices));
  }

 protected:
  std::vector<std::string> messages(AnswerChannel::Taken taken) override {
    if (restorer_) restorer_->restore(taken);
    if (labeller_) labeller_->label(taken.pieces);
    std::vector<std::string> out;
    for (Piece& piece : taken.pieces) out.push_back(piece_message(std::move(piece), tokenizer_));
    if (!taken.ended || taken.error) return out;
    v1::GenerateResponse last;
    write_usage(taken.usage, *last.mutable_usage());
    out.push_back(last.SerializeAsString());
    return out;
  }

 private:
  const Tokenizer& tokenizer_;
  std::optional<AnswerRestorer> restorer_;  // where the request was masked
  std::optional<AnswerLabeller> labeller_;  // of explicit labels
};

class EmbeddingMessage : public RpcStream {
 public:
  EmbeddingMessage(std::string model, std::shared_ptr<AnswerChannel> channel, int64_t inputs)
      : RpcStream(std::move(channel)), model_(std::move(model)), embeddings_(inputs) {}

 protected:
  std::vector<std::string> messages(AnswerChannel::Taken taken) override {
    embeddings_.add(std::move(taken.pieces));
    if (!taken.ended || taken.error) return {};
    v1::EmbedResponse out;
    out.set_model(model_);
    write_usage(taken.usage, *out.mutable_usage());
    for (const std::vector<float>& embedding : embeddings_.all()) {
      out.add_embeddings()->mutable_values()->Add(embedding.begin(), embedding.end());
    }
    return {out.SerializeAsString()};
  }

 private:
  const std::string model_;
  CollectedEmbeddings embeddings_;
};

}  // namespace

RpcStream::~RpcStream() {
  channel_->set_listener({});
  channel_->abandon(Abandon::disconnected);  // says nothing any more where all is answered
}

RpcStream::Progress RpcStream::poll() {
  AnswerChannel::Taken taken = channel_->take();
  Progress out;
  out.ended = taken.ended;
  out.error = taken.error;
  out.messages = messages(std::move(taken));
  return out;
}

void RpcStream::set_listener(std::function<void()> listener) {
  channel_->set_listener(std::move(listener));
}

void RpcStream::abandon(Abandon reason) {
  channel_->abandon(reason);
}

std::shared_ptr<RpcStream> answer_stream(const Tokenizer& tokenizer,
                                         std::shared_ptr<AnswerChannel> channel, int64_t choices,
                                         std::shared_ptr<const pii::Vault> vault,
                                         std::optional<AnswerLabeller> labeller) {
  return std::make_shared<AnswerMessages>(tokenizer, std::move(channel), choices, std::move(vault),
                                          std::move(labeller));
}

std::shared_ptr<RpcStream> embedding_stream(std::string model,
                                            std::shared_ptr<AnswerChannel> channel,
                                            int64_t inputs) {
  return std::make_shared<EmbeddingMessage>(std::move(model), std::move(channel), inputs);
}

}  // namespace hearth::serve
