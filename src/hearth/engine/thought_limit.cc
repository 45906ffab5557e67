// See thought_limit.h.
#include "hearth/engine/thought_limit.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace hearth {

ThoughtLimit::ThoughtLimit(const ThoughtTracker& tracker, std::vector<int32_t> closing,
                           const ThoughtOptions& options)
    : tracker_(tracker),
      closing_(std::move(closing)),
      tokens_max_(options.tokens_max.value_or(-1)),
      end_loops_(options.end_loops) {
  if (tracker_.in_thought() && tokens_max_ == 0) closing_from_ = 0;
}

std::optional<int32_t> ThoughtLimit::next(std::span<const int32_t> answer) {
  while (read_ < answer.size() && !closing_from_) read(answer.first(++read_));
  if (!closing_from_) return std::nullopt;
  const size_t at = answer.size() - *closing_from_;
  return at < closing_.size() ? std::optional(closing_[at]) : std::nullopt;
}

// One more token, the last of `answer`.
void ThoughtLimit::read(std::span<const int32_t> answer) {
  const bool went_on = tracker_.in_thought();  // its opening tag doesn't count
  if (!tracker_.take(answer.back())) return;
  if (went_on) ++thought_;
  if (thought_ == tokens_max_ || (end_loops_ && repeats(answer))) closing_from_ = answer.size();
}

// For each period, how many of the last tokens equal those one period before: the Z array of the
// tokens from the last to the first (D. Gusfield, "Algorithms on Strings, Trees and Sequences",
// 1997, section 1.4), in time linear in what is looked at.
bool ThoughtLimit::repeats(std::span<const int32_t> answer) {
  if (answer.size() % kLoopCheck != 0) return false;
  const std::span<const int32_t> window = answer.last(std::min(answer.size(), 3 * kPeriodMax));
  const auto from_end = [&](size_t i) { return window[window.size() - 1 - i]; };
  const size_t periods = std::min(kPeriodMax + 1, window.size());
  same_.assign(periods, 0);
  size_t left = 0, right = 0;  // the span [left, right) that equals the beginning and ends last
  for (size_t period = 1; period < periods; ++period) {
    size_t same = period < right ? std::min(right - period, same_[period - left]) : 0;
    while (period + same < window.size() && from_end(same) == from_end(period + same)) ++same;
    same_[period] = same;
    if (period + same > right) {
      left = period;
      right = period + same;
    }
    const size_t needed = period <= kShortPeriod ? std::max(kLoopTokens, 4 * period)
                                                 : std::max(kLongLoopTokens, 2 * period);
    if (same >= needed) return true;
  }
  return false;
}

Result<ForcedToken> make_thought_limit(const TextModel& model, AnswerStream::Form form,
                                       const ThoughtOptions& options) {
  const Tokenizer& tokenizer = model.tokenizer();
  const auto end = tokenizer.find("</think>");
  if (!tokenizer.find("<think>") || !end) {
    return error(Code::unsupported,
                 "a bound of the thought: the model's vocabulary has no <think> and </think>");
  }
  EncodeOptions plain;
  plain.add_special_prefix_suffix = false;
  std::vector<int32_t> closing = tokenizer.encode(options.ending + "\n", plain);
  closing.push_back(*end);
  const std::vector<int32_t> breaks = tokenizer.encode("\n\n", plain);
  closing.insert(closing.end(), breaks.begin(), breaks.end());
  auto limit =
      std::make_shared<ThoughtLimit>(ThoughtTracker(tokenizer, form), std::move(closing), options);
  return ForcedToken([limit](std::span<const int32_t> answer) { return limit->next(answer); });
}

}  // namespace hearth
