// See answer_channel.h.
#include "hearth/serve/answer_channel.h"

#include <iterator>
#include <utility>

namespace hearth::serve {
namespace {

constexpr int64_t kPieceBytes = 64;        // of a piece beside its text
constexpr int64_t kLogprobBytes = 48;      // of a token's chance
constexpr int64_t kAlternativeBytes = 16;  // of each alternative
constexpr int64_t kIdBytes = 4;

int64_t bytes_of(const Piece& piece) {
  int64_t bytes = kPieceBytes + static_cast<int64_t>(piece.text.size());
  bytes += static_cast<int64_t>(piece.embedding.size() * sizeof(float));
  for (const TokenLogprob& l : piece.logprobs) {
    bytes += kLogprobBytes + kAlternativeBytes * static_cast<int64_t>(l.top.size());
  }
  return bytes;
}

// Whether `next` may join `last`: the same choice and kind, and the choice goes on.
bool melts(const Piece& last, const Piece& next) {
  return last.choice == next.choice && last.thought == next.thought && last.call == next.call &&
         !last.call_name && !next.call_name && last.finish.empty() && next.finish.empty();
}

}  // namespace

std::string_view abandon_name(Abandon reason) {
  switch (reason) {
    case Abandon::none:
      return "none";
    case Abandon::disconnected:
      return "disconnected";
    case Abandon::too_slow:
      return "too_slow";
    case Abandon::stopped:
      return "stopped";
  }
  return "unknown";
}

// With mutex_ held.
void AnswerChannel::add(Piece piece) {
  const int64_t bytes = bytes_of(piece);
  bool joined = false;
  // Steps put one piece of each choice in turn: look back over as many as there may be.
  for (auto it = pieces_.rbegin(); it != pieces_.rend(); ++it) {
    if (it->choice != piece.choice) continue;
    joined = melts(*it, piece);
    if (!joined) break;
    it->text += piece.text;
    std::move(piece.logprobs.begin(), piece.logprobs.end(), std::back_inserter(it->logprobs));
    break;
  }
  bytes_ += joined ? bytes - kPieceBytes : bytes;
  if (!joined) pieces_.push_back(std::move(piece));
}

void AnswerChannel::put(Piece piece) {
  std::vector<Piece> one;
  one.push_back(std::move(piece));
  put(std::move(one));
}

void AnswerChannel::put(std::vector<Piece> pieces, std::optional<int32_t> id) {
  {
    std::lock_guard lock(mutex_);
    int64_t bytes = id ? kIdBytes : 0;
    for (const Piece& piece : pieces) bytes += bytes_of(piece);
    if (bytes_ + bytes > bytes_max_) {
      abandon(Abandon::too_slow);
      return;
    }
    if (id) ids_.push_back(*id);
    bytes_ += id ? kIdBytes : 0;
    const bool news = !pieces.empty();
    for (Piece& piece : pieces) add(std::move(piece));
    if (told_ || !wake_for_each_ || !news) return;
    told_ = true;
  }
  notify();
}

Usage AnswerChannel::counted() const {
  Usage out;
  out.prompt_tokens = counted_prompt_.load(std::memory_order_relaxed);
  out.completion_tokens = counted_tokens_.load(std::memory_order_relaxed);
  out.cached_tokens = counted_cached_.load(std::memory_order_relaxed);
  return out;
}

Usage AnswerChannel::usage() const {
  std::lock_guard lock(mutex_);
  return ended_ ? usage_ : counted();
}

void AnswerChannel::finish(const Usage& usage) {
  {
    std::lock_guard lock(mutex_);
    usage_ = usage;
    ended_ = true;
  }
  notify();
}

void AnswerChannel::fail(ApiError error, const Usage& usage) {
  {
    std::lock_guard lock(mutex_);
    usage_ = usage;
    error_ = std::move(error);
    ended_ = true;
  }
  notify();
}

AnswerChannel::Taken AnswerChannel::take() {
  std::lock_guard lock(mutex_);
  Taken out;
  out.pieces = std::exchange(pieces_, {});
  out.ids = std::exchange(ids_, {});
  out.words_out = words_out_;
  bytes_ = 0;
  told_ = false;
  out.ended = ended_;
  out.error = error_;
  out.usage = usage_;
  return out;
}

void AnswerChannel::set_listener(std::function<void()> listener) {
  bool pending = false;
  {
    std::lock_guard lock(listener_mutex_);
    listener_ = std::move(listener);
    if (!listener_) return;
  }
  {
    std::lock_guard lock(mutex_);
    pending = ended_ || (wake_for_each_ && !pieces_.empty());
  }
  if (pending) notify();
}

void AnswerChannel::notify() {
  std::lock_guard lock(listener_mutex_);
  if (listener_) listener_();
}

void AnswerChannel::abandon(Abandon reason) {
  Abandon none = Abandon::none;
  abandoned_.compare_exchange_strong(none, reason);
}

}  // namespace hearth::serve
