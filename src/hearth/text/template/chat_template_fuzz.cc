// Any bytes as a template over one fixed conversation: no crash, no leak, small limits hold.
// The mutator knows the grammar: it writes new statements and expressions between the pieces of the
// template, or puts them in place of one.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "hearth/files/fuzz_tools.h"
#include "hearth/text/template/chat_template.h"

namespace {

hearth::ChatRequest conversation() {
  hearth::ChatRequest request;
  request.messages = hearth::Json::parse(R"([
    {"role": "system", "content": "s"}, {"role": "user", "content": "<think>é\n</think>x"},
    {"role": "assistant", "content": null, "tool_calls": [
      {"type": "function", "function": {"name": "f", "arguments": {"a": [1, 2.5, true]}}}]},
    {"role": "tool", "content": [{"type": "text", "text": "t"}]}])");
  request.tools = hearth::Json::parse(R"([{"function": {"name": "f", "parameters": {}}}])");
  request.extra = hearth::Json::parse(R"({"i": 7, "x": 2.5, "s": "Ab c", "l": [3, 1, 2]})");
  request.now.emplace();
  return request;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const hearth::ChatRequest kConversation = conversation();
  hearth::TemplateLimits limits;
  limits.steps_max = 20'000;
  limits.memory_bytes_max = 4 << 20;
  limits.output_bytes_max = 1 << 20;
  limits.nesting_max = 60;
  limits.evaluation_max = 120;
  const std::string_view source(reinterpret_cast<const char*>(data), size);
  const auto compiled = hearth::ChatTemplate::compile(source, limits);
  if (!compiled) return 0;
  const auto prompt = compiled->render(kConversation, "<BOS>", "<EOS>");
  if (!prompt) return 0;
  // Ranges are in order, apart from each other, inside the text.
  int64_t end = -1;
  for (const hearth::ByteRange& range : prompt->trusted) {
    if (range.begin <= end || range.end <= range.begin) __builtin_trap();
    end = range.end;
  }
  if (end > static_cast<int64_t>(prompt->text.size())) __builtin_trap();
  return 0;
}

