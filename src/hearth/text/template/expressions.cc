// Expressions: names, operators, calls, and what the sandbox lets be seen of a value.
#include "hearth/text/template/evaluator.h"
#include "hearth/text/template/print.h"
#include "hearth/text/template/text_format.h"
#include "hearth/text/template/value_ops.h"

namespace hearth::jinja {

Result<Value> Evaluator::eval(const Expr& expr) {
  TRY(budget_.level_left());
  const Budget::Level level(budget_);
  TRY(budget_.steps(1));
  line_ = expr.line;
  return std::visit([this](const auto& node) { return eval_node(node); }, expr.node);
}

Result<Value> Evaluator::eval_node(const Name& node) {
  for (Scope* scope = scope_.get(); scope != nullptr; scope = scope->parent.get()) {
    if (const Value* value = scope->find_here(node.name)) return *value;
  }
  return Value::undefined(fmt::format("'{}' is undefined", node.name));
}

Result<Value> Evaluator::eval_node(const ListDisplay& node) {
  std::vector<Value> elements;
  for (const ExprPtr& expr : node.elements) {
    TRY_ASSIGN(Value element, eval(*expr));
    elements.push_back(std::move(element));
  }
  return make_list(budget_, node.kind, std::move(elements));
}

Result<Value> Evaluator::eval_node(const DictDisplay& node) {
  Dict dict;
  for (const auto& [key_expr, value_expr] : node.entries) {
    TRY_ASSIGN(Value key, eval(*key_expr));
    TRY_ASSIGN(Value value, eval(*value_expr));
    TRY(set_key(budget_, dict, std::move(key), std::move(value)));
  }
  return make_dict(budget_, std::move(dict));
}

Result<Value> Evaluator::eval_node(const Attribute& node) {
  TRY_ASSIGN(const Value object, eval(*node.object));
  return attribute(object, node.name);
}

Result<Value> Evaluator::eval_node(const Subscript& node) {
  TRY_ASSIGN(const Value object, eval(*node.object));
  TRY_ASSIGN(const Value key, eval(*node.key));
  return item(object, key);
}

Result<Value> Evaluator::eval_node(const SliceOf& node) {
  TRY_ASSIGN(const Value object, eval(*node.object));
  SliceBounds bounds;
  const std::pair<const ExprPtr*, std::optional<Int>*> parts[] = {
      {&node.begin, &bounds.begin}, {&node.end, &bounds.end}, {&node.step, &bounds.step}};
  for (const auto& [expr, bound] : parts) {
    if (*expr == nullptr) continue;
    TRY_ASSIGN(const Value value, eval(**expr));
    TRY(refuse_undefined(value));
    if (!value.is_int() && !value.is_none()) {
      return error(Code::invalid, "slice indices must be integers or None");
    }
    if (value.is_int()) *bound = value.as_int();
  }
  // Unlike [key], a slice of the wrong thing is an error, not undefined.
  TRY_ASSIGN(std::optional<Value> part, slice(budget_, object, bounds));
  if (part.has_value()) return std::move(*part);
  return error(Code::invalid, "'{}' object cannot be sliced", object.type_name());
}

Result<Value> Evaluator::eval_node(const Call& node) {
  TRY_ASSIGN(const Value callee, eval(*node.callee));
  TRY_ASSIGN(const CallArgs args, eval_arguments(node.arguments));
  return call(callee, args);
}

Result<Value> Evaluator::eval_node(const FilterUse& node) {
  Value input;
  if (node.input == nullptr) {
    input = std::move(block_text_);
  } else {
    TRY_ASSIGN(input, eval(*node.input));
  }
  TRY_ASSIGN(const CallArgs args, eval_arguments(node.arguments));
  return call_filter(node.name, input, args);
}

Result<Value> Evaluator::eval_node(const TestUse& node) {
  TRY_ASSIGN(const Value input, eval(*node.input));
  TRY_ASSIGN(const CallArgs args, eval_arguments(node.arguments));
  TRY_ASSIGN(const bool holds, call_test(node.name, input, args));
  return Value::boolean(holds);
}

Result<Value> Evaluator::eval_node(const Not& node) {
  TRY_ASSIGN(const Value value, eval(*node.operand));
  return Value::boolean(!truthy(value));
}

Result<Value> Evaluator::eval_node(const Sign& node) {
  TRY_ASSIGN(const Value value, eval(*node.operand));
  if (node.negative) return negate(value);
  TRY(refuse_undefined(value));
  if (value.is_bool()) return Value::integer(value.as_int());
  if (value.is_number()) return value;
  return error(Code::invalid, "bad operand type for unary +: '{}'", value.type_name());
}

Result<Value> Evaluator::eval_node(const Binary& node) {
  TRY_ASSIGN(const Value left, eval(*node.left));
  TRY_ASSIGN(const Value right, eval(*node.right));
  return arithmetic(budget_, node.op, left, right);
}

Result<Value> Evaluator::eval_node(const Logical& node) {
  TRY_ASSIGN(Value left, eval(*node.left));
  if (truthy(left) != node.is_and) return left;
  return eval(*node.right);
}

Result<bool> Evaluator::compare(CompareOp op, const Value& a, const Value& b) {
  switch (op) {
    case CompareOp::eq:
      return equal(budget_, a, b);
    case CompareOp::ne: {
      TRY_ASSIGN(const bool same, equal(budget_, a, b));
      return !same;
    }
    case CompareOp::lt:
      return less(budget_, a, b);
    case CompareOp::gt:
      return less(budget_, b, a);
    case CompareOp::le:
    case CompareOp::ge: {
      const bool le = op == CompareOp::le;
      TRY_ASSIGN(const bool before, less(budget_, le ? a : b, le ? b : a));
      if (before) return true;
      return equal(budget_, a, b);
    }
    case CompareOp::in:
      return contains(budget_, b, a);
    case CompareOp::not_in: {
      TRY_ASSIGN(const bool inside, contains(budget_, b, a));
      return !inside;
    }
  }
  return false;
}

Result<Value> Evaluator::eval_node(const Comparison& node) {
  TRY_ASSIGN(Value left, eval(*node.first));
  for (const auto& [op, expr] : node.rest) {
    TRY_ASSIGN(Value right, eval(*expr));
    TRY_ASSIGN(const bool holds, compare(op, left, right));
    if (!holds) return Value::boolean(false);
    left = std::move(right);
  }
  return Value::boolean(true);
}

Result<Value> Evaluator::eval_node(const Concat& node) {
  std::vector<Value> parts;
  for (const ExprPtr& expr : node.parts) {
    TRY_ASSIGN(Value part, eval(*expr));
    parts.push_back(std::move(part));
  }
  TextBuilder out(budget_);
  for (const Value& part : parts) TRY(print(out, part));
  return std::move(out).take_str();
}

Result<Value> Evaluator::eval_node(const Conditional& node) {
  TRY_ASSIGN(const Value condition, eval(*node.condition));
  if (truthy(condition)) return eval(*node.then);
  if (node.otherwise != nullptr) return eval(*node.otherwise);
  return Value::undefined("the inline if-expression has no else and its condition is false");
}

Status Evaluator::spread(const Arguments& arguments, CallArgs& out) {
  if (arguments.starred != nullptr) {
    TRY_ASSIGN(const Value list, eval(*arguments.starred));
    TRY_ASSIGN(std::vector<Value> values, collect(budget_, list));
    for (Value& value : values) out.positional.push_back(std::move(value));
  }
  if (arguments.double_starred == nullptr) return Status::ok();
  TRY_ASSIGN(const Value dict, eval(*arguments.double_starred));
  if (!dict.is_dict()) {
    return error(Code::invalid, "argument after ** must be a mapping, not {}", dict.type_name());
  }
  for (const auto& [key, value] : dict.as_dict()->entries) {
    if (!key.is_str()) return error(Code::invalid, "keywords must be strings");
    const std::string& name = key.as_str()->text.bytes();
    for (const auto& [given, unused] : out.named) {
      if (given == name) return error(Code::invalid, "keyword argument '{}' repeated", name);
    }
    TRY(budget_.bytes(static_cast<int64_t>(sizeof(Value) + name.size())));
    out.named.emplace_back(name, value);
  }
  return Status::ok();
}

Result<CallArgs> Evaluator::eval_arguments(const Arguments& arguments) {
  CallArgs out;
  for (const ExprPtr& expr : arguments.positional) {
    TRY_ASSIGN(Value value, eval(*expr));
    out.positional.push_back(std::move(value));
  }
  for (const auto& [name, expr] : arguments.named) {
    TRY_ASSIGN(Value value, eval(*expr));
    out.named.emplace_back(name, std::move(value));
  }
  TRY(spread(arguments, out));
  return out;
}

Result<std::optional<Value>> Evaluator::python_attribute(const Value& object,
                                                         std::string_view name) {
  if (name.starts_with("__") || is_mutator(object, name)) {
    return std::optional<Value>(Value::undefined(fmt::format(
        "access to attribute '{}' of '{}' object is unsafe.", name, object.type_name())));
  }
  if (is_refused_method(object, name)) {
    return error(Code::unsupported, "the method {}.{} is not supported", object.type_name(), name);
  }
  if (const Callable method = find_method(object, name)) {
    auto bound = std::make_shared<Method>();
    TRY(budget_.bytes(sizeof(Method)));
    bound->self = object;
    bound->call = method;
    return std::optional<Value>(Value::object(std::move(bound)));
  }
  return object_attribute(*this, object, name);
}

namespace {

Value missing(const Value& object, std::string_view name) {
  return Value::undefined(
      fmt::format("'{} object' has no attribute '{}'", object.type_name(), name));
}

}  // namespace

// Attributes before items.
Result<Value> Evaluator::attribute(const Value& object, std::string_view name) {
  TRY(refuse_undefined(object));
  TRY_ASSIGN(std::optional<Value> found, python_attribute(object, name));
  if (found.has_value()) return std::move(*found);
  if (const Dict* dict = object.as_dict()) {
    TRY(budget_.steps(1 + static_cast<int64_t>(dict->entries.size() / 16)));
    if (const Value* value = dict->find(name)) return *value;
  }
  return missing(object, name);
}

// Items before attributes: message['items'] is the method when there is no such key.
Result<Value> Evaluator::item(const Value& object, const Value& key) {
  TRY_ASSIGN(std::optional<Value> found, subscript(budget_, object, key));
  if (found.has_value()) return std::move(*found);
  if (const Str* name = key.as_str()) {
    TRY_ASSIGN(found, python_attribute(object, name->text.view()));
    if (found.has_value()) return std::move(*found);
    return missing(object, name->text.view().substr(0, 80));
  }
  TRY_ASSIGN(const MarkedText shown, to_text(budget_, key));
  return missing(object, shown.view().substr(0, 80));
}

Result<Value> Evaluator::call(const Value& callee, const CallArgs& args) {
  TRY(refuse_undefined(callee));
  TRY(budget_.level_left());
  const Budget::Level level(budget_);
  if (const auto* macro = callee.as<Macro>()) return call_macro(*macro, args);
  if (const auto* function = callee.as<Function>()) return function->call(*this, args);
  if (const auto* method = callee.as<Method>()) return method->call(*this, method->self, args);
  if (auto* joiner = callee.as<Joiner>()) {
    if (std::exchange(joiner->used, true)) return joiner->separator;
    return Value::literal("");
  }
  if (const auto* loop = callee.as<Loop>()) {
    if (loop->done || !loop->statement->recursive || args.positional.size() != 1) {
      return error(Code::invalid, "loop() needs one argument and a loop marked 'recursive'");
    }
    const auto scope = std::exchange(scope_, loop->scope);
    TextBuilder text(budget_);
    TextBuilder* const outer = std::exchange(out_, &text);
    Result<Flow> flow = run_loop(*loop->statement, args.positional[0], loop->depth0 + 1);
    out_ = outer;
    scope_ = scope;
    TRY(std::move(flow));
    return std::move(text).take_str();
  }
  return error(Code::invalid, "'{}' object is not callable", callee.type_name());
}

Result<Value> Evaluator::call_filter(std::string_view name, const Value& input,
                                     const CallArgs& args) {
  const Callable filter = find_filter(name);
  if (filter == nullptr) return error(Code::unsupported, "No filter named '{}' found.", name);
  return filter(*this, input, args);
}

Result<bool> Evaluator::call_test(std::string_view name, const Value& input, const CallArgs& args) {
  const Predicate test = find_test(name);
  if (test == nullptr) return error(Code::unsupported, "No test named '{}' found.", name);
  return test(*this, input, args);
}

}  // namespace hearth::jinja
