// What an answer may be where tools are offered, as a grammar: the marks of a call are its
// terminals, the frame is the model's own, the names are those that are offered, and the arguments
// follow each tool's JSON schema. What it takes, ToolCallParser reads.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hearth/files/json.h"
#include "hearth/text/grammar/expression.h"
#include "hearth/text/tools/tool_manner.h"

namespace hearth {

// Of a request.
struct ToolRules {
  Json tools;  // that may be called, well-formed: {function: {name, parameters?, strict?}}
  bool must_call = false;  // the answer is a call, and not text
  bool single_call = false;
  bool schemas = true;  // false: arguments that nothing is promised of are any JSON object
};

// Whether the schema of a tool is promised: by `strict`, or because a call must come. One that
// can't be kept is refused then; else the arguments are any JSON object.
bool promises_calls(const ToolRules& rules);

// A tool whose calls are not held to its schema, which nobody promised.
struct LooseTool {
  std::string name;
  std::string keyword;  // that can't be kept; "": it is not one alone
};

// `other`: what the answer may be instead of calls; none: any text, calls at its end.
// `marks_are_tokens`: TokenTrie::has_marks(). `loose`, where it is given: is set to the tools whose
// schema is not kept. invalid, unsupported: a tool's schema that is promised, with its place.
Result<grammar::Grammar> grammar_of_tools(const ToolRules& rules, const ToolManner& manner,
                                          bool marks_are_tokens,
                                          std::optional<grammar::Grammar> other,
                                          std::vector<LooseTool>* loose = nullptr);

}  // namespace hearth