namespace hearth {
namespace {

std::string random_expression(FuzzRandom& random, int depth);

std::string random_leaf(FuzzRandom& random) {
  static constexpr std::array<std::string_view, 28> kLeaves = {"messages",
                                                               "tools",
                                                               "m",
                                                               "m.content",
                                                               "m['role']",
                                                               "m.tool_calls",
                                                               "i",
                                                               "x",
                                                               "s",
                                                               "l",
                                                               "ns.a",
                                                               "bos_token",
                                                               "loop",
                                                               "none",
                                                               "true",
                                                               "'a\\n'",
                                                               "''",
                                                               "\"<think>\"",
                                                               "1",
                                                               "-1",
                                                               "0",
                                                               "2.5",
                                                               "undefined_name",
                                                               "[]",
                                                               "{}",
                                                               "range(3)",
                                                               "namespace(a=1)",
                                                               "add_generation_prompt"};
  if (random.once_in(12)) return std::to_string(random.hostile(random.below(64)));
  return std::string(random.of(kLeaves));
}

std::string random_postfix(FuzzRandom& random, int depth) {
  static constexpr std::array<std::string_view, 32> kPostfixes = {"|length",
                                                                  "|trim",
                                                                  "|upper",
                                                                  "|tojson",
                                                                  "|tojson(indent=2)",
                                                                  "|join(', ')",
                                                                  "|first",
                                                                  "|last",
                                                                  "|list",
                                                                  "|string",
                                                                  "|int",
                                                                  "|items",
                                                                  "|default('d')",
                                                                  "|replace('a','b')",
                                                                  "|selectattr('role')",
                                                                  "|map(attribute='role')",
                                                                  "|reject('none')",
                                                                  "|unique",
                                                                  "|sort",
                                                                  "|indent(4)",
                                                                  ".split('a')",
                                                                  ".strip()",
                                                                  ".startswith('a')",
                                                                  ".items()",
                                                                  "[0]",
                                                                  "[-1]",
                                                                  "[1:]",
                                                                  "[::-1]",
                                                                  " is defined",
                                                                  " is string",
                                                                  " is mapping",
                                                                  ".__class__"};
  if (random.once_in(4)) return "[" + random_expression(random, depth - 1) + "]";
  return std::string(random.of(kPostfixes));
}

std::string random_expression(FuzzRandom& random, int depth) {
  static constexpr std::array<std::string_view, 18> kOperators = {
      "+",  "-", "*",  "/",  "//",     "%",   "**", "~",         "==",
      "!=", "<", ">=", "in", "not in", "and", "or", "if s else", "is not"};
  if (depth <= 0) return random_leaf(random);
  const std::string left = random_expression(random, depth - 1);
  switch (random.below(6)) {
    case 0:
      return left;
    case 1:
      return "(" + left + ")";
    case 2:
      return "not " + left;
    case 3:
      return "[" + left + "," + random_expression(random, depth - 1) + "]";
    case 4:
      return left + random_postfix(random, depth);
    default:
      return left + " " + std::string(random.of(kOperators)) + " " +
             random_expression(random, depth - 1);
  }
}

std::string random_statement(FuzzRandom& random, int depth) {
  const std::string value = random_expression(random, 2);
  const std::string inner = depth <= 0 ? "t" : random_statement(random, depth - 1);
  switch (random.below(8)) {
    case 0:
      return "{% for m in " + value + " %}" + inner + "{% else %}e{% endfor %}";
    case 1:
      return "{%- if " + value + " -%}" + inner + "{% elif s %}b{% else %}c{% endif %}";
    case 2:
      return "{% set i = " + value + " %}" + inner;
    case 3:
      return "{% set ns = namespace(a=" + value + ") %}{% set ns.a = i %}" + inner;
    case 4:
      return "{% macro f(a, b=" + value + ") %}" + inner + "{{ a }}{% endmacro %}{{ f(1) }}";
    case 5:
      return "{% for m in messages if " + value + " %}{{ loop.index0 }}{% endfor %}" + inner;
    case 6:
      return "{#- c -#}" + inner + "{{ raise_exception(" + value + ") if false }}";
    default:
      return "{{- " + value + " -}}" + inner;
  }
}

// Where a piece of a template begins, from `at` on; its size where none does.
size_t next_piece(const std::string& text, size_t at) {
  size_t place = text.find('{', at);
  while (place != text.npos && text.substr(place + 1, 1).find_first_of("{%#") == text.npos) {
    place = text.find('{', place + 1);
  }
  return std::min(place, text.size());
}

// A new statement before a piece, or instead of one; a piece twice, or none; an expression longer.
std::string mutate_template(std::string text, FuzzRandom& random) {
  const size_t at = next_piece(text, random.below(text.size() + 1));
  const size_t end = next_piece(text, std::min(at + 1, text.size()));
  switch (random.below(6)) {
    case 0:
      return text.insert(at, text.substr(at, end - at));
    case 1:
      return text.erase(at, end - at);
    case 2:
      return text.replace(at, end - at, random_statement(random, 1));
    case 3: {
      const size_t close = text.find_first_of("%}", std::min(at + 2, text.size()));
      return text.insert(std::min(close, text.size()), random_postfix(random, 2));
    }
    default:
      return text.insert(at, random_statement(random, 2));
  }
}

}  // namespace
}  // namespace hearth

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace hearth;
  static constexpr std::array<std::string_view, 20> kTokens = {"{{",
                                                               "}}",
                                                               "{%",
                                                               "%}",
                                                               "{#",
                                                               "#}",
                                                               "-%}",
                                                               "{%-",
                                                               "endif",
                                                               "endfor",
                                                               "(",
                                                               ")",
                                                               "[",
                                                               "]",
                                                               "'",
                                                               "\\",
                                                               "|",
                                                               ".",
                                                               "{% generation %}",
                                                               "{% break %}"};
  FuzzRandom random(seed);
  std::string text(text_of(data, size));
  text = random.once_in(3) ? mutate_text(std::move(text), random, kTokens)
                           : mutate_template(std::move(text), random);
  return give(text, data, max_size);
}
