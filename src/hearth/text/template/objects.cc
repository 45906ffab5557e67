// Scopes, loops and the global functions.
#include "hearth/text/template/objects.h"

#include "hearth/text/template/evaluator.h"
#include "hearth/text/template/print.h"
#include "hearth/text/template/value_ops.h"

namespace hearth::jinja {

Value* Scope::find_here(std::string_view name) {
  for (auto& [key, value] : names) {
    if (key == name) return &value;
  }
  return nullptr;
}

void Scope::set(std::string_view name, Value value) {
  if (Value* place = find_here(name)) {
    *place = std::move(value);
  } else {
    names.emplace_back(name, std::move(value));
  }
}

Result<std::optional<Value>> Loop::peek() {
  if (!ahead.has_value()) {
    if (next == nullptr) return std::optional<Value>();
    TRY_ASSIGN(ahead, next());
  }
  return *ahead;
}

Result<std::optional<Value>> Loop::advance() {
  TRY_ASSIGN(std::optional<Value> element, peek());
  ahead.reset();
  if (!element.has_value()) return element;
  ++index0;
  before = std::move(current);
  current = element;
  return element;
}

// Without a known length all that is left is fetched, as the reference does.
Result<int64_t> Loop::size(Budget& budget) {
  if (length.has_value()) return *length;
  std::vector<Value> rest;
  if (ahead.has_value() && ahead->has_value()) rest.push_back(**ahead);
  while (next != nullptr) {
    TRY_ASSIGN(std::optional<Value> element, next());
    if (!element.has_value()) break;
    TRY(budget.bytes(sizeof(Value)));
    rest.push_back(std::move(*element));
  }
  length = index0 + 1 + static_cast<int64_t>(rest.size());
  ahead.reset();
  next = [rest = std::move(rest), i = size_t{0}]() mutable -> Result<std::optional<Value>> {
    return i < rest.size() ? std::optional<Value>(rest[i++]) : std::optional<Value>();
  };
  return *length;
}

namespace {

using MaybeValue = std::optional<Value>;

Value count(int64_t n) {
  return Value::integer(n);
}

Value bound_method(const Value& self, Callable call) {
  auto method = std::make_shared<Method>();
  method->self = self;
  method->call = call;
  return Value::object(std::move(method));
}

Result<Value> loop_cycle(Evaluator&, const Value& self, const CallArgs& args) {
  if (args.positional.empty()) return error(Code::invalid, "no items for cycling given");
  const auto index = static_cast<size_t>(self.as<Loop>()->index0);
  return args.positional[index % args.positional.size()];
}

Result<Value> loop_changed(Evaluator& evaluator, const Value& self, const CallArgs& args) {
  if (!args.named.empty()) return error(Code::invalid, "changed() takes no keyword arguments");
  auto& loop = *self.as<Loop>();
  bool same = loop.has_changed && loop.changed.size() == args.positional.size();
  for (size_t i = 0; same && i < loop.changed.size(); ++i) {
    TRY_ASSIGN(same, equal(evaluator.budget(), loop.changed[i], args.positional[i]));
  }
  if (!same && !loop.done) {
    loop.changed = args.positional;
    loop.has_changed = true;
  }
  return Value::boolean(!same);
}

Result<MaybeValue> loop_attribute(Evaluator& evaluator, const Value& self, std::string_view name) {
  auto& loop = *self.as<Loop>();
  if (name == "index0") return MaybeValue(count(loop.index0));
  if (name == "index") return MaybeValue(count(loop.index0 + 1));
  if (name == "first") return MaybeValue(Value::boolean(loop.index0 == 0));
  if (name == "depth") return MaybeValue(count(loop.depth0 + 1));
  if (name == "depth0") return MaybeValue(count(loop.depth0));
  if (name == "cycle") return MaybeValue(bound_method(self, loop_cycle));
  if (name == "changed") return MaybeValue(bound_method(self, loop_changed));
  if (name == "previtem") {
    return MaybeValue(loop.before.value_or(Value::undefined("there is no previous item")));
  }
  if (name == "last" || name == "nextitem") {
    TRY_ASSIGN(const MaybeValue next, loop.peek());
    if (name == "last") return MaybeValue(Value::boolean(!next.has_value()));
    return MaybeValue(next.value_or(Value::undefined("there is no next item")));
  }
  if (name == "length" || name == "revindex" || name == "revindex0") {
    TRY_ASSIGN(const int64_t size, loop.size(evaluator.budget()));
    const int64_t gone = name == "length" ? 0 : name == "revindex" ? loop.index0 : loop.index0 + 1;
    return MaybeValue(count(size - gone));
  }
  return MaybeValue();
}

Result<Value> cycler_next(Evaluator&, const Value& self, const CallArgs&) {
  auto& cycler = *self.as<Cycler>();
  Value value = cycler.items[cycler.at];
  cycler.at = (cycler.at + 1) % cycler.items.size();
  return value;
}

Result<Value> cycler_reset(Evaluator&, const Value& self, const CallArgs&) {
  self.as<Cycler>()->at = 0;
  return Value::none();
}

Result<MaybeValue> macro_attribute(Evaluator& evaluator, const MacroDefinition& macro,
                                   std::string_view name) {
  if (name == "name") return MaybeValue(Value::literal(macro.name));
  if (name == "caller") return MaybeValue(Value::boolean(macro.uses_caller));
  if (name == "catch_kwargs") return MaybeValue(Value::boolean(macro.uses_kwargs));
  if (name == "catch_varargs") return MaybeValue(Value::boolean(macro.uses_varargs));
  if (name != "arguments") return MaybeValue();
  std::vector<Value> names;
  for (const Parameter& parameter : macro.parameters) {
    names.push_back(Value::literal(parameter.name));
  }
  TRY_ASSIGN(Value list, make_list(evaluator.budget(), List::Kind::tuple, std::move(names)));
  return MaybeValue(std::move(list));
}

// ---- Global functions.

Result<Value> range(Evaluator& evaluator, const CallArgs& args) {
  constexpr Int kElementsMax = 100'000;  // the sandbox's own limit
  if (!args.named.empty() || args.positional.empty() || args.positional.size() > 3) {
    return error(Code::invalid, "range expected 1 to 3 arguments");
  }
  Int numbers[3] = {0, 0, 1};
  for (size_t i = 0; i < args.positional.size(); ++i) {
    TRY(refuse_undefined(args.positional[i]));
    if (!args.positional[i].is_int()) {
      return error(Code::invalid, "'{}' object cannot be interpreted as an integer",
                   args.positional[i].type_name());
    }
    numbers[args.positional.size() == 1 ? 1 : i] = args.positional[i].as_int();
  }
  const auto [begin, end, step] = std::tie(numbers[0], numbers[1], numbers[2]);
  if (step == 0) return error(Code::invalid, "range() arg 3 must not be zero");
  Int span = 0;
  if (__builtin_sub_overflow(step > 0 ? end : begin, step > 0 ? begin : end, &span) ||
      (span > 0 && (span - 1) / (step > 0 ? step : -step) >= kElementsMax)) {
    return error(Code::invalid, "range: more than {} elements", int_text(kElementsMax));
  }
  List list;
  list.kind = List::Kind::range;
  list.range_begin = begin;
  list.range_end = end;
  list.range_step = step;
  for (Int i = begin; step > 0 ? i < end : i > end; i += step) {
    list.elements.push_back(Value::integer(i));
  }
  return make_list(evaluator.budget(), std::move(list));
}

// dict(mapping or pairs, **named), shared by dict() and namespace().
Result<Dict> dict_of(Evaluator& evaluator, const CallArgs& args) {
  Budget& budget = evaluator.budget();
  Dict dict;
  if (args.positional.size() > 1) return error(Code::invalid, "dict expected at most 1 argument");
  if (!args.positional.empty()) TRY(refuse_undefined(args.positional[0]));
  if (!args.positional.empty() && args.positional[0].is_dict()) {
    dict = *args.positional[0].as_dict();
    TRY(budget.bytes(static_cast<int64_t>(dict.entries.size() * 2 * sizeof(Value))));
  } else if (!args.positional.empty()) {
    TRY_ASSIGN(const std::vector<Value> pairs, collect(budget, args.positional[0]));
    for (const Value& pair : pairs) {
      TRY_ASSIGN(const std::vector<Value> both, collect(budget, pair));
      if (both.size() != 2) return error(Code::invalid, "dict: expected pairs of key and value");
      TRY(set_key(budget, dict, both[0], both[1]));
    }
  }
  for (const auto& [name, value] : args.named) {
    TRY(set_key(budget, dict, Value::literal(name), value));
  }
  return dict;
}

Result<Value> dict(Evaluator& evaluator, const CallArgs& args) {
  TRY_ASSIGN(Dict made, dict_of(evaluator, args));
  return make_dict(evaluator.budget(), std::move(made));
}

Result<Value> make_namespace(Evaluator& evaluator, const CallArgs& args) {
  TRY(evaluator.budget().bytes(sizeof(Namespace)));
  auto made = std::make_shared<Namespace>();
  TRY_ASSIGN(made->attributes, dict_of(evaluator, args));
  for (const auto& [key, value] : made->attributes.entries) {
    if (key.is_str() && key.as_str()->text.view().starts_with('_')) {
      return error(Code::invalid, "a namespace cannot hold the private attribute '{}'",
                   key.as_str()->text.view());
    }
  }
  return evaluator.own(std::move(made));
}

Result<Value> cycler(Evaluator&, const CallArgs& args) {
  if (args.positional.empty()) return error(Code::invalid, "at least one item has to be provided");
  auto made = std::make_shared<Cycler>();
  made->items = args.positional;
  return Value::object(std::move(made));
}

Result<Value> joiner(Evaluator&, const CallArgs& args) {
  TRY_ASSIGN(const Bound bound, bind("joiner", args, {"sep"}));
  auto made = std::make_shared<Joiner>();
  made->separator = bound.has(0) ? bound[0] : Value::literal(", ");
  return Value::object(std::move(made));
}

Result<Value> raise_exception(Evaluator& evaluator, const CallArgs& args) {
  TRY_ASSIGN(const Bound bound, bind("raise_exception", args, {"message"}, 1));
  TRY_ASSIGN(const MarkedText message, to_text(evaluator.budget(), bound[0]));
  return error(Code::invalid, "the template refuses the conversation: {}",
               message.view().substr(0, 1000));
}

Result<Value> strftime_now(Evaluator& evaluator, const CallArgs& args) {
  TRY_ASSIGN(const Bound bound, bind("strftime_now", args, {"format"}, 1));
  if (!bound[0].is_str()) return error(Code::invalid, "strftime_now: expected a format");
  const std::string& format = bound[0].as_str()->text.bytes();
  if (format.size() > 1000) return error(Code::invalid, "strftime_now: format too long");
  if (format.empty()) return Value::literal("");
  std::string out(format.size() * 64 + 64, '\0');
  // The template chooses the format by design; strftime writes no more than it is given room for.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  out.resize(std::strftime(out.data(), out.size(), format.c_str(), &evaluator.now()));
#pragma GCC diagnostic pop
  return Value::literal(out);
}

}  // namespace

Result<std::optional<Value>> object_attribute(Evaluator& evaluator, const Value& object,
                                              std::string_view name) {
  if (const auto* ns = object.as<Namespace>()) {
    const Value* value = ns->attributes.find(name);
    return value == nullptr ? MaybeValue() : MaybeValue(*value);
  }
  if (object.as<Loop>() != nullptr) return loop_attribute(evaluator, object, name);
  if (const auto* macro = object.as<Macro>()) {
    return macro_attribute(evaluator, *macro->definition, name);
  }
  if (const auto* cycler = object.as<Cycler>()) {
    if (name == "current") return MaybeValue(cycler->items[cycler->at]);
    if (name == "next") return MaybeValue(bound_method(object, cycler_next));
    if (name == "reset") return MaybeValue(bound_method(object, cycler_reset));
  }
  if (const List* list = object.as_list(); list != nullptr && list->group) {
    if (name == "grouper") return MaybeValue(list->elements[0]);
    if (name == "list") return MaybeValue(list->elements[1]);
  }
  return MaybeValue();
}

void add_globals(Scope& scope) {
  const std::pair<std::string_view, Result<Value> (*)(Evaluator&, const CallArgs&)> globals[] = {
      {"range", range},
      {"dict", dict},
      {"namespace", make_namespace},
      {"cycler", cycler},
      {"joiner", joiner},
      {"raise_exception", raise_exception},
      {"strftime_now", strftime_now},
  };
  for (const auto& [name, function] : globals) {
    scope.set(name, Value::object(std::make_shared<Function>(function)));
  }
}

}  // namespace hearth::jinja
