// See tool_call_parser.h.
#include "hearth/text/tools/tool_call_parser.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "hearth/files/json.h"

namespace hearth {
namespace {

constexpr size_t kHeadBytesMax = 64 << 10;  // a longer one is no call
constexpr std::string_view kSpaces = " \t\r\n";

void add(ToolEvent::Kind kind, int32_t call, std::string_view text, std::vector<ToolEvent>& out) {
  if (text.empty()) return;
  if (!out.empty() && out.back().kind == kind && out.back().call == call) {
    out.back().text += text;
  } else {
    out.push_back({kind, call, std::string(text)});
  }
}

std::string_view trimmed(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(kSpaces), text.size()));
  const size_t last = text.find_last_not_of(kSpaces);
  return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

// Names of functions as OpenAI's API has them.
bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= 256 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
}

// A call written as one JSON object.
struct HermesCall {
  std::string name, arguments;
};

std::optional<HermesCall> hermes_call(std::string_view text) {
  JsonLimits limits;
  limits.bytes_max = kHeadBytesMax;
  const auto call = parse_json(trimmed(text), limits);
  if (!call) return std::nullopt;
  const Json* name = json_find(*call, "name");
  const Json* arguments = json_find(*call, "arguments");
  if (!name || !name->is_string() || !is_name(name->get_ref<const std::string&>())) {
    return std::nullopt;
  }
  if (!arguments) return HermesCall{*name, "{}"};
  return HermesCall{*name,
                    arguments->is_string() ? arguments->get<std::string>() : arguments->dump()};
}

// `{"name": "NAME", "arguments": ` as Qwen writes it, and where the arguments begin; nullopt: not
// yet, or written in another order.
std::optional<std::pair<std::string, size_t>> hermes_head(std::string_view text) {
  size_t at = 0;
  const auto skip = [&](std::string_view word) {
    at = std::min(text.find_first_not_of(kSpaces, at), text.size());
    if (!text.substr(at).starts_with(word)) return false;
    at += word.size();
    return true;
  };
  if (!skip("{") || !skip("\"name\"") || !skip(":") || !skip("\"")) return std::nullopt;
  const size_t end = text.find('"', at);
  if (end == std::string_view::npos) return std::nullopt;
  std::string name(text.substr(at, end - at));
  at = end + 1;
  if (!is_name(name) || !skip(",") || !skip("\"arguments\"") || !skip(":") || !skip("{")) {
    return std::nullopt;
  }
  return std::pair(std::move(name), at - 1);
}

}  // namespace

ToolCallParser::ToolCallParser(ToolDialect dialect, bool marks_in_text)
    : dialect_(dialect), marks_in_text_(marks_in_text) {}

void ToolCallParser::push(std::string_view text, std::vector<ToolEvent>& out) {
  if (!marks_in_text_) return plain(text, out);
  pending_ += text;
  look_for_marks(false, out);
}

void ToolCallParser::look_for_marks(bool at_end, std::vector<ToolEvent>& out) {
  const auto& marks = tool_mark_texts(dialect_);
  while (true) {
    size_t first = std::string::npos;
    size_t which = 0;
    for (size_t i = 0; i < kToolMarks; ++i) {
      if (marks[i].empty()) continue;
      const size_t found = pending_.find(marks[i]);
      if (found < first) {
        first = found;
        which = i;
      }
    }
    if (first == std::string::npos) break;
    plain(std::string_view(pending_).substr(0, first), out);
    pending_.erase(0, first + marks[which].size());
    if (state_ == State::arguments && value_.in_string()) {
      plain(marks[which], out);  // a value that speaks of marks
    } else {
      push(static_cast<ToolMark>(which), out);
    }
  }
  size_t held = 0;  // the longest end of the text that may become a mark
  for (std::string_view mark : marks) {
    for (size_t n = std::min(pending_.size(), std::max<size_t>(mark.size(), 1) - 1); n > held;
         --n) {
      if (pending_.ends_with(mark.substr(0, n))) held = n;
    }
  }
  if (at_end) held = 0;
  plain(std::string_view(pending_).substr(0, pending_.size() - held), out);
  pending_.erase(0, pending_.size() - held);
}

