// See replica_stream.h; the comments are those of resume/resume_state.h.
#include "hearth/serve/gateway/replica_stream.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "hearth/files/json.h"
#include "hearth/files/outside_bytes.h"

namespace hearth::serve {
namespace {

constexpr std::string_view kResume = ": resume ";
constexpr std::string_view kTokens = ": tokens ";
constexpr std::string_view kData = "data: ";
constexpr std::string_view kDone = "data: [DONE]";
constexpr std::string_view kEnd = "\n\n";
constexpr size_t kStateBytesMax = 1024;
constexpr size_t kSignatureDigits = 64;

Status no_stream(std::string_view expected, std::string_view found) {
  return error(Code::corrupt, "a replica's stream: expected {}, found `{}`", expected,
               excerpt(found));
}

bool made_of(std::string_view text, std::string_view letters) {
  return !text.empty() && text.find_first_not_of(letters) == text.npos;
}

// The code of `{"error": {"code": ...}}`; "": it is no such event.
std::string error_code_of(std::string_view json) {
  if (!json.starts_with(R"({"error")")) return "";
  const auto parsed = parse_json(json);
  if (!parsed) return "";
  const Json* const about = json_find(*parsed, "error");
  const Json* const code = about ? json_find(*about, "code") : nullptr;
  return code && code->is_string() ? code->get<std::string>() : "unknown";
}

}  // namespace

Status ReplicaStream::push(std::string_view bytes, std::string& out) {
  size_t look = partial_.empty() ? 0 : partial_.size() - 1;  // an end may stand half in here
  partial_ += bytes;
  size_t begin = 0;
  while (!done_) {
    const size_t end = partial_.find(kEnd, look);
    if (end == partial_.npos) break;
    TRY(take(std::string_view(partial_).substr(begin, end - begin), out));
    begin = look = end + kEnd.size();
  }
  partial_.erase(0, begin);
  if (partial_.size() + held_.size() <= kHeldBytesMax) return Status::ok();
  return error(Code::corrupt, "a replica's stream: {} bytes without a token",
               partial_.size() + held_.size());
}

Status ReplicaStream::take(std::string_view event, std::string& out) {
  if (event.starts_with(kResume)) return take_state(event.substr(kResume.size()));
  if (event.starts_with(kTokens)) return take_tokens(event.substr(kTokens.size()), out);
  if (event.starts_with(kData)) return take_data(event, out);
  if (!event.starts_with(':') || event.find('\n') != event.npos) {
    return no_stream("an event", event);
  }
  // How far the prompt is. The client's own connection says that it lives.
  if (event.starts_with(": prompt ") && !shown_) {
    out += event;
    out += kEnd;
  }
  return Status::ok();
}

Status ReplicaStream::take_state(std::string_view text) {
  const bool is_word = text.size() <= kStateBytesMax && std::ranges::all_of(text, [](char c) {
                         return c > ' ' && c < 0x7f && c != ',';
                       });
  if (text.empty() || !is_word) return no_stream("a state", text);
  if (state_.empty()) state_ = text;
  return state_ == text ? Status::ok() : no_stream("the state of the same answer", text);
}

Status ReplicaStream::take_tokens(std::string_view text, std::string& out) {
  const size_t space = std::min(text.find(' '), text.size());
  const std::string_view ids = text.substr(0, space);
  const std::string_view signature = text.substr(std::min(space + 1, text.size()));
  const bool good = made_of(ids, ",0123456789") && signature.size() == kSignatureDigits &&
                    made_of(signature, "0123456789abcdef");
  if (state_.empty() || !good) return no_stream("tokens and their signature", text);
  if (tokens_.size() + ids.size() > kTokenTextMax) return no_stream("fewer tokens", ids);
  tokens_ += ids;
  signature_ = signature;
  show(std::exchange(held_, {}), out);
  return Status::ok();
}

Status ReplicaStream::take_data(std::string_view event, std::string& out) {
  const bool last = event == kDone;
  if (last && failure_ == "shutting_down" && !state_.empty()) {
    return error(Code::busy, "the replica shuts down");
  }
  done_ = last;
  if (!last) failure_ = error_code_of(event.substr(kData.size()));
  held_ += event;
  held_ += kEnd;
  if (state_.empty() || done_) show(std::exchange(held_, {}), out);
  return Status::ok();
}

void ReplicaStream::show(std::string_view events, std::string& out) {
  shown_ = shown_ || !events.empty();
  out += events;
}

void ReplicaStream::change_replica() {
  partial_.clear();
  held_.clear();
  failure_.clear();
  if (!shown_) state_.clear();  // it begins anew, with a seed of its own
  if (!shown_) tokens_.clear();
}

std::optional<std::string> ReplicaStream::resume_line() const {
  if (!shown_) return std::nullopt;
  return fmt::format("{}{} {}", state_, tokens_, signature_);
}

}  // namespace hearth::serve
