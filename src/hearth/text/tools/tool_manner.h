// How one model is told of tools, and how it calls them: read off its chat template by rendering a
// small conversation, never by its name.
#pragma once

#include <optional>
#include <string>

#include "hearth/text/template/chat_template.h"
#include "hearth/text/tools/tool_dialect.h"

namespace hearth {

// The text around the parts of a call, with the texts of its marks.
struct ToolFrame {
  std::string before_name, before_arguments, after_arguments;
  std::string between_calls;
};

struct ToolManner {
  ToolDialect dialect = ToolDialect::deepseek;
  bool shows_tools = false;       // the template itself lists `tools`
  bool object_arguments = false;  // it wants a call's arguments as an object, else as JSON text
  ToolFrame frame = {};           // as it writes earlier calls
};

// By the marks in which the template shows an earlier call; where it shows none, by those that the
// vocabulary has. nullopt: the model knows no way to call a tool.
std::optional<ToolManner> find_tool_manner(const ChatTemplate& chat_template,
                                           const Tokenizer& tokenizer);

// Fits a request to the template: arguments of earlier calls in the form it wants, and the tools
// described in the first system message where it doesn't list them itself; that description is
// returned, else "". `request.messages` must be well-formed: `tool_calls` an array of
// {function: {name, arguments: text}}.
std::string apply_tool_manner(const ToolManner& manner, ChatRequest& request);
// How a dialect writes calls where a template shows none.
ToolFrame usual_tool_frame(ToolDialect dialect);
// A call of that form: the end of each description.
std::string tool_call_example(ToolDialect dialect);

}  // namespace hearth
