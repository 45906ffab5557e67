// Statements: the tags and the text between them.
#include "hearth/text/template/parser.h"

#include <algorithm>
#include <array>

#include "hearth/text/template/parser_state.h"

namespace hearth::jinja {
namespace {

class Parser : public ExpressionParser {
 public:
  using ExpressionParser::ExpressionParser;

  Result<Block> run() { return parse_block({}, 1); }

 private:
  using Ends = std::vector<std::string_view>;

  // Statements up to a tag named in `ends`, which is left to be read, or to the end of the source.
  // `line` is where the tag around them stands.
  Result<Block> parse_block(const Ends& ends, int line);
  // "%}" body, up to one of `ends`.
  Result<Block> parse_body(const Ends& ends);
  // The same, then the end tag's name.
  Result<Block> parse_whole_body(std::string_view end);
  Result<Statement> parse_statement();
  Result<Statement> parse_print_tag();
  Result<Statement> parse_if();
  Result<Statement> parse_for();
  Result<Statement> parse_set();
  Result<Statement> parse_with();
  Result<Statement> parse_macro();
  Result<Statement> parse_call_block();
  Result<Statement> parse_filter_block();
  Result<Statement> parse_generation();
  Result<Statement> parse_loop_control();
  Result<Target> parse_target(bool may_be_attribute, std::string_view end_name);
  Result<Target> parse_single_target(bool may_be_attribute);
  Status parse_signature(MacroDefinition& macro);
  // The body of a macro or call block: break and continue do not reach out of it.
  Status parse_macro_body(MacroDefinition& macro, std::string_view end);

  bool at_tag(const Ends& ends) const {
    return std::any_of(ends.begin(), ends.end(), [&](auto name) { return is_name(name); });
  }

