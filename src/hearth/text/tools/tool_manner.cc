// See tool_manner.h.
#include "hearth/text/tools/tool_manner.h"

#include <array>
#include <nlohmann/json.hpp>
#include <vector>

#include "hearth/files/json.h"
#include "hearth/text/tools/tool_call_parser.h"

namespace hearth {
namespace {

constexpr std::array<ToolDialect, 2> kDialects = {ToolDialect::deepseek, ToolDialect::hermes};
constexpr std::string_view kProbe = "hearth_probe";
constexpr std::string_view kCalled = "called";
constexpr std::string_view kArguments = R"({"hearth_argument": 1})";

std::string_view call_mark(ToolDialect dialect) {
  return tool_mark_texts(dialect)[static_cast<size_t>(ToolMark::call_begin)];
}

// What the template makes of two calls, a result, and the tool that was offered; "" if it refuses.
std::string shown(const ChatTemplate& chat_template, Json arguments, bool with_tools) {
  Json call = {{"id", "call_0"},
               {"type", "function"},
               {"function", {{"name", kCalled}, {"arguments", std::move(arguments)}}}};
  Json answer = {{"role", "assistant"}, {"content", ""}};
  answer["tool_calls"] = Json::array({call, call});
  ChatRequest request;
  request.messages =
      Json::array({{{"role", "user"}, {"content", "a"}},
                   std::move(answer),
                   {{"role", "tool"}, {"content", "b"}, {"tool_call_id", "call_0"}}});
  if (with_tools) {
    Json function = {{"name", kProbe},
                     {"description", "d"},
                     {"parameters", {{"type", "object"}, {"properties", Json::object()}}}};
    request.tools = Json::array({{{"type", "function"}, {"function", std::move(function)}}});
  }
  const auto rendered = chat_template.render(request, "", "");
  return rendered ? rendered->text : "";
}

std::optional<ToolDialect> dialect_of(std::string_view text, const Tokenizer& tokenizer) {
  for (ToolDialect d : kDialects) {
    if (text.find(call_mark(d)) != std::string_view::npos) return d;
  }
  for (ToolDialect d : kDialects) {
    if (tokenizer.find(call_mark(d))) return d;
  }
  return std::nullopt;
}

// Whether a call in this frame is read as what was put into it.
bool reads_back(const ToolFrame& frame, ToolDialect dialect) {
  std::string call = frame.before_name;
  call.append(kCalled).append(frame.before_arguments).append(kArguments);
  call.append(frame.after_arguments);
  ToolCallParser parser(dialect, true);
  std::vector<ToolEvent> events;
  parser.push(call, events);
  parser.finish(events);
  return events.size() == 2 && events[0].text == kCalled && events[1].text == kArguments;
}

// The frame of the calls in `text`; the dialect's usual one where they are not found or would not
// be understood.
ToolFrame frame_of(std::string_view text, ToolDialect dialect) {
  const std::string_view begin = call_mark(dialect);
  const std::string_view end = tool_mark_texts(dialect)[static_cast<size_t>(ToolMark::call_end)];
  ToolFrame out = usual_tool_frame(dialect);
  size_t at = text.find(begin);
  // What stands from `at` to the next `part`, behind which `at` is then.
  const auto until = [&](std::string_view part, bool with_part) {
    const size_t from = at;
    const size_t found = from == text.npos ? from : text.find(part, from);
    at = found == text.npos ? found : found + part.size();
    if (at == text.npos) return std::string();
    return std::string(text.substr(from, (with_part ? at : found) - from));
  };
  ToolFrame found;
  found.before_name = until(kCalled, false);
  found.before_arguments = until(kArguments, false);
  found.after_arguments = until(end, true);
  found.between_calls = until(begin, false);
  if (!reads_back(found, dialect)) return out;
  // Templates that show one call only say nothing of what stands between two.
  if (found.between_calls.find_first_not_of(" \n") != std::string::npos || at == text.npos) {
    found.between_calls = out.between_calls;
  }
  return found;
}

std::string description_of(ToolDialect dialect, const Json& tools) {
  std::string out = "# Tools\n\nYou may call these functions, given as JSON:\n";
  for (const Json& tool : tools) {
    const Json* function = json_find(tool, "function");
    out +=
        (function ? *function : tool).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  }
  return out + "\nTo call them, answer in this form, once for each call:\n" +
         tool_call_example(dialect);
}

// Before the conversation, behind what its own first system message says.
void put_first(std::string text, Json& messages) {
  if (!messages.empty() && messages[0]["role"] == "system") {
    Json& content = messages[0]["content"];
    content = content.get<std::string>() + "\n\n" + text;
  } else {
    Json system = {{"role", "system"}, {"content", std::move(text)}};
    messages.insert(messages.begin(), std::move(system));
  }
}

}  // namespace

ToolFrame usual_tool_frame(ToolDialect dialect) {
  const auto& marks = tool_mark_texts(dialect);
  const auto mark = [&](ToolMark m) { return std::string(marks[static_cast<size_t>(m)]); };
  const std::string begin = mark(ToolMark::call_begin), end = mark(ToolMark::call_end);
  if (dialect == ToolDialect::hermes) {
    return {begin + "\n{\"name\": \"", "\", \"arguments\": ", "}\n" + end, "\n"};
  }
  return {begin + "function" + mark(ToolMark::separator), "\n```json\n", "\n```" + end, "\n"};
}

std::string tool_call_example(ToolDialect dialect) {
  const auto& marks = tool_mark_texts(dialect);
  const ToolFrame frame = usual_tool_frame(dialect);
  std::string out(marks[static_cast<size_t>(ToolMark::calls_begin)]);
  out += frame.before_name + "NAME" + frame.before_arguments + "{...}" + frame.after_arguments;
  return out.append(marks[static_cast<size_t>(ToolMark::calls_end)]);
}

std::optional<ToolManner> find_tool_manner(const ChatTemplate& chat_template,
                                           const Tokenizer& tokenizer) {
  ToolManner out;
  const std::string as_text = shown(chat_template, Json(kArguments), false);
  const std::string as_object = shown(chat_template, Json{{"hearth_argument", 1}}, false);
  const auto dialect = dialect_of(as_text + as_object, tokenizer);
  if (!dialect) return std::nullopt;
  out.dialect = *dialect;
  out.frame =
      frame_of(as_text.find(kArguments) == std::string::npos ? as_object : as_text, *dialect);
  // A text that the template turns into JSON once more is in quotes.
  out.object_arguments = as_text.find(kArguments) == std::string::npos &&
                         as_object.find(kArguments) != std::string::npos;
  const Json arguments = out.object_arguments ? Json{{"hearth_argument", 1}} : Json(kArguments);
  out.shows_tools = shown(chat_template, arguments, true).find(kProbe) != std::string::npos;
  return out;
}

std::string apply_tool_manner(const ToolManner& manner, ChatRequest& request) {
  for (Json& message : request.messages) {
    const auto calls = message.find("tool_calls");
    if (calls == message.end() || !manner.object_arguments) continue;
    for (Json& call : *calls) {
      Json& arguments = call["function"]["arguments"];
      auto parsed = parse_json(arguments.get_ref<const std::string&>());
      if (parsed) arguments = *std::move(parsed);
    }
  }
  if (manner.shows_tools || !request.tools.is_array() || request.tools.empty()) return "";
  std::string description = description_of(manner.dialect, request.tools);
  put_first(description, request.messages);
  request.tools = nullptr;
  return description;
}

}  // namespace hearth
