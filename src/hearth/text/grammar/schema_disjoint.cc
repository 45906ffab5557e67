// SchemaReader's proof that two schemas can't both hold for a value, which oneOf needs. It may fail
// to find one, and never finds a wrong one.
#include <algorithm>

#include "hearth/text/grammar/schema_facts.h"
#include "hearth/text/grammar/schema_keywords.h"

namespace hearth::grammar {
namespace {

constexpr int kDepthOfProofMax = 32;

uint8_t type_of(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null:
      return kNull;
    case Json::value_t::boolean:
      return kBoolean;
    case Json::value_t::object:
      return kObject;
    case Json::value_t::array:
      return kArray;
    case Json::value_t::string:
      return kString;
    default:
      return kNumber;
  }
}

bool below(const std::optional<Bound>& high, const std::optional<Bound>& low) {
  if (!high || !low) return false;
  const int order = compare(high->decimal, low->decimal);
  return order < 0 || (order == 0 && (high->exclusive || low->exclusive));
}

bool apart(const NumberBounds& a, const NumberBounds& b) {
  return below(a.high, b.low) || below(b.high, a.low);
}

bool apart(const Range& a, const Range& b) {
  const auto before = [](const Range& x, const Range& y) {
    return x.max != kUnlimited && x.max < y.min;
  };
  return before(a, b) || before(b, a);
}

}  // namespace

Result<bool> SchemaReader::disjoint(const Conjunction& a, const Conjunction& b, int depth) const {
  if (depth > kDepthOfProofMax) return false;
  TRY_ASSIGN(const std::vector<Facts> left, alternatives(a, depth));
  TRY_ASSIGN(const std::vector<Facts> right, alternatives(b, depth));
  return disjoint(left, right, depth);
}

Result<bool> SchemaReader::disjoint(const std::vector<Facts>& a, const std::vector<Facts>& b,
                                    int depth) const {
  for (const Facts& left : a) {
    for (const Facts& right : b) {
      TRY_ASSIGN(const bool apart, disjoint(left, right, depth));
      if (!apart) return false;
    }
  }
  return true;
}

Result<bool> SchemaReader::disjoint(const Facts& a, const Facts& b, int depth) const {
  // A value that is generated for one, of a type that the other lets through.
  auto common = static_cast<uint8_t>((a.generated() & b.types) | (a.types & b.generated()));
  if (a.values && b.values) {
    return std::ranges::none_of(*a.values, [&](const Json* x) {
      return std::ranges::any_of(*b.values, [&](const Json* y) { return *x == *y; });
    });
  }
  if (a.values || b.values) {
    uint8_t types = 0;
    for (const Json* value : a.values ? *a.values : *b.values) types |= type_of(*value);
    common &= types;
  }
  if (apart(a.numbers, b.numbers)) common &= static_cast<uint8_t>(~kNumber);
  if (apart(a.length, b.length)) common &= static_cast<uint8_t>(~kString);
  if (apart(a.items, b.items)) common &= static_cast<uint8_t>(~kArray);
  if (common & kObject) {
    TRY_ASSIGN(const bool differ, members_disjoint(a, b, depth));
    if (differ) common &= static_cast<uint8_t>(~kObject);
  }
  return common == 0;
}

// A member that one of them requires, and whose values can't be right for both.
Result<bool> SchemaReader::members_disjoint(const Facts& a, const Facts& b, int depth) const {
  for (const Facts* facts : {&a, &b}) {
    for (const std::string& name : facts->required) {
      const Facts& other = facts == &a ? b : a;
      const std::optional<Conjunction> mine = member_schemas(*facts, name);
      std::optional<Conjunction> theirs = member_schemas(other, name);
      if (!theirs) theirs = additional_schemas(other);
      if (!theirs) continue;
      TRY_ASSIGN(const bool apart, disjoint(mine.value_or(Conjunction{}), *theirs, depth + 1));
      if (apart) return true;
    }
  }
  return false;
}

}  // namespace hearth::grammar