  int loops_ = 0;  // loops around this place that break and continue can reach
};

Result<Block> Parser::parse_block(const Ends& ends, int line) {
  TRY(nesting_left());
  const Deeper deeper(*this);
  Block block;
  while (token().kind != TokenKind::end) {
    const Token first = take();
    if (first.kind == TokenKind::data) {
      block.push_back({first.line, Data{first.text}});
    } else if (first.kind == TokenKind::variable_begin) {
      TRY_ASSIGN(ExprPtr value, parse_tuple(true, "", false));
      if (token().kind != TokenKind::variable_end) return fail("'}}'");
      take();
      Print print;
      print.values.push_back(std::move(value));
      block.push_back({first.line, std::move(print)});
    } else {
      if (at_tag(ends)) return block;
      TRY_ASSIGN(Statement statement, parse_statement());
      block.push_back(std::move(statement));
      if (token().kind != TokenKind::block_end) return fail("'%}'");
      take();
    }
  }
  if (ends.empty()) return block;
  return fail_at(line, fmt::format("no '{}' before the end of the template", ends.back()));
}

Result<Block> Parser::parse_body(const Ends& ends) {
  skip_op(":");
  if (token().kind != TokenKind::block_end) return fail("'%}'");
  return parse_block(ends, take().line);
}

Result<Block> Parser::parse_whole_body(std::string_view end) {
  TRY_ASSIGN(Block body, parse_body({end}));
  TRY(expect_name(end));
  return body;
}

Result<Statement> Parser::parse_statement() {
  using Method = Result<Statement> (Parser::*)();
  constexpr std::array<std::pair<std::string_view, Method>, 11> kTags = {{
      {"if", &Parser::parse_if},
      {"for", &Parser::parse_for},
      {"set", &Parser::parse_set},
      {"print", &Parser::parse_print_tag},
      {"with", &Parser::parse_with},
      {"macro", &Parser::parse_macro},
      {"call", &Parser::parse_call_block},
      {"filter", &Parser::parse_filter_block},
      {"generation", &Parser::parse_generation},
      {"break", &Parser::parse_loop_control},
      {"continue", &Parser::parse_loop_control},
  }};
  if (token().kind != TokenKind::name) return fail("the name of a tag");
  for (const auto& [name, method] : kTags) {
    if (!is_name(name)) continue;
    // Only what stands directly in an if may use a filter that does not exist.
    const bool soft = unknown_may_stay_;
    const bool keeps = name == "if" || name == "set" || name == "print";
    unknown_may_stay_ = soft && keeps;
    Result<Statement> statement = (this->*method)();
    unknown_may_stay_ = soft;
    return statement;
  }
  return fail_at(token().line, fmt::format("the tag '{}' is not supported", token().text));
}

Result<Statement> Parser::parse_print_tag() {
  const int line = take().line;
  Print print;
  while (token().kind != TokenKind::block_end) {
    if (!print.values.empty()) TRY(expect_op(","));
    TRY_ASSIGN(ExprPtr value, parse_expression());
    print.values.push_back(std::move(value));
  }
  return Statement{line, std::move(print)};
}

Result<Statement> Parser::parse_if() {
  const int line = token().line;
  If node;
  const bool soft = unknown_may_stay_;
  unknown_may_stay_ = true;
  while (skip_name("if") || skip_name("elif")) {
    TRY_ASSIGN(ExprPtr condition, parse_tuple(false, "", false));
    TRY_ASSIGN(Block body, parse_body({"elif", "else", "endif"}));
    node.branches.emplace_back(std::move(condition), std::move(body));
  }
  if (skip_name("else")) {
    TRY_ASSIGN(node.otherwise, parse_body({"endif"}));
  }
  unknown_may_stay_ = soft;
  TRY(expect_name("endif"));
  return Statement{line, std::move(node)};
}

Result<Statement> Parser::parse_for() {
  const int line = take().line;
  For node;
  TRY_ASSIGN(node.target, parse_target(false, "in"));
  TRY(expect_name("in"));
  TRY_ASSIGN(node.sequence, parse_tuple(false, "recursive", false));
  if (skip_name("if")) {
    TRY_ASSIGN(node.condition, parse_expression());
  }
  node.recursive = skip_name("recursive");
  ++loops_;
  TRY_ASSIGN(node.body, parse_body({"else", "endfor"}));
  --loops_;
  if (skip_name("else")) {
    TRY_ASSIGN(node.otherwise, parse_body({"endfor"}));
  }
  TRY(expect_name("endfor"));
  return Statement{line, std::move(node)};
}

Result<Target> Parser::parse_single_target(bool may_be_attribute) {
  TRY(nesting_left());
  const Deeper deeper(*this);
  if (skip_op("(")) {
    TRY_ASSIGN(Target inner, parse_target(may_be_attribute, ""));
    TRY(expect_op(")"));
    return inner;
  }
  const int line = token().line;
  Target target;
  TRY_ASSIGN(target.name, take_name("a name to assign to"));
  constexpr std::string_view kConstants[] = {"true", "True", "false", "False", "none", "None"};
  const bool constant = std::any_of(std::begin(kConstants), std::end(kConstants),
                                    [&](auto name) { return name == target.name; });
  if (constant) return fail_at(line, fmt::format("can't assign to '{}'", target.name));
  if (may_be_attribute && skip_op(".")) {
    TRY_ASSIGN(target.attribute, take_name("an attribute's name"));
  }
  return target;
}

Result<Target> Parser::parse_target(bool may_be_attribute, std::string_view end_name) {
  const int line = token().line;
  Target tuple;
  tuple.is_tuple = false;
  while (token().kind == TokenKind::name || is_op("(")) {
    if (!end_name.empty() && is_name(end_name)) break;
    TRY_ASSIGN(Target part, parse_single_target(may_be_attribute));
    if (end_name == "in" && part.name == "loop") {
      return fail_at(line, "can't assign to the special variable 'loop'");
    }
    tuple.parts.push_back(std::move(part));
    if (!skip_op(",")) break;
    tuple.is_tuple = true;
  }
  if (tuple.parts.empty()) return fail("a name to assign to");
  if (!tuple.is_tuple) return std::move(tuple.parts[0]);
  return tuple;
}

Result<Statement> Parser::parse_set() {
  const int line = take().line;
  TRY_ASSIGN(Target target, parse_target(true, ""));
  if (skip_op("=")) {
    Set node;
    node.target = std::move(target);
    TRY_ASSIGN(node.value, parse_tuple(true, "", false));
    return Statement{line, std::move(node)};
  }
  SetBlock node;
  node.target = std::move(target);
  TRY_ASSIGN(node.filter, parse_filter_chain(nullptr, false));
  const bool soft = unknown_may_stay_;
  unknown_may_stay_ = false;
  TRY_ASSIGN(node.body, parse_whole_body("endset"));
  unknown_may_stay_ = soft;
  return Statement{line, std::move(node)};
}

Result<Statement> Parser::parse_with() {
  const int line = take().line;
  With node;
  while (token().kind != TokenKind::block_end) {
    if (!node.values.empty()) TRY(expect_op(","));
    TRY_ASSIGN(Target target, parse_single_target(false));
    TRY(expect_op("="));
    TRY_ASSIGN(ExprPtr value, parse_expression());
    node.values.emplace_back(std::move(target), std::move(value));
  }
  TRY_ASSIGN(node.body, parse_whole_body("endwith"));
  return Statement{line, std::move(node)};
}

Status Parser::parse_signature(MacroDefinition& macro) {
  TRY(expect_op("("));
  while (!is_op(")")) {
    if (!macro.parameters.empty()) TRY(expect_op(","));
    Parameter parameter;
    TRY_ASSIGN(Target target, parse_single_target(false));
    if (target.is_tuple) return fail("a parameter's name");
    parameter.name = std::move(target.name);
    if (skip_op("=")) {
      TRY_ASSIGN(parameter.fallback, parse_expression());
    } else if (!macro.parameters.empty() && macro.parameters.back().fallback != nullptr) {
      return fail_at(token().line, "a parameter without default follows one with default");
    }
    macro.parameters.push_back(std::move(parameter));
  }
  return expect_op(")");
}

Status Parser::parse_macro_body(MacroDefinition& macro, std::string_view end) {
  const int loops = std::exchange(loops_, 0);
  TRY_ASSIGN(macro.body, parse_whole_body(end));
  loops_ = loops;
  return Status::ok();
}

Result<Statement> Parser::parse_macro() {
  const int line = take().line;
  auto macro = std::make_shared<MacroDefinition>();
  MacroDefinition* outer = std::exchange(macro_, macro.get());
  TRY_ASSIGN(macro->name, take_name("the macro's name"));
  TRY(parse_signature(*macro));
  TRY(parse_macro_body(*macro, "endmacro"));
  macro_ = outer;
  return Statement{line, MacroStatement{std::move(macro)}};
}

Result<Statement> Parser::parse_call_block() {
  const int line = take().line;
  auto caller = std::make_shared<MacroDefinition>();
  caller->name = "caller";
  if (is_op("(")) TRY(parse_signature(*caller));
  CallBlock node;
  TRY_ASSIGN(node.call, parse_expression());
  if (!std::holds_alternative<Call>(node.call->node)) {
    return fail_at(line, "expected the call of a macro in {% call %}");
  }
  MacroDefinition* outer = std::exchange(macro_, caller.get());
  TRY(parse_macro_body(*caller, "endcall"));
  macro_ = outer;
  node.caller = std::move(caller);
  return Statement{line, std::move(node)};
}

Result<Statement> Parser::parse_filter_block() {
  const int line = take().line;
  FilterBlock node;
  TRY_ASSIGN(node.filter, parse_filter_chain(nullptr, true));
  TRY_ASSIGN(node.body, parse_whole_body("endfilter"));
  return Statement{line, std::move(node)};
}

Result<Statement> Parser::parse_generation() {
  const int line = take().line;
  const int loops = std::exchange(loops_, 0);
  Generation node;
  TRY_ASSIGN(node.body, parse_whole_body("endgeneration"));
  loops_ = loops;
  return Statement{line, std::move(node)};
}

Result<Statement> Parser::parse_loop_control() {
  const Token name = take();
  if (loops_ == 0) return fail_at(name.line, fmt::format("'{}' outside of a loop", name.text));
  if (name.text == "break") return Statement{name.line, Break{}};
  return Statement{name.line, Continue{}};
}

}  // namespace

Result<Block> parse(std::string_view source, const TemplateLimits& limits) {
  if (static_cast<int64_t>(source.size()) > limits.source_bytes_max) {
    return error(Code::invalid, "the template has {} bytes, at most {} are accepted", source.size(),
                 limits.source_bytes_max);
  }
  TRY_ASSIGN(std::vector<Token> tokens, tokenize(source));
  return Parser(std::move(tokens), limits.nesting_max).run();
}

}  // namespace hearth::jinja
