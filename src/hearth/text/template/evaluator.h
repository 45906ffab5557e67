// Runs a parsed template over variables. One Evaluator renders once, on one thread; the tree it
// walks must outlive it.
#pragma once

#include <ctime>
#include <memory>
#include <string_view>
#include <vector>

#include "hearth/text/template/ast.h"
#include "hearth/text/template/filters.h"
#include "hearth/text/template/objects.h"

namespace hearth::jinja {

class Evaluator {
 public:
  // `now` is what strftime_now shows.
  Evaluator(const TemplateLimits& limits, std::tm now);
  ~Evaluator();
  Evaluator(const Evaluator&) = delete;
  Evaluator& operator=(const Evaluator&) = delete;

  void set_variable(std::string_view name, Value value) { root_->set(name, std::move(value)); }
  // The text of the whole template; errors begin with "line N".
  Result<MarkedText> run(const Block& block);

  // ---- For filters, tests, methods and functions.
  Budget& budget() { return budget_; }
  const std::tm& now() const { return now_; }
  Result<Value> attribute(const Value& object, std::string_view name);  // object.name
  Result<Value> item(const Value& object, const Value& key);            // object[key]
  Result<Value> call(const Value& callee, const CallArgs& args);
  Result<Value> call_filter(std::string_view name, const Value& input, const CallArgs& args);
  Result<bool> call_test(std::string_view name, const Value& input, const CallArgs& args);
  // A namespace made by the template; the evaluator frees what it holds at the end.
  Value own(std::shared_ptr<Namespace> made);

 private:
  enum class Flow { normal, break_loop, continue_loop };
  class InScope;
  class Capture;

  // Statements.
  Result<Flow> run_block(const Block& block);
  Result<Flow> run_statement(const Statement& statement);
  Result<Flow> run_node(const Data& node);
  Result<Flow> run_node(const Print& node);
  Result<Flow> run_node(const If& node);
  Result<Flow> run_node(const For& node);
  Result<Flow> run_node(const Set& node);
  Result<Flow> run_node(const SetBlock& node);
  Result<Flow> run_node(const With& node);
  Result<Flow> run_node(const MacroStatement& node);
  Result<Flow> run_node(const CallBlock& node);
  Result<Flow> run_node(const FilterBlock& node);
  Result<Flow> run_node(const Generation& node);
  Result<Flow> run_node(const Break&) { return Flow::break_loop; }
  Result<Flow> run_node(const Continue&) { return Flow::continue_loop; }

  Result<Flow> run_loop(const For& node, const Value& sequence, int64_t depth0);
  Result<Flow> run_iterations(const For& node, Loop& loop, const Value& loop_value);
  Next filtered(const For& node, Next next);
  Result<Value> run_captured(const Block& block);
  Value make_macro(std::shared_ptr<const MacroDefinition> definition);
  Status assign(const Target& target, Value value);
  Status write(const Value& value);
  Status write_check();

  // Expressions.
  Result<Value> eval(const Expr& expr);
  Result<Value> eval_node(const Constant& node) { return node.value; }
  Result<Value> eval_node(const Name& node);
  Result<Value> eval_node(const ListDisplay& node);
  Result<Value> eval_node(const DictDisplay& node);
  Result<Value> eval_node(const Attribute& node);
  Result<Value> eval_node(const Subscript& node);
  Result<Value> eval_node(const SliceOf& node);
  Result<Value> eval_node(const Call& node);
  Result<Value> eval_node(const FilterUse& node);
  Result<Value> eval_node(const TestUse& node);
  Result<Value> eval_node(const Not& node);
  Result<Value> eval_node(const Sign& node);
  Result<Value> eval_node(const Binary& node);
  Result<Value> eval_node(const Logical& node);
  Result<Value> eval_node(const Comparison& node);
  Result<Value> eval_node(const Concat& node);
  Result<Value> eval_node(const Conditional& node);
  Result<bool> compare(CompareOp op, const Value& a, const Value& b);
  Result<CallArgs> eval_arguments(const Arguments& arguments);
  Status spread(const Arguments& arguments, CallArgs& out);
  // A method of `object`, or why the sandbox hides it; nothing when Python has none of the name.
  Result<std::optional<Value>> python_attribute(const Value& object, std::string_view name);
  Result<Value> call_macro(const Macro& macro, const CallArgs& args);
  Status bind_macro(const MacroDefinition& macro, const CallArgs& args);

  Budget budget_;
  std::tm now_;
  std::shared_ptr<Scope> root_;
  std::shared_ptr<Scope> scope_;
  TextBuilder* out_ = nullptr;
  int line_ = 1;      // of the node evaluated last: where an error is reported
  Value block_text_;  // what a filter block's first filter takes
  std::vector<std::shared_ptr<Namespace>> namespaces_;
  std::vector<std::shared_ptr<Scope>> captured_;  // scopes that macros hold
};

}  // namespace hearth::jinja
