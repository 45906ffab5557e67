// Operators on values, with Python's rules and error texts: comparison, membership, arithmetic,
// indexing.
#pragma once

#include <string_view>

#include "hearth/text/template/value.h"

namespace hearth::jinja {

Result<bool> equal(Budget& budget, const Value& a, const Value& b);
// a < b; an error for kinds that Python does not order.
Result<bool> less(Budget& budget, const Value& a, const Value& b);
// `element in container`.
Result<bool> contains(Budget& budget, const Value& container, const Value& element);
// Position in the dict, or nothing; an error for a key that Python cannot hash.
Result<std::optional<size_t>> find_key(Budget& budget, const Dict& dict, const Value& key);
// Replaces the value of an equal key, else appends.
Status set_key(Budget& budget, Dict& dict, Value key, Value value);

enum class BinaryOp { add, subtract, multiply, divide, floor_divide, modulo, power };
Result<Value> arithmetic(Budget& budget, BinaryOp op, const Value& a, const Value& b);
Result<Value> negate(const Value& a);

// container[key] where Python's would succeed; nothing where it raises TypeError or LookupError.
Result<std::optional<Value>> subscript(Budget& budget, const Value& container, const Value& key);

struct SliceBounds {
  std::optional<Int> begin, end, step;
};
// Nothing where Python raises TypeError (no sequence); an error for step 0.
Result<std::optional<Value>> slice(Budget& budget, const Value& sequence,
                                   const SliceBounds& bounds);

// The error for `value` used where an undefined value may not be; ok for any other value.
Status refuse_undefined(const Value& value);

// Markup + text escapes the text (& < > ' "); Markup itself stays.
Status append_escaped(TextBuilder& out, const Str& text);

}  // namespace hearth::jinja
