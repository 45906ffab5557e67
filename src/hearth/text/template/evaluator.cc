// Statements: output, branches, loops, assignments, macros.
#include "hearth/text/template/evaluator.h"

#include "hearth/text/template/print.h"
#include "hearth/text/template/value_ops.h"

namespace hearth::jinja {

// Names set while this lives go into a new scope under `parent`.
class Evaluator::InScope {
 public:
  InScope(Evaluator& evaluator, std::shared_ptr<Scope> parent)
      : evaluator_(evaluator), outer_(std::move(evaluator.scope_)) {
    evaluator_.scope_ = std::make_shared<Scope>();
    evaluator_.scope_->parent = std::move(parent);
  }
  explicit InScope(Evaluator& evaluator) : InScope(evaluator, evaluator.scope_) {}
  ~InScope() { evaluator_.scope_ = std::move(outer_); }
  InScope(const InScope&) = delete;
  InScope& operator=(const InScope&) = delete;

 private:
  Evaluator& evaluator_;
  std::shared_ptr<Scope> outer_;
};

// Output goes into `text` while this lives.
class Evaluator::Capture {
 public:
  explicit Capture(Evaluator& evaluator)
      : text(evaluator.budget_), evaluator_(evaluator), outer_(evaluator.out_) {
    evaluator_.out_ = &text;
  }
  ~Capture() { evaluator_.out_ = outer_; }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  TextBuilder text;

