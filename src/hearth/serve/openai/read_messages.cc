// Messages of a conversation: see read_messages in read_request.h.
#include <array>

#include "hearth/serve/openai/fields.h"
#include "hearth/serve/openai/read_request.h"

namespace hearth::serve {
namespace {

constexpr size_t kMessagesMax = 10'000;
constexpr std::array<std::string_view, 5> kRoles = {"system", "developer", "user", "assistant",
                                                    "tool"};

// A list of parts, of which only text has a meaning here.
void read_parts(const Json& parts, Fields& fields, std::string& out) {
  for (const Json& part : parts) {
    const Json* type = json_find(part, "type");
    const Json* text = json_find(part, "text");
    if (type && type->is_string() && *type != "text" && *type != "refusal") {
      return fields.fail("content", "unsupported_content",
                         fmt::format("expected parts of type text, found {}", json_excerpt(*type)));
    }
    if (!text || !text->is_string()) {
      return fields.fail("content", "invalid_type",
                         "expected parts {\"type\": \"text\", \"text\": ...}");
    }
    out += text->get_ref<const std::string&>();
  }
}

void read_content(Fields& fields, bool optional, Json& out) {
  const Json* content = fields.any("content");
  if (!content) {
    if (!optional) fields.fail("content", "missing", "expected a text, found nothing");
    out["content"] = "";
    return;
  }
  std::string text;
  if (content->is_string()) {
    text = content->get_ref<const std::string&>();
  } else if (content->is_array()) {
    read_parts(*content, fields, text);
  } else {
    fields.wrong_type("content", "a string or a list of parts", *content);
  }
  out["content"] = std::move(text);
}

// Calls that the assistant made: `function` with its name and its arguments as JSON text.
void read_calls(const Json& calls, Fields& fields, Json& out) {
  if (!calls.is_array()) return fields.wrong_type("tool_calls", "an array", calls);
  Json read = Json::array();
  for (const Json& call : calls) {
    const Json* function = json_find(call, "function");
    const Json* name = function ? json_find(*function, "name") : nullptr;
    const Json* arguments = function ? json_find(*function, "arguments") : nullptr;
    if (!name || !name->is_string() || !arguments || !arguments->is_string()) {
      return fields.fail("tool_calls", "invalid_type",
                         "expected {\"type\": \"function\", \"function\": {\"name\": TEXT, "
                         "\"arguments\": TEXT}} in each");
    }
    Json one = {{"type", "function"}, {"function", {{"name", *name}, {"arguments", *arguments}}}};
    if (const Json* id = json_find(call, "id"); id && id->is_string()) one["id"] = *id;
    read.push_back(std::move(one));
  }
  if (!read.empty()) out["tool_calls"] = std::move(read);
}

void read_role(Fields& fields, std::string& role) {
  fields.string("role", role);
  for (std::string_view known : kRoles) {
    if (role == known) return;
  }
  fields.fail("role", "invalid_value",
              fmt::format("expected system, developer, user, assistant or tool, found {}",
                          json_excerpt(Json(role))));
}

std::optional<ApiError> read_message(const Json& message, std::string place, Json& out,
                                     std::vector<std::string>& ignored) {
  if (!message.is_object()) {
    place.pop_back();
    return bad_field(
        place, "invalid_type",
        fmt::format("`{}`: expected an object, found {}", place, json_excerpt(message)));
  }
  Fields fields(message, place);
  std::string role, name, reasoning;
  read_role(fields, role);
  const Json* calls = fields.any("tool_calls");
  out["role"] = role == "developer" ? "system" : role;
  read_content(fields, role == "assistant", out);
  fields.string("name", name);
  fields.string("reasoning", reasoning);
  fields.string("reasoning_content", reasoning);
  if (!name.empty()) out["name"] = name;
  if (!reasoning.empty()) out["reasoning_content"] = reasoning;
  if (role == "tool") {
    std::string id;
    fields.string("tool_call_id", id);
    if (!id.empty()) out["tool_call_id"] = id;
  }
  if (calls) read_calls(*calls, fields, out);
  fields.list_unasked(ignored, "messages.");
  return fields.error();
}

}  // namespace

std::optional<ApiError> read_messages(const Json& messages, Json& out,
                                      std::vector<std::string>& ignored) {
  if (!messages.is_array()) {
    return bad_field("messages", "invalid_type",
                     "`messages`: expected an array, found " + json_excerpt(messages));
  }
  if (messages.empty() || messages.size() > kMessagesMax) {
    return bad_field("messages", "invalid_value",
                     fmt::format("`messages`: expected 1 to {} messages, found {}", kMessagesMax,
                                 messages.size()));
  }
  out = Json::array();
  for (size_t i = 0; i < messages.size(); ++i) {
    Json message = Json::object();
    auto error = read_message(messages[i], fmt::format("messages[{}].", i), message, ignored);
    if (error) return error;
    out.push_back(std::move(message));
  }
  return std::nullopt;
}

}  // namespace hearth::serve
