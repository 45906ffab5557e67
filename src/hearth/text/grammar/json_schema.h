// JSON Schema (draft 2020-12) to a grammar of the documents that are valid, or of a part of them:
// members stand in the order of `properties`, numbers and white space are bounded (json_pieces.h),
// and members that no schema names come only where additionalProperties asks for them or nothing is
// named at all. What is generated is always valid; a keyword that can't be kept is refused by name.
#pragma once

#include "hearth/files/json.h"
#include "hearth/text/grammar/expression.h"

namespace hearth::grammar {

// invalid: the schema is none, or no value can be valid. unsupported: a keyword, with its place.
Result<Grammar> grammar_of_schema(const Json& schema);

// Any JSON object: `response_format: {"type": "json_object"}`.
Grammar grammar_of_json_object();

}  // namespace hearth::grammar
