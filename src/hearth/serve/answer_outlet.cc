// See answer_outlet.h.
#include "hearth/serve/answer_outlet.h"

#include <utility>

namespace hearth::serve {
namespace {

// What a client would see of the answer proper: its text, calls, chances of its tokens.
ShownPart shown_of(const std::vector<Piece>& pieces) {
  ShownPart out;
  for (const Piece& piece : pieces) {
    if (piece.thought) continue;
    out.bytes += piece.text.size();
    out.anything =
        out.anything || !piece.text.empty() || piece.call >= 0 || !piece.logprobs.empty();
  }
  return out;
}

}  // namespace

void AnswerOutlet::require(const Tokenizer& tokenizer, AnswerText::Form form,
                           const watermark::Mark& mark) {
  gate_.emplace(tokenizer, ThoughtTracker(tokenizer, form), mark);
}

void AnswerOutlet::replay(int32_t id, const std::vector<Piece>& pieces) {
  if (gate_) gate_->take(id, shown_of(pieces));
}

void AnswerOutlet::show(AnswerChannel& channel) {
  for (Held& held : std::exchange(held_, {})) channel.put(std::move(held.pieces), held.told);
}

void AnswerOutlet::put(AnswerChannel& channel, int32_t id, std::vector<Piece> pieces, bool told) {
  const bool shown = !gate_ || gate_->take(id, shown_of(pieces));
  held_.push_back({std::move(pieces), told ? std::optional(id) : std::nullopt});
  if (shown) show(channel);
}

bool AnswerOutlet::end(AnswerChannel& channel, std::vector<Piece> pieces) {
  if (gate_ && !gate_->may_end(shown_of(pieces))) {
    held_.clear();
    return false;
  }
  show(channel);
  channel.put(std::move(pieces));
  return true;
}

}  // namespace hearth::serve
