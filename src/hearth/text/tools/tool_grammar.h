// What an answer may be where something is promised of its calls of tools, as a grammar: the marks
// of a call are its terminals, the frame is the model's own, the names are those that are offered,
// and the arguments follow each tool's JSON schema. What it takes, ToolCallParser reads.
#pragma once

#include <optional>
#include <string>

#include "hearth/files/json.h"
#include "hearth/text/grammar/expression.h"
#include "hearth/text/tools/tool_manner.h"

namespace hearth {

// Of a request.
struct ToolRules {
  Json tools;  // that may be called, well-formed: {function: {name, parameters?, strict?}}
  bool must_call = false;  // the answer is a call, and not text
  bool single_call = false;
};

// Whether the rules promise anything that must be enforced: a call, or arguments of `strict` tools.
bool promises_calls(const ToolRules& rules);

// `other`: what the answer may be instead of calls; none: any text, calls at its end. Arguments
// follow the schema of each tool that is strict, and of each where a call must come; others are any
// JSON object. `marks_are_tokens`: TokenTrie::has_marks(). invalid, unsupported: a tool's schema,
// with its place.
Result<grammar::Grammar> grammar_of_tools(const ToolRules& rules, const ToolManner& manner,
                                          bool marks_are_tokens,
                                          std::optional<grammar::Grammar> other);

}  // namespace hearth
