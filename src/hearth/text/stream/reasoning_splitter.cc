// See reasoning_splitter.h.
#include "hearth/text/stream/reasoning_splitter.h"

#include <algorithm>

namespace hearth {
namespace {

constexpr std::string_view kOpen = "<think>";
constexpr std::string_view kClose = "</think>";

// Length of the longest end of `text` that is a beginning of `tag`.
size_t partial_tag(std::string_view text, std::string_view tag) {
  for (size_t n = std::min(text.size(), tag.size() - 1); n > 0; --n) {
    if (text.ends_with(tag.substr(0, n))) return n;
  }
  return 0;
}

size_t trailing_breaks(std::string_view text) {
  const size_t last = text.find_last_not_of('\n');
  return last == std::string_view::npos ? text.size() : text.size() - last - 1;
}

}  // namespace

void ReasoningSplitter::emit(std::string_view text, std::vector<StreamPart>& out) {
  if (trimming_) {
    text.remove_prefix(std::min(text.find_first_not_of('\n'), text.size()));
    if (text.empty()) return;
    trimming_ = false;
  }
  if (text.empty()) return;
  const bool thought = state_ == State::thought;
  if (!out.empty() && out.back().thought == thought) {
    out.back().text += text;
  } else {
    out.push_back({thought, std::string(text)});
  }
}

// Before anything but white space was seen a <think> opens the thought. True: go on.
bool ReasoningSplitter::advance_start(bool at_end) {
  const size_t first = pending_.find_first_not_of(" \n");
  const std::string_view rest =
      first == std::string::npos ? std::string_view() : std::string_view(pending_).substr(first);
  if (rest.starts_with(kOpen)) {
    pending_.erase(0, first + kOpen.size());
    state_ = State::thought;
    return true;
  }
  if (!at_end && kOpen.starts_with(rest)) return false;  // may still become the tag
  state_ = State::reply;
  trimming_ = false;
  return true;
}

// True when the thought ended and the reply begins.
bool ReasoningSplitter::advance_thought(bool at_end, std::vector<StreamPart>& out) {
  const size_t close = pending_.find(kClose);
  if (close != std::string::npos) {
    std::string_view thought = std::string_view(pending_).substr(0, close);
    thought.remove_suffix(trailing_breaks(thought));
    emit(thought, out);
    pending_.erase(0, close + kClose.size());
    state_ = State::reply;
    trimming_ = true;
    return true;
  }
  std::string_view certain = pending_;
  if (!at_end) certain.remove_suffix(partial_tag(certain, kClose));
  certain.remove_suffix(trailing_breaks(certain));
  const size_t used = certain.size();
  emit(certain, out);
  if (at_end) {
    pending_.clear();
  } else {
    pending_.erase(0, used);
  }
  return false;
}

void ReasoningSplitter::advance(bool at_end, std::vector<StreamPart>& out) {
  if (state_ == State::start && !advance_start(at_end)) return;
  if (state_ == State::thought && !advance_thought(at_end, out)) return;
  emit(pending_, out);
  pending_.clear();
}

std::vector<StreamPart> ReasoningSplitter::push(std::string_view text) {
  pending_ += text;
  std::vector<StreamPart> out;
  advance(false, out);
  return out;
}

std::vector<StreamPart> ReasoningSplitter::finish() {
  std::vector<StreamPart> out;
  advance(true, out);
  return out;
}

}  // namespace hearth
