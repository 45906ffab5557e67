// See answer_outlet.h.
#include "hearth/serve/answer_outlet.h"

#include <algorithm>
#include <utility>

namespace hearth::serve {
namespace {

// Anything that a client would see of the answer proper: its text, a call, chances of its tokens.
bool has_words(const std::vector<Piece>& pieces) {
  return std::ranges::any_of(pieces, [](const Piece& piece) {
    return !piece.thought && (!piece.text.empty() || piece.call >= 0 || !piece.logprobs.empty());
  });
}

}  // namespace

void AnswerOutlet::require(const ThoughtTracker& tracker, const watermark::Mark& mark) {
  gate_.emplace(tracker, mark);
}

void AnswerOutlet::replay(std::span<const int32_t> ids) {
  if (!gate_) return;
  for (const int32_t id : ids) gate_->take(id, false);
}

void AnswerOutlet::show(AnswerChannel& channel) {
  for (Held& held : std::exchange(held_, {})) channel.put(std::move(held.pieces), held.told);
}

void AnswerOutlet::put(AnswerChannel& channel, int32_t id, std::vector<Piece> pieces, bool told) {
  const bool shown = !gate_ || gate_->take(id, has_words(pieces));
  held_.push_back({std::move(pieces), told ? std::optional(id) : std::nullopt});
  if (shown) show(channel);
}

bool AnswerOutlet::end(AnswerChannel& channel, std::vector<Piece> pieces) {
  if (gate_ && !gate_->may_end(has_words(pieces))) {
    held_.clear();
    return false;
  }
  show(channel);
  channel.put(std::move(pieces));
  return true;
}

}  // namespace hearth::serve
