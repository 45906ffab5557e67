// Equality, order and membership. Recursion is bounded by the nesting limit of values; the work by
// the budget, since shared parts can make a small value look exponentially large.
#include <algorithm>

#include "hearth/text/template/characters.h"
#include "hearth/text/template/value_ops.h"

namespace hearth::jinja {
namespace {

Result<bool> equal_lists(Budget& budget, const List& a, const List& b) {
  if (a.kind != b.kind || a.elements.size() != b.elements.size()) return false;
  for (size_t i = 0; i < a.elements.size(); ++i) {
    TRY_ASSIGN(const bool same, equal(budget, a.elements[i], b.elements[i]));
    if (!same) return false;
  }
  return true;
}

Result<bool> equal_dicts(Budget& budget, const Dict& a, const Dict& b) {
  if (a.entries.size() != b.entries.size()) return false;
  for (const auto& [key, value] : a.entries) {
    TRY_ASSIGN(const std::optional<size_t> i, find_key(budget, b, key));
    if (!i.has_value()) return false;
    TRY_ASSIGN(const bool same, equal(budget, value, b.entries[*i].second));
    if (!same) return false;
  }
  return true;
}

bool hashable(const Value& value) {
  if (value.is_dict()) return false;
  const List* list = value.as_list();
  if (list == nullptr) return true;
  return list->kind == List::Kind::tuple &&
         std::all_of(list->elements.begin(), list->elements.end(), hashable);
}

Status cannot_order(const Value& a, const Value& b) {
  TRY(refuse_undefined(a));
  TRY(refuse_undefined(b));
  return error(Code::invalid, "'<' not supported between instances of '{}' and '{}'", a.type_name(),
               b.type_name());
}

}  // namespace

Status refuse_undefined(const Value& value) {
  if (!value.is_undefined()) return Status::ok();
  return {Code::invalid, value.undefined_why()};
}

Result<bool> equal(Budget& budget, const Value& a, const Value& b) {
  TRY(budget.steps(1));
  if (a.is_number() && b.is_number()) {
    if (a.is_int() && b.is_int()) return a.as_int() == b.as_int();
    return a.as_double() == b.as_double();
  }
  if (a.is_str() && b.is_str()) {
    const std::string_view x = a.as_str()->text.view();
    const std::string_view y = b.as_str()->text.view();
    if (x.size() != y.size()) return false;
    TRY(budget.steps(static_cast<int64_t>(x.size() / 64)));
    return x == y;
  }
  if (a.as_list() != nullptr && b.as_list() != nullptr) {
    return equal_lists(budget, *a.as_list(), *b.as_list());
  }
  if (a.is_dict() && b.is_dict()) return equal_dicts(budget, *a.as_dict(), *b.as_dict());
  return a.same(b);
}

Result<bool> less(Budget& budget, const Value& a, const Value& b) {
  TRY(budget.steps(1));
  if (a.is_number() && b.is_number()) {
    if (a.is_int() && b.is_int()) return a.as_int() < b.as_int();
    return a.as_double() < b.as_double();
  }
  // UTF-8 keeps the order of code points.
  if (a.is_str() && b.is_str()) return a.as_str()->text.view() < b.as_str()->text.view();
  const List* x = a.as_list();
  const List* y = b.as_list();
  if (x == nullptr || y == nullptr || x->kind != y->kind ||
      (x->kind != List::Kind::list && x->kind != List::Kind::tuple)) {
    return cannot_order(a, b);
  }
  const size_t common = std::min(x->elements.size(), y->elements.size());
  for (size_t i = 0; i < common; ++i) {
    TRY_ASSIGN(const bool same, equal(budget, x->elements[i], y->elements[i]));
    if (!same) return less(budget, x->elements[i], y->elements[i]);
  }
  return x->elements.size() < y->elements.size();
}

Result<std::optional<size_t>> find_key(Budget& budget, const Dict& dict, const Value& key) {
  if (!hashable(key)) {
    return error(Code::invalid, "unhashable type: '{}'", key.type_name());
  }
  TRY(budget.steps(1 + static_cast<int64_t>(dict.entries.size() / 16)));
  for (size_t i = 0; i < dict.entries.size(); ++i) {
    const Value& candidate = dict.entries[i].first;
    if (candidate.is_str() != key.is_str()) continue;
    if (key.is_str()) {
      if (candidate.as_str()->text.view() == key.as_str()->text.view()) return std::optional(i);
      continue;
    }
    TRY_ASSIGN(const bool same, equal(budget, candidate, key));
    if (same) return std::optional(i);
  }
  return std::optional<size_t>();
}

Status set_key(Budget& budget, Dict& dict, Value key, Value value) {
  TRY_ASSIGN(const std::optional<size_t> at, find_key(budget, dict, key));
  if (at.has_value()) {
    dict.entries[*at].second = std::move(value);
  } else {
    TRY(budget.bytes(2 * sizeof(Value)));
    dict.entries.emplace_back(std::move(key), std::move(value));
  }
  return Status::ok();
}

Result<bool> contains(Budget& budget, const Value& container, const Value& element) {
  if (const Str* s = container.as_str()) {
    if (!element.is_str()) {
      return error(Code::invalid, "'in <string>' requires string as left operand, not {}",
                   element.type_name());
    }
    TRY(budget.steps(1 + static_cast<int64_t>(s->text.size() / 64)));
    return s->text.view().find(element.as_str()->text.view()) != std::string_view::npos;
  }
  if (const Dict* dict = container.as_dict()) {
    TRY_ASSIGN(const std::optional<size_t> at, find_key(budget, *dict, element));
    return at.has_value();
  }
  Result<Next> next = iterate(budget, container);
  if (!next) {
    return error(Code::invalid, "argument of type '{}' is not iterable", container.type_name());
  }
  while (true) {
    TRY_ASSIGN(const std::optional<Value> candidate, (*next)());
    if (!candidate.has_value()) return false;
    TRY_ASSIGN(const bool same, equal(budget, *candidate, element));
    if (same) return true;
  }
}

namespace {

std::optional<size_t> wrap_index(Int index, size_t size) {
  const auto n = static_cast<Int>(size);
  if (index < 0) index += n;
  if (index < 0 || index >= n) return std::nullopt;
  return static_cast<size_t>(index);
}

// Python's PySlice_AdjustIndices: the first index, the step and how many elements a slice takes.
struct Walk {
  Int first = 0;
  Int step = 1;
  size_t count = 0;
};
Walk walk_of(const SliceBounds& bounds, size_t size) {
  const auto n = static_cast<Int>(size);
  Walk walk;
  walk.step = bounds.step.value_or(1);
  const bool forward = walk.step > 0;
  const auto clamp = [&](std::optional<Int> bound, Int absent) {
    if (!bound.has_value()) return absent;
    Int i = *bound < 0 ? *bound + n : *bound;
    if (i < 0) return Int{forward ? 0 : -1};
    return i >= n ? (forward ? n : n - 1) : i;
  };
  walk.first = clamp(bounds.begin, forward ? 0 : n - 1);
  const Int end = clamp(bounds.end, forward ? n : -1);
  const Int span = forward ? end - walk.first : walk.first - end;
  if (span > 0)
    walk.count = static_cast<size_t>((span - 1) / (forward ? walk.step : -walk.step)) + 1;
  return walk;
}

}  // namespace

Result<std::optional<Value>> subscript(Budget& budget, const Value& container, const Value& key) {
  TRY(refuse_undefined(container));
  if (const Dict* dict = container.as_dict()) {
    if (!hashable(key)) return std::optional<Value>();
    TRY_ASSIGN(const std::optional<size_t> at, find_key(budget, *dict, key));
    return at ? std::optional<Value>(dict->entries[*at].second) : std::optional<Value>();
  }
  if (!key.is_int()) return std::optional<Value>();
  if (const Str* s = container.as_str()) {
    TRY(budget.steps(1 + static_cast<int64_t>(s->text.size() / 64)));
    const std::vector<size_t> offsets = char_offsets(s->text.view());
    const auto i = wrap_index(key.as_int(), offsets.size() - 1);
    if (!i) return std::optional<Value>();
    return std::optional<Value>(Value::str(s->text.slice(offsets[*i], offsets[*i + 1]), s->markup));
  }
  const List* list = container.as_list();
  if (list == nullptr || !list->has_index()) return std::optional<Value>();
  const auto i = wrap_index(key.as_int(), list->elements.size());
  return i ? std::optional<Value>(list->elements[*i]) : std::optional<Value>();
}

Result<std::optional<Value>> slice(Budget& budget, const Value& sequence,
                                   const SliceBounds& bounds) {
  TRY(refuse_undefined(sequence));
  const Str* s = sequence.as_str();
  const List* list = sequence.as_list();
  if (s == nullptr && (list == nullptr || !list->has_index())) return std::optional<Value>();
  if (bounds.step == 0) return error(Code::invalid, "slice step cannot be zero");

  if (s != nullptr) {
    const std::vector<size_t> offsets = char_offsets(s->text.view());
    TRY(budget.bytes(static_cast<int64_t>(s->text.size())));
    Walk walk = walk_of(bounds, offsets.size() - 1);
    MarkedText out;
    for (; walk.count > 0; --walk.count, walk.first += walk.step) {
      const auto i = static_cast<size_t>(walk.first);
      out.append(s->text, offsets[i], offsets[i + 1]);
    }
    return std::optional<Value>(Value::str(std::move(out), s->markup));
  }
  Walk walk = walk_of(bounds, list->elements.size());
  std::vector<Value> out;
  for (; walk.count > 0; --walk.count, walk.first += walk.step) {
    TRY(budget.steps(1));
    out.push_back(list->elements[static_cast<size_t>(walk.first)]);
  }
  TRY_ASSIGN(Value made, make_list(budget, list->kind, std::move(out)));
  return std::optional<Value>(std::move(made));
}

}  // namespace hearth::jinja