 private:
  Evaluator& evaluator_;
  TextBuilder* outer_;
};

Evaluator::Evaluator(const TemplateLimits& limits, std::tm now)
    : budget_(limits), now_(now), root_(std::make_shared<Scope>()), scope_(root_) {
  add_globals(*root_);
}

Evaluator::~Evaluator() {
  for (const auto& made : namespaces_) made->attributes.entries.clear();
  for (const auto& scope : captured_) scope->names.clear();
}

Value Evaluator::own(std::shared_ptr<Namespace> made) {
  namespaces_.push_back(made);
  return Value::object(std::move(made));
}

Result<MarkedText> Evaluator::run(const Block& block) {
  Capture output(*this);
  Result<Flow> flow = run_block(block);
  if (!flow) return std::move(flow).status().at(fmt::format("line {}", line_));
  return std::move(output.text).take();
}

Result<Evaluator::Flow> Evaluator::run_block(const Block& block) {
  TRY(budget_.level_left());
  const Budget::Level level(budget_);
  for (const Statement& statement : block) {
    TRY_ASSIGN(const Flow flow, run_statement(statement));
    if (flow != Flow::normal) return flow;
  }
  return Flow::normal;
}

Result<Evaluator::Flow> Evaluator::run_statement(const Statement& statement) {
  line_ = statement.line;
  TRY(budget_.steps(1));
  return std::visit([this](const auto& node) { return run_node(node); }, statement.node);
}

Status Evaluator::write(const Value& value) {
  TRY(print(*out_, value));
  return write_check();
}

Status Evaluator::write_check() {
  if (static_cast<int64_t>(out_->size()) <= budget_.limits().output_bytes_max) return Status::ok();
  return error(Code::invalid, "the template writes more than {} bytes",
               budget_.limits().output_bytes_max);
}

Result<Evaluator::Flow> Evaluator::run_node(const Data& node) {
  TRY(out_->append(node.text, true));
  TRY(write_check());
  return Flow::normal;
}

Result<Evaluator::Flow> Evaluator::run_node(const Print& node) {
  for (const ExprPtr& expr : node.values) {
    TRY_ASSIGN(const Value value, eval(*expr));
    TRY(write(value));
  }
  return Flow::normal;
}

Result<Evaluator::Flow> Evaluator::run_node(const If& node) {
  for (const auto& [condition, body] : node.branches) {
    TRY_ASSIGN(const Value value, eval(*condition));
    if (truthy(value)) return run_block(body);
  }
  return run_block(node.otherwise);
}

Result<Evaluator::Flow> Evaluator::run_node(const For& node) {
  TRY_ASSIGN(const Value sequence, eval(*node.sequence));
  return run_loop(node, sequence, 0);
}

// The elements for which the loop's own condition holds, each asked when its turn comes.
Next Evaluator::filtered(const For& node, Next next) {
  return [this, &node, outer = scope_, next = std::move(next)]() -> Result<std::optional<Value>> {
    while (true) {
      TRY_ASSIGN(std::optional<Value> element, next());
      if (!element.has_value()) return element;
      const InScope scope(*this, outer);
      TRY(assign(node.target, *element));
      TRY_ASSIGN(const Value keep, eval(*node.condition));
      if (truthy(keep)) return element;
    }
  };
}

Result<Evaluator::Flow> Evaluator::run_loop(const For& node, const Value& sequence,
                                            int64_t depth0) {
  TRY(budget_.bytes(sizeof(Loop)));
  auto loop = std::make_shared<Loop>();
  loop->statement = &node;
  loop->scope = scope_;
  loop->depth0 = depth0;
  TRY_ASSIGN(loop->next, iterate(budget_, sequence));
  if (node.condition != nullptr) {
    loop->next = filtered(node, std::move(loop->next));
  } else if (sequence.as_list() != nullptr) {
    loop->length = static_cast<int64_t>(sequence.as_list()->elements.size());
  }
  Result<Flow> flow = run_iterations(node, *loop, Value::object(loop));
  // What outlives the loop in a namespace must not hold scopes, nor itself.
  loop->done = true;
  loop->changed.clear();
  loop->scope = nullptr;
  loop->next = nullptr;
  return flow;
}

Result<Evaluator::Flow> Evaluator::run_iterations(const For& node, Loop& loop,
                                                  const Value& loop_value) {
  // Conditions and lookahead run in the scope around the loop, bodies in one of their own.
  bool completed = false;
  while (true) {
    TRY(budget_.steps(1));
    TRY_ASSIGN(std::optional<Value> element, loop.advance());
    if (!element.has_value()) break;
    const InScope scope(*this);
    TRY(assign(node.target, std::move(*element)));
    scope_->set("loop", loop_value);
    TRY_ASSIGN(const Flow flow, run_block(node.body));
    // As in the reference, `else` runs unless some iteration reached its end.
    completed |= flow == Flow::normal;
    if (flow == Flow::break_loop) break;
  }
  if (completed || node.otherwise.empty()) return Flow::normal;
  const InScope scope(*this);
  return run_block(node.otherwise);
}

Status Evaluator::assign(const Target& target, Value value) {
  if (target.is_tuple) {
    TRY_ASSIGN(std::vector<Value> parts, collect(budget_, value));
    if (parts.size() != target.parts.size()) {
      return error(Code::invalid, "expected {} values to unpack, found {}", target.parts.size(),
                   parts.size());
    }
    for (size_t i = 0; i < parts.size(); ++i) TRY(assign(target.parts[i], std::move(parts[i])));
    return Status::ok();
  }
  if (target.attribute.empty()) {
    scope_->set(target.name, std::move(value));
    return Status::ok();
  }
  TRY_ASSIGN(const Value object, eval_node(Name{target.name}));
  auto* ns = object.as<Namespace>();
  if (ns == nullptr) {
    return error(Code::invalid, "cannot assign attribute on non-namespace object '{}'",
                 target.name);
  }
  if (target.attribute.starts_with('_')) {
    return error(Code::invalid, "a namespace cannot hold the private attribute '{}'",
                 target.attribute);
  }
  return set_key(budget_, ns->attributes, Value::literal(target.attribute), std::move(value));
}

Result<Evaluator::Flow> Evaluator::run_node(const Set& node) {
  TRY_ASSIGN(Value value, eval(*node.value));
  TRY(assign(node.target, std::move(value)));
  return Flow::normal;
}

Result<Value> Evaluator::run_captured(const Block& block) {
  Capture output(*this);
  const InScope scope(*this);
  TRY(run_block(block));
  return std::move(output.text).take_str();
}

Result<Evaluator::Flow> Evaluator::run_node(const SetBlock& node) {
  TRY_ASSIGN(Value text, run_captured(node.body));
  if (node.filter != nullptr) {
    block_text_ = std::move(text);
    TRY_ASSIGN(text, eval(*node.filter));
  }
  TRY(assign(node.target, std::move(text)));
  return Flow::normal;
}

Result<Evaluator::Flow> Evaluator::run_node(const With& node) {
  std::vector<Value> values;
  for (const auto& [target, expr] : node.values) {
    TRY_ASSIGN(Value value, eval(*expr));
    values.push_back(std::move(value));
  }
  const InScope scope(*this);
  for (size_t i = 0; i < values.size(); ++i) {
    TRY(assign(node.values[i].first, std::move(values[i])));
  }
  return run_block(node.body);
}

Value Evaluator::make_macro(std::shared_ptr<const MacroDefinition> definition) {
  auto macro = std::make_shared<Macro>();
  macro->definition = std::move(definition);
  macro->scope = scope_;
  if (captured_.empty() || captured_.back() != scope_) captured_.push_back(scope_);
  return Value::object(std::move(macro));
}

Result<Evaluator::Flow> Evaluator::run_node(const MacroStatement& node) {
  TRY(budget_.bytes(sizeof(Macro)));
  scope_->set(node.definition->name, make_macro(node.definition));
  return Flow::normal;
}

Result<Evaluator::Flow> Evaluator::run_node(const CallBlock& node) {
  TRY(budget_.bytes(sizeof(Macro)));
  const auto& call_node = std::get<Call>(node.call->node);
  TRY_ASSIGN(const Value callee, eval(*call_node.callee));
  TRY_ASSIGN(CallArgs args, eval_arguments(call_node.arguments));
  args.named.emplace_back("caller", make_macro(node.caller));
  TRY_ASSIGN(const Value text, call(callee, args));
  TRY(write(text));
  return Flow::normal;
}

Result<Evaluator::Flow> Evaluator::run_node(const FilterBlock& node) {
  TRY_ASSIGN(block_text_, run_captured(node.body));
  TRY_ASSIGN(const Value text, eval(*node.filter));
  TRY(write(text));
  return Flow::normal;
}

Result<Evaluator::Flow> Evaluator::run_node(const Generation& node) {
  const InScope scope(*this);
  TRY(run_block(node.body));
  return Flow::normal;
}

Status Evaluator::bind_macro(const MacroDefinition& macro, const CallArgs& args) {
  std::vector<std::pair<std::string, Value>> named = args.named;
  const auto take_named = [&](std::string_view name) -> std::optional<Value> {
    for (auto it = named.begin(); it != named.end(); ++it) {
      if (it->first != name) continue;
      Value value = std::move(it->second);
      named.erase(it);
      return value;
    }
    return std::nullopt;
  };
  bool explicit_caller = false;
  for (size_t i = 0; i < macro.parameters.size(); ++i) {
    const Parameter& parameter = macro.parameters[i];
    explicit_caller |= parameter.name == "caller";
    std::optional<Value> value;
    if (i < args.positional.size()) {
      value = args.positional[i];
    } else {
      value = take_named(parameter.name);
    }
    if (!value.has_value() && parameter.fallback != nullptr) {
      TRY_ASSIGN(value, eval(*parameter.fallback));
    }
    scope_->set(parameter.name, value.has_value()
                                    ? std::move(*value)
                                    : Value::undefined(fmt::format(
                                          "parameter '{}' was not provided", parameter.name)));
  }
  if (macro.uses_caller && !explicit_caller) {
    scope_->set("caller", take_named("caller").value_or(Value::undefined("No caller defined")));
  }
  if (macro.uses_kwargs) {
    Dict rest;
    for (auto& [name, value] : named) {
      rest.entries.emplace_back(Value::literal(name), std::move(value));
    }
    TRY_ASSIGN(Value dict, make_dict(budget_, std::move(rest)));
    scope_->set("kwargs", std::move(dict));
  } else if (!named.empty()) {
    return error(Code::invalid, "macro '{}' takes no keyword argument '{}'", macro.name,
                 named[0].first);
  }
  const size_t taken = std::min(args.positional.size(), macro.parameters.size());
  if (macro.uses_varargs) {
    TRY_ASSIGN(Value rest, make_list(budget_, List::Kind::tuple,
                                     {args.positional.begin() + static_cast<std::ptrdiff_t>(taken),
                                      args.positional.end()}));
    scope_->set("varargs", std::move(rest));
  } else if (taken < args.positional.size()) {
    return error(Code::invalid, "macro '{}' takes not more than {} argument(s)", macro.name,
                 macro.parameters.size());
  }
  return Status::ok();
}

Result<Value> Evaluator::call_macro(const Macro& macro, const CallArgs& args) {
  const InScope scope(*this, macro.scope);
  TRY(bind_macro(*macro.definition, args));
  Capture output(*this);
  TRY(run_block(macro.definition->body));
  return std::move(output.text).take_str();
}

}  // namespace hearth::jinja
