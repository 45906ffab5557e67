// See tool_manner.h.
#include "hearth/text/tools/tool_manner.h"

#include <array>
#include <nlohmann/json.hpp>

#include "hearth/files/json.h"

namespace hearth {
namespace {

constexpr std::array<ToolDialect, 2> kDialects = {ToolDialect::deepseek, ToolDialect::hermes};
constexpr std::string_view kProbe = "hearth_probe";
constexpr std::string_view kArguments = R"({"hearth_argument": 1})";

std::string_view call_mark(ToolDialect dialect) {
  return tool_mark_texts(dialect)[static_cast<size_t>(ToolMark::call_begin)];
}

// What the template makes of a call, its result, and the tool that was offered; "" if it refuses.
std::string shown(const ChatTemplate& chat_template, Json arguments, bool with_tools) {
  Json call = {{"id", "call_0"},
               {"type", "function"},
               {"function", {{"name", "called"}, {"arguments", std::move(arguments)}}}};
  Json answer = {{"role", "assistant"}, {"content", ""}};
  answer["tool_calls"] = Json::array({std::move(call)});
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

std::string tool_call_example(ToolDialect dialect) {
  const auto& marks = tool_mark_texts(dialect);
  const auto mark = [&](ToolMark m) { return std::string(marks[static_cast<size_t>(m)]); };
  if (dialect == ToolDialect::hermes) {
    return mark(ToolMark::call_begin) + "\n{\"name\": \"NAME\", \"arguments\": {...}}\n" +
           mark(ToolMark::call_end);
  }
  return mark(ToolMark::calls_begin) + mark(ToolMark::call_begin) + "function" +
         mark(ToolMark::separator) + "NAME\n```json\n{...}\n```" + mark(ToolMark::call_end) +
         mark(ToolMark::calls_end);
}

std::optional<ToolManner> find_tool_manner(const ChatTemplate& chat_template,
                                           const Tokenizer& tokenizer) {
  ToolManner out;
  const std::string as_text = shown(chat_template, Json(kArguments), false);
  const std::string as_object = shown(chat_template, Json{{"hearth_argument", 1}}, false);
  const auto dialect = dialect_of(as_text + as_object, tokenizer);
  if (!dialect) return std::nullopt;
  out.dialect = *dialect;
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
