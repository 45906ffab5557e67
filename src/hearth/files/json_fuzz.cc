// parse_json on any text: an accepted text survives a round trip, nests no deeper than allowed, and
// no accessor trips over it.
#include <nlohmann/json.hpp>

#include "hearth/base/check.h"
#include "hearth/files/fuzz_tools.h"
#include "hearth/files/json.h"
#include "hearth/files/outside_bytes.h"

namespace hearth {
namespace {

constexpr int kDepthMax = 16;

void ask_everything(const Json& object, std::string_view key) {
  static_cast<void>(json_int(object, key, -5, 5));
  static_cast<void>(json_int_or(object, key, 1, INT64_MIN, INT64_MAX));
  static_cast<void>(json_number_or(object, key, 1, -1e300, 1e300));
  static_cast<void>(json_bool_or(object, key, false));
  static_cast<void>(json_string_or(object, key, ""));
  static_cast<void>(json_array(object, key));
  static_cast<void>(json_object(object, key));
}

void visit(const Json& value, int depth) {
  CHECK(is_utf8(json_excerpt(value)));
  if (value.is_structured()) CHECK_LE(depth, kDepthMax);
  if (value.is_string()) CHECK(is_utf8(value.get_ref<const std::string&>()));
  if (value.is_array()) {
    for (const Json& item : value) visit(item, depth + 1);
  } else if (value.is_object()) {
    int asked = 0;
    for (const auto& [key, item] : value.items()) {
      if (asked++ < 8) ask_everything(value, key);
      visit(item, depth + 1);
    }
  }
}

}  // namespace
}  // namespace hearth

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  JsonLimits limits;
  limits.depth_max = kDepthMax;
  limits.values_max = 10'000;
  const auto json = parse_json(text_of(data, size), limits);
  limits.refuse_duplicates = true;
  const auto strict = parse_json(text_of(data, size), limits);
  if (!json) {
    CHECK(!strict.has_value());
    check_message(json.status());
    return 0;
  }
  visit(*json, 1);
  const auto again = parse_json(json->dump(), limits);
  CHECK(again.has_value());
  CHECK(*again == *json);
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  static constexpr std::string_view kStart =
      R"({"model_type":"deepseek_v3","num_hidden_layers":61,"rope_theta":10000.0,"a":[1,-2.5e3,)"
      R"(true,null,"\u00e9\ud83d\ude00"],"rope_scaling":{"type":"yarn","factor":40}})";
  return hearth::mutate_json_input(data, size, max_size, seed, kStart);
}
