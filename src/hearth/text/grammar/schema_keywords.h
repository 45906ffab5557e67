// The keywords of a schema that say something by themselves, read into Facts.
#pragma once

#include <string>

#include "hearth/text/grammar/schema_facts.h"

namespace hearth::grammar {

// invalid: not what the keyword asks. unsupported: the keyword is not offered, or not this way.
// The messages begin with its name.
Status read_keyword(const std::string& key, const Json& value, Facts& facts);

// Says nothing about the value: titles, defaults, definitions for others to refer to.
bool is_annotation(const std::string& key);

// The order of two bounds' numbers: negative, zero or positive.
int compare(const Decimal& a, const Decimal& b);
Result<Decimal> decimal_of(const Json& number);

}  // namespace hearth::grammar
