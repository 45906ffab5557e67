// RequestFacts: what admission learns of a request that the audit log tells later. Filled by the
// worker that reads the request, read when the request has ended.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hearth/guard/label/label.h"
#include "hearth/guard/pii/policy.h"

namespace hearth::serve {

struct RequestFacts {
  std::string model;         // "base" or "base:adapter"; "": it was not admitted
  std::string adapter_hash;  // SHA-256 of its weights
  pii::Mode personal_data_mode = pii::Mode::off;
  std::vector<std::pair<pii::Type, int64_t>> personal_data;
  std::string watermark_key;         // id of the key that marks the answer
  std::optional<label::Mark> label;  // of the answer
  std::string user;                  // the end user, as the request names them
  std::string text;                  // of the prompt, where the audit log keeps it
};

}  // namespace hearth::serve
