// Any JSON as a schema: refused in one line, or walked; a text that is complete is JSON.
#include <nlohmann/json.hpp>

#include "hearth/files/fuzz_tools.h"
#include "hearth/text/grammar/fuzz_walk.h"
#include "hearth/text/grammar/json_schema.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  JsonLimits limits;
  limits.values_max = 10'000;
  const auto schema = parse_json(text_of(data, size), limits);
  if (!schema) return 0;
  const std::string text = grammar::walk_or_refusal(grammar::grammar_of_schema(*schema), size);
  if (!text.empty()) CHECK(parse_json(text).has_value());
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  static constexpr std::string_view kStart =
      R"({"$defs":{"n":{"anyOf":[{"type":"integer","minimum":-5,"maximum":12.5,"multipleOf":3},)"
      R"({"type":"array","items":{"$ref":"#/$defs/n"},"minItems":1,"maxItems":4}]}},)"
      R"("type":"object","properties":{"a":{"$ref":"#/$defs/n"},"b":{"type":"string",)"
      R"("pattern":"^[a-z]+$","maxLength":9},"c":{"enum":["x",1,null]},"d":{"oneOf":[)"
      R"({"const":1},{"type":"string","format":"date"}]}},"required":["a"],)"
      R"("additionalProperties":{"type":"number","exclusiveMinimum":0.25}})";
  return hearth::mutate_json_input(data, size, max_size, seed, kStart);
}
