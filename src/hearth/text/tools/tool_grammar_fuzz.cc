// Any JSON as the parameters of a tool that must be called: refused in one line, or walked; a text
// that is complete is read back as one call of that tool with an object.
#include <nlohmann/json.hpp>

#include "hearth/files/fuzz_tools.h"
#include "hearth/text/grammar/fuzz_walk.h"
#include "hearth/text/tools/tool_call_parser.h"
#include "hearth/text/tools/tool_grammar.h"

namespace hearth {
namespace {

// Around a call as DeepSeek-V3.1 writes it, which is short enough for a walk.
ToolManner short_manner() {
  const auto& marks = tool_mark_texts(ToolDialect::deepseek);
  const auto mark = [&](ToolMark m) { return std::string(marks[static_cast<size_t>(m)]); };
  ToolManner out;
  out.frame = {mark(ToolMark::call_begin), mark(ToolMark::separator), mark(ToolMark::call_end), ""};
  return out;
}

void check_call(std::string_view text) {
  ToolCallParser parser(ToolDialect::deepseek, false);
  std::vector<ToolEvent> events;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\xFF') {
      parser.push(static_cast<ToolMark>(text[++at]), events);
    } else {
      parser.push(text.substr(at, 1), events);
    }
  }
  parser.finish(events);
  CHECK_EQ(events.size(), size_t{2});
  CHECK(events[0].kind == ToolEvent::Kind::name && events[0].text == "f");
  const auto arguments = parse_json(events[1].text);
  CHECK(arguments && arguments->is_object());
}

}  // namespace
}  // namespace hearth

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  JsonLimits limits;
  limits.values_max = 10'000;
  auto parameters = parse_json(text_of(data, size), limits);
  if (!parameters || !parameters->is_object()) return 0;
  ToolRules rules;
  rules.must_call = rules.single_call = true;
  Json function = {{"name", "f"}};
  function["parameters"] = *std::move(parameters);
  rules.tools = Json::array({{{"function", std::move(function)}}});
  const std::string text =
      grammar::walk_or_refusal(grammar_of_tools(rules, short_manner(), true, std::nullopt), size);
  if (!text.empty()) check_call(text);
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  static constexpr std::string_view kStart =
      R"({"properties":{"a":{"$ref":"#/$defs/n"},"b":{"type":"string","maxLength":3}},)"
      R"("required":["a"],"$defs":{"n":{"enum":[1,"x",null]}}})";
  return hearth::mutate_json_input(data, size, max_size, seed, kStart);
}
