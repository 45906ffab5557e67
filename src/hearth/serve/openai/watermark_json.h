// POST /v1/watermark/detect: the request and its answer.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/guard/watermark/detector.h"
#include "hearth/serve/api_error.h"

namespace hearth::serve {

struct DetectionRequest {
  std::string model;  // "": the one that is served
  std::string text;
  std::vector<std::string> ignored;  // names of fields that mean nothing here
};
std::optional<ApiError> read_detection(std::string_view body, DetectionRequest& out);

// {"watermarked", "p_value", "tokens_scored", "source_id"}. Not `exact`: the p-value as the power
// of ten above it, 1e-6 at least, since finer scores teach whoever asks often how to forge a mark.
std::string detection_json(const watermark::Detection& detection, bool exact);

}  // namespace hearth::serve
