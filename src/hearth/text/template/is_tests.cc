// Tests: value is name(arguments).
#include "hearth/text/template/characters.h"
#include "hearth/text/template/evaluator.h"
#include "hearth/text/template/filters.h"
#include "hearth/text/template/print.h"
#include "hearth/text/template/value_ops.h"

namespace hearth::jinja {
namespace {

using Kind = bool (*)(const Value&);

// A test that asks for the kind of the value only.
template <Kind kind>
Result<bool> test_kind(Evaluator&, const Value& value, const CallArgs& args) {
  TRY(bind("test", args, {}));
  return kind(value);
}

bool is_defined(const Value& v) {
  return !v.is_undefined();
}
bool is_undefined(const Value& v) {
  return v.is_undefined();
}
bool is_none(const Value& v) {
  return v.is_none();
}
bool is_boolean(const Value& v) {
  return v.is_bool();
}
bool is_true(const Value& v) {
  return v.is_bool() && v.as_bool();
}
bool is_false(const Value& v) {
  return v.is_bool() && !v.as_bool();
}
bool is_integer(const Value& v) {
  return v.is_int() && !v.is_bool();
}
bool is_float(const Value& v) {
  return v.is_float();
}
bool is_number(const Value& v) {
  return v.is_number();
}
bool is_string(const Value& v) {
  return v.is_str();
}
bool is_mapping(const Value& v) {
  return v.is_dict();
}
bool is_escaped(const Value& v) {
  return v.is_str() && v.as_str()->markup;
}

// An undefined value has a length and an index in the reference, and iterates over nothing.
bool is_sequence(const Value& v) {
  const List* list = v.as_list();
  return v.is_undefined() || v.is_str() || v.is_dict() || (list != nullptr && list->has_index());
}
bool is_iterable(const Value& v) {
  return v.is_undefined() || v.is_str() || v.is_dict() || v.as_list() != nullptr ||
         v.as<Generator>() != nullptr || v.as<Loop>() != nullptr;
}
bool is_callable(const Value& v) {
  return v.is_undefined() || v.as<Function>() != nullptr || v.as<Method>() != nullptr ||
         v.as<Macro>() != nullptr || v.as<Joiner>() != nullptr || v.as<Loop>() != nullptr;
}

template <bool odd>
Result<bool> test_parity(Evaluator& evaluator, const Value& value, const CallArgs& args) {
  TRY(bind("odd or even", args, {}));
  TRY_ASSIGN(const Value rest,
             arithmetic(evaluator.budget(), BinaryOp::modulo, value, Value::integer(2)));
  return equal(evaluator.budget(), rest, Value::integer(odd ? 1 : 0));
}

Result<bool> test_divisibleby(Evaluator& evaluator, const Value& value, const CallArgs& args) {
  TRY_ASSIGN(const Bound b, bind("divisibleby", args, {"num"}, 1));
  TRY_ASSIGN(const Value rest, arithmetic(evaluator.budget(), BinaryOp::modulo, value, b[0]));
  return equal(evaluator.budget(), rest, Value::integer(0));
}

enum class Relation { eq, ne, lt, le, gt, ge };
template <Relation relation>
Result<bool> test_relation(Evaluator& evaluator, const Value& value, const CallArgs& args) {
  TRY_ASSIGN(const Bound b, bind("comparison", args, {"other"}, 1));
  Budget& budget = evaluator.budget();
  if (relation == Relation::lt) return less(budget, value, b[0]);
  if (relation == Relation::gt) return less(budget, b[0], value);
  if (relation == Relation::le || relation == Relation::ge) {
    const bool le = relation == Relation::le;
    TRY_ASSIGN(const bool before, less(budget, le ? value : b[0], le ? b[0] : value));
    if (before) return true;
  }
  TRY_ASSIGN(const bool same, equal(budget, value, b[0]));
  return same != (relation == Relation::ne);
}

Result<bool> test_in(Evaluator& evaluator, const Value& value, const CallArgs& args) {
  TRY_ASSIGN(const Bound b, bind("in", args, {"seq"}, 1));
  return contains(evaluator.budget(), b[0], value);
}

Result<bool> test_sameas(Evaluator&, const Value& value, const CallArgs& args) {
  TRY_ASSIGN(const Bound b, bind("sameas", args, {"other"}, 1));
  return value.same(b[0]);
}

template <bool upper>
Result<bool> test_case(Evaluator& evaluator, const Value& value, const CallArgs& args) {
  TRY(bind("upper or lower", args, {}));
  TRY_ASSIGN(const MarkedText text, to_text(evaluator.budget(), value));
  bool any = false;
  for (size_t i = 0; i < text.size();) {
    const char32_t c = next_char(text.view(), i);
    if (upper ? is_lower(c) : is_upper(c)) return false;
    any |= upper ? is_upper(c) : is_lower(c);
  }
  return any;
}

template <bool filter>
Result<bool> test_name(Evaluator&, const Value& value, const CallArgs& args) {
  TRY(bind("filter or test", args, {}));
  if (!value.is_str()) return false;
  const std::string_view name = value.as_str()->text.view();
  return filter ? find_filter(name) != nullptr : find_test(name) != nullptr;
}

constexpr Entry<Predicate> kTests[] = {
    {"!=", test_relation<Relation::ne>},
    {"<", test_relation<Relation::lt>},
    {"<=", test_relation<Relation::le>},
    {"==", test_relation<Relation::eq>},
    {">", test_relation<Relation::gt>},
    {">=", test_relation<Relation::ge>},
    {"boolean", test_kind<is_boolean>},
    {"callable", test_kind<is_callable>},
    {"defined", test_kind<is_defined>},
    {"divisibleby", test_divisibleby},
    {"eq", test_relation<Relation::eq>},
    {"equalto", test_relation<Relation::eq>},
    {"escaped", test_kind<is_escaped>},
    {"even", test_parity<false>},
    {"false", test_kind<is_false>},
    {"filter", test_name<true>},
    {"float", test_kind<is_float>},
    {"ge", test_relation<Relation::ge>},
    {"greaterthan", test_relation<Relation::gt>},
    {"gt", test_relation<Relation::gt>},
    {"in", test_in},
    {"integer", test_kind<is_integer>},
    {"iterable", test_kind<is_iterable>},
    {"le", test_relation<Relation::le>},
    {"lessthan", test_relation<Relation::lt>},
    {"lower", test_case<false>},
    {"lt", test_relation<Relation::lt>},
    {"mapping", test_kind<is_mapping>},
    {"ne", test_relation<Relation::ne>},
    {"none", test_kind<is_none>},
    {"number", test_kind<is_number>},
    {"odd", test_parity<true>},
    {"sameas", test_sameas},
    {"sequence", test_kind<is_sequence>},
    {"string", test_kind<is_string>},
    {"test", test_name<false>},
    {"true", test_kind<is_true>},
    {"undefined", test_kind<is_undefined>},
    {"upper", test_case<true>},
};

}  // namespace

Predicate find_test(std::string_view name) {
  return find_entry(kTests, name);
}

}  // namespace hearth::jinja
