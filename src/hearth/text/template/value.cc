// Making and walking values.
#include "hearth/text/template/value.h"

#include "hearth/text/template/characters.h"

namespace hearth::jinja {

Value Value::undefined(std::string why) {
  return Value(Undefined{std::make_shared<const std::string>(std::move(why))});
}

Value Value::str(MarkedText text, bool markup) {
  return Value(std::make_shared<const Str>(Str{std::move(text), markup}));
}

const std::string& Value::undefined_why() const {
  static const std::string kUnknown = "an undefined value is used";
  const auto* u = std::get_if<Undefined>(&v_);
  return u != nullptr && u->why != nullptr ? *u->why : kUnknown;
}

bool Value::same(const Value& other) const {
  if (v_.index() != other.v_.index()) return false;
  if (is_undefined() || is_none()) return true;
  if (is_bool()) return as_bool() == other.as_bool();
  if (is_int()) return as_int() == other.as_int();
  if (is_float()) return as_double() == other.as_double();
  return as_str() == other.as_str() && as_list() == other.as_list() &&
         as_dict() == other.as_dict() && as_object() == other.as_object();
}

std::string_view Value::type_name() const {
  if (is_undefined()) return "Undefined";
  if (is_none()) return "NoneType";
  if (is_bool()) return "bool";
  if (is_int()) return "int";
  if (is_float()) return "float";
  if (is_str()) return as_str()->markup ? "Markup" : "str";
  if (is_dict()) return "dict";
  if (const List* list = as_list()) {
    constexpr std::string_view kNames[] = {"list",      "tuple",       "range",
                                           "dict_keys", "dict_values", "dict_items"};
    return kNames[static_cast<size_t>(list->kind)];
  }
  return as_object()->type_name();
}

int Value::depth() const {
  if (const List* list = as_list()) return list->depth;
  if (const Dict* dict = as_dict()) return dict->depth;
  if (const Object* object = as_object()) return object->depth();
  return 0;
}

const Value* Dict::find(std::string_view key) const {
  for (const auto& [k, v] : entries) {
    if (const Str* s = k.as_str(); s != nullptr && s->text.view() == key) return &v;
  }
  return nullptr;
}

namespace {

Status check_depth(const Budget& budget, int depth) {
  if (depth <= budget.limits().nesting_max) return Status::ok();
  return error(Code::invalid, "values nest more than {} levels deep", budget.limits().nesting_max);
}

}  // namespace

Result<Value> make_list(Budget& budget, List list) {
  TRY(budget.bytes(static_cast<int64_t>(list.elements.size() * sizeof(Value) + sizeof(List))));
  int depth = 0;
  for (const Value& element : list.elements) depth = std::max(depth, element.depth());
  list.depth = depth + 1;
  TRY(check_depth(budget, list.depth));
  return Value(std::make_shared<const List>(std::move(list)));
}

Result<Value> make_list(Budget& budget, List::Kind kind, std::vector<Value> elements) {
  List list;
  list.kind = kind;
  list.elements = std::move(elements);
  return make_list(budget, std::move(list));
}

Result<Value> make_dict(Budget& budget, Dict dict) {
  TRY(budget.bytes(static_cast<int64_t>(dict.entries.size() * 2 * sizeof(Value) + sizeof(Dict))));
  int depth = 0;
  for (const auto& [key, value] : dict.entries) {
    depth = std::max({depth, key.depth(), value.depth()});
  }
  dict.depth = depth + 1;
  TRY(check_depth(budget, dict.depth));
  return Value(std::make_shared<const Dict>(std::move(dict)));
}

Result<Value> make_generator(Budget& budget, int source_depth, Next next) {
  TRY(check_depth(budget, source_depth + 1));
  TRY(budget.bytes(sizeof(Generator)));
  auto generator = std::make_shared<Generator>();
  generator->next = std::move(next);
  generator->levels = source_depth + 1;
  return Value::object(std::move(generator));
}

Result<Value> make_str(Budget& budget, MarkedText text, bool markup) {
  TRY(budget.bytes(static_cast<int64_t>(text.size() + sizeof(Str))));
  return Value::str(std::move(text), markup);
}

bool truthy(const Value& value) {
  if (value.is_undefined() || value.is_none()) return false;
  if (value.is_int()) return value.as_int() != 0;
  if (value.is_float()) return value.as_double() != 0;
  if (const Str* s = value.as_str()) return !s->text.empty();
  if (const List* list = value.as_list()) return !list->elements.empty();
  if (const Dict* dict = value.as_dict()) return !dict->entries.empty();
  return true;
}

namespace {

Next characters_of(Budget& budget, const Value& text) {
  return [&budget, text, at = size_t{0}]() mutable -> Result<std::optional<Value>> {
    const Str& s = *text.as_str();
    if (at >= s.text.size()) return std::optional<Value>();
    const size_t begin = at;
    next_char(s.text.view(), at);
    TRY_ASSIGN(Value c, make_str(budget, s.text.slice(begin, at), s.markup));
    return std::optional<Value>(std::move(c));
  };
}

}  // namespace

Result<Next> iterate(Budget& budget, const Value& value) {
  if (value.is_undefined()) {
    return Next([]() -> Result<std::optional<Value>> { return std::optional<Value>(); });
  }
  if (value.is_str()) return characters_of(budget, value);
  if (value.as_list() != nullptr) {
    return Next([&budget, value, i = size_t{0}]() mutable -> Result<std::optional<Value>> {
      TRY(budget.steps(1));
      const auto& elements = value.as_list()->elements;
      return i < elements.size() ? std::optional<Value>(elements[i++]) : std::optional<Value>();
    });
  }
  if (value.is_dict()) {
    return Next([&budget, value, i = size_t{0}]() mutable -> Result<std::optional<Value>> {
      TRY(budget.steps(1));
      const auto& entries = value.as_dict()->entries;
      return i < entries.size() ? std::optional<Value>(entries[i++].first) : std::optional<Value>();
    });
  }
  if (value.as<Generator>() != nullptr) {
    return Next([&budget, value]() -> Result<std::optional<Value>> {
      TRY(budget.steps(1));
      TRY(budget.level_left());
      const Budget::Level level(budget);
      return value.as<Generator>()->next();
    });
  }
  return error(Code::invalid, "'{}' object is not iterable", value.type_name());
}

Result<std::vector<Value>> collect(Budget& budget, const Value& value) {
  TRY_ASSIGN(const Next next, iterate(budget, value));
  std::vector<Value> out;
  while (true) {
    TRY_ASSIGN(std::optional<Value> element, next());
    if (!element.has_value()) return out;
    TRY(budget.bytes(sizeof(Value)));
    out.push_back(std::move(*element));
  }
}

}  // namespace hearth::jinja
