// See rpc_stream.h.
#include "hearth/serve/grpc/rpc_stream.h"

#include <hearth/v1/hearth.pb.h>

#include <utility>

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

std::string usage_message(const Usage& usage) {
  v1::GenerateResponse out;
  out.mutable_usage()->set_prompt_tokens(usage.prompt_tokens);
  out.mutable_usage()->set_completion_tokens(usage.completion_tokens);
  out.mutable_usage()->set_reasoning_tokens(usage.reasoning_tokens);
  out.mutable_usage()->set_cached_tokens(usage.cached_tokens);
  return out.SerializeAsString();
}

}  // namespace

RpcStream::RpcStream(const Tokenizer& tokenizer, std::shared_ptr<AnswerChannel> channel,
                     int64_t choices, std::shared_ptr<const pii::Vault> vault,
                     std::optional<AnswerLabeller> labeller)
    : tokenizer_(tokenizer), channel_(std::move(channel)), labeller_(std::move(labeller)) {
  if (vault) restorer_.emplace(std::move(vault), tokenizer_, static_cast<size_t>(choices));
}

RpcStream::~RpcStream() {
  channel_->set_listener({});
  channel_->abandon(Abandon::disconnected);  // says nothing any more where all is answered
}

RpcStream::Progress RpcStream::poll() {
  AnswerChannel::Taken taken = channel_->take();
  if (restorer_) restorer_->restore(taken);
  if (labeller_) labeller_->label(taken.pieces);
  Progress out;
  for (Piece& piece : taken.pieces) {
    out.messages.push_back(piece_message(std::move(piece), tokenizer_));
  }
  out.ended = taken.ended;
  out.error = std::move(taken.error);
  if (!out.ended) return out;
  usage_ = taken.usage;
  if (!out.error) out.messages.push_back(usage_message(usage_));
  return out;
}

void RpcStream::set_listener(std::function<void()> listener) {
  channel_->set_listener(std::move(listener));
}

void RpcStream::abandon(Abandon reason) {
  channel_->abandon(reason);
}

}  // namespace hearth::serve