void ToolCallParser::plain(std::string_view text, std::vector<ToolEvent>& out) {
  switch (state_) {
    case State::head:
      head_ += text;
      return read_head(out);
    case State::arguments:
      return read_arguments(text, out);
    case State::text:
    case State::between:
      if (blank_) text.remove_prefix(std::min(text.find_first_not_of(kSpaces), text.size()));
      blank_ = blank_ && text.empty();
      return add(ToolEvent::Kind::text, 0, text, out);
    case State::tail:
      return;  // white space, the fence or the bracket behind the arguments
  }
}

void ToolCallParser::push(ToolMark mark, std::vector<ToolEvent>& out) {
  switch (mark) {
    case ToolMark::calls_begin:
      if (state_ == State::text) {
        state_ = State::between;
        blank_ = true;
      }
      return;
    case ToolMark::call_begin:
      end_call(out);
      if (calls_ == kCallsMax) return;
      head_.clear();
      separated_ = false;
      state_ = State::head;
      return;
    case ToolMark::separator:
      if (state_ != State::head || separated_) return;
      separated_ = true;
      before_separator_ = head_.size();
      return;
    case ToolMark::call_end:
      return end_call(out);
    case ToolMark::calls_end:
      end_call(out);
      state_ = State::text;
      return;
  }
}

// `function<sep>NAME\n```json\n{` of V3 and R1, `NAME<sep>{` of V3.1.
bool ToolCallParser::read_deepseek_head(std::string& name, size_t& arguments) const {
  if (!separated_) return false;
  const size_t bracket = head_.find('{', before_separator_);
  if (bracket == std::string::npos) return false;
  std::string_view after =
      std::string_view(head_).substr(before_separator_, bracket - before_separator_);
  after = trimmed(after.substr(0, after.find("```")));
  name = after.empty() ? trimmed(std::string_view(head_).substr(0, before_separator_)) : after;
  arguments = bracket;
  return is_name(name);
}

void ToolCallParser::read_head(std::vector<ToolEvent>& out) {
  if (head_.size() > kHeadBytesMax) return give_back(out);
  std::string name;
  size_t arguments = 0;
  if (dialect_ == ToolDialect::hermes) {
    auto head = hermes_head(head_);
    if (!head) return;
    name = std::move(head->first);
    arguments = head->second;
  } else if (!read_deepseek_head(name, arguments)) {
    return;
  }
  begin_call(std::move(name), out);
  read_arguments(std::exchange(head_, {}).substr(arguments), out);
}

void ToolCallParser::begin_call(std::string name, std::vector<ToolEvent>& out) {
  out.push_back({ToolEvent::Kind::name, calls_++, std::move(name)});
  value_ = {};
  open_ = true;
  state_ = State::arguments;
}

void ToolCallParser::read_arguments(std::string_view text, std::vector<ToolEvent>& out) {
  add(ToolEvent::Kind::arguments, calls_ - 1, text.substr(0, value_.take(text)), out);
  if (value_.ended()) state_ = State::tail;
}

void ToolCallParser::end_call(std::vector<ToolEvent>& out) {
  if (state_ == State::head) {
    // A call whose parts come in another order, or that takes no arguments.
    std::optional<HermesCall> call;
    if (dialect_ == ToolDialect::hermes) call = hermes_call(head_);
    if (!call) return give_back(out);
    begin_call(std::move(call->name), out);
    add(ToolEvent::Kind::arguments, calls_ - 1, call->arguments, out);
  }
  if (state_ == State::text || state_ == State::between) return;
  open_ = false;
  blank_ = true;
  state_ = dialect_ == ToolDialect::hermes ? State::text : State::between;
}

// What began like a call and is none.
void ToolCallParser::give_back(std::vector<ToolEvent>& out) {
  const auto& marks = tool_mark_texts(dialect_);
  const auto mark = [&](ToolMark m) { return marks[static_cast<size_t>(m)]; };
  std::string text(mark(ToolMark::call_begin));
  text += head_.substr(0, separated_ ? before_separator_ : head_.size());
  if (separated_) {
    text += mark(ToolMark::separator);
    text += head_.substr(before_separator_);
  }
  head_.clear();
  add(ToolEvent::Kind::text, 0, text, out);
  state_ = State::text;
  blank_ = false;
}

void ToolCallParser::finish(std::vector<ToolEvent>& out) {
  if (marks_in_text_) look_for_marks(true, out);
  end_call(out);
}

}  // namespace hearth
