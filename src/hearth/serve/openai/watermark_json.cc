// See watermark_json.h.
#include "hearth/serve/openai/watermark_json.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "hearth/files/json.h"
#include "hearth/serve/openai/fields.h"

namespace hearth::serve {
namespace {

constexpr double kCoarsest = 1e-6;

double coarse(double p_value) {
  if (p_value <= kCoarsest) return kCoarsest;
  return std::pow(10, std::ceil(std::log10(p_value)));
}

}  // namespace

std::optional<ApiError> read_detection(std::string_view body, DetectionRequest& out) {
  Json object;
  if (auto error = parse_body(body, object)) return error;
  Fields fields(object);
  fields.string("model", out.model);
  if (!json_find(object, "text")) fields.fail("text", "missing", "expected a text, found nothing");
  fields.string("text", out.text);
  fields.list_unasked(out.ignored);
  return fields.error();
}

std::string detection_json(const watermark::Detection& detection, bool exact) {
  const bool marked = detection.p_value <= watermark::kLevelDefault;
  Json out = {{"watermarked", marked},
              {"p_value", exact ? detection.p_value : coarse(detection.p_value)},
              {"tokens_scored", detection.tokens_scored},
              {"source_id", nullptr}};
  if (marked) out["source_id"] = detection.source;
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace hearth::serve
