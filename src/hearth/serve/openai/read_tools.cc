// Tools of a chat: see read_tools in read_request.h.
#include <algorithm>

#include "hearth/serve/openai/read_request.h"

namespace hearth::serve {
namespace {

constexpr size_t kToolsMax = 128;
constexpr size_t kNameMax = 64;

// As OpenAI's API asks.
bool is_name(const std::string& name) {
  return !name.empty() && name.size() <= kNameMax &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-';
         });
}

// The name of a well-formed tool; "": `fields` has the error.
std::string read_tool(const Json& tool, size_t index, Fields& fields) {
  const auto fail = [&](std::string_view code, std::string message) {
    fields.fail("tools", code, fmt::format("[{}]: {}", index, message));
    return std::string();
  };
  const Json* type = json_find(tool, "type");
  if (!type || *type != "function") {
    return fail("unsupported_parameter",
                "expected `type` function, found " + json_excerpt(type ? *type : Json()));
  }
  const Json* function = json_find(tool, "function");
  const Json* name = function ? json_find(*function, "name") : nullptr;
  if (!name || !name->is_string() || !is_name(name->get_ref<const std::string&>())) {
    return fail(
        "invalid_value",
        fmt::format("expected `function.name` of 1 to {} letters, digits, _ and -, found {}",
                    kNameMax, json_excerpt(name ? *name : Json())));
  }
  const Json* description = json_find(*function, "description");
  if (description && !description->is_string()) {
    return fail("invalid_type", "expected `function.description` to be a text");
  }
  const Json* parameters = json_find(*function, "parameters");
  if (parameters && !parameters->is_object()) {
    return fail("invalid_type", "expected `function.parameters` to be a JSON schema, found " +
                                    json_excerpt(*parameters));
  }
  const Json* strict = json_find(*function, "strict");
  if (strict && !strict->is_boolean() && !strict->is_null()) {
    return fail("invalid_type",
                "expected `function.strict` to be true or false, found " + json_excerpt(*strict));
  }
  return *name;
}

// none, auto, required, or {"type": "function", "function": {"name": ...}}.
void read_choice(const Json& choice, const std::vector<std::string>& names, Fields& fields,
                 GenerationRequest& out) {
  if (choice == "none" || choice == "auto") return;
  out.tool_choice = ToolChoice::must_call;
  if (choice.is_object()) {
    const Json* function = json_find(choice, "function");
    const Json* name = function ? json_find(*function, "name") : nullptr;
    const std::string asked = name && name->is_string() ? name->get<std::string>() : "";
    if (std::ranges::find(names, asked) == names.end()) {
      return fields.fail("tool_choice", "invalid_value",
                         "expected `function.name` of one of `tools`, found " +
                             json_excerpt(name ? *name : choice));
    }
    out.named_tool = asked;
  } else if (choice != "required") {
    fields.fail(
        "tool_choice", "invalid_value",
        "expected none, auto, required or a function's name, found " + json_excerpt(choice));
  } else if (names.empty()) {
    fields.fail("tool_choice", "invalid_value", "expected `tools` beside required, found none");
  }
}

}  // namespace

void read_tools(Fields& fields, GenerationRequest& out) {
  const Json* tools = fields.any("tools");
  const Json* choice = fields.any("tool_choice");
  fields.boolean("parallel_tool_calls", out.parallel_tool_calls);
  std::vector<std::string> names;
  if (tools && !tools->is_array()) return fields.wrong_type("tools", "an array", *tools);
  if (tools && tools->size() > kToolsMax) {
    return fields.fail(
        "tools", "invalid_value",
        fmt::format("expected at most {} tools, found {}", kToolsMax, tools->size()));
  }
  for (size_t i = 0; tools && i < tools->size(); ++i) {
    names.push_back(read_tool((*tools)[i], i, fields));
    if (names.back().empty()) return;
    if (std::find(names.begin(), names.end() - 1, names.back()) != names.end() - 1) {
      return fields.fail("tools", "invalid_value", "two are named " + names.back());
    }
  }
  if (choice) read_choice(*choice, names, fields, out);
  if (!names.empty() && !(choice && *choice == "none")) out.chat.tools = *tools;
}

}  // namespace hearth::serve
