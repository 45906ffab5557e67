// The two ways in which Python fills a text: "%s and %d" % values, and "{} and {:>5}".format().
#pragma once

#include "hearth/text/template/value.h"

namespace hearth::jinja {

// format % values, where `values` is a tuple, a dict (for %(key)s) or one value.
Result<Value> printf_format(Budget& budget, const Str& format, const Value& values);

// How the value of a replacement field is looked up: "name.attribute[key]" split at its first
// character that is no part of a name. Attributes go through the sandbox, so the evaluator does it.
using FieldLookup = std::function<Result<Value>(std::string_view field)>;
Result<Value> brace_format(Budget& budget, const Str& format, const FieldLookup& lookup);

}  // namespace hearth::jinja
