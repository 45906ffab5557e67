// Collects an importance matrix: runs a text through a model, window by window, and sums the
// squares of what each matrix is multiplied by, for each expert and each head of MLA by itself.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "hearth/backend/backend.h"
#include "hearth/models/model.h"

namespace hearth {

// Sums of the inputs of one tensor, by llama.cpp's name.
struct CollectedTensor {
  int64_t groups = 1;  // experts, heads of MLA, or 1
  int64_t columns = 0;
  std::vector<float> sums;      // [groups, columns], of squares
  std::vector<int64_t> counts;  // [groups], rows
};

struct CollectedImatrix {
  std::map<std::string, CollectedTensor> tensors;
  std::string dataset;  // name of the text
  int64_t window = 0;   // tokens
  int64_t chunks = 0;   // windows run
  int64_t experts_unseen = 0;
};

struct CollectSettings {
  int64_t window = 512;
  int64_t chunks_max = 0;                                     // 0: the whole text
  std::function<bool(int64_t done, int64_t total)> progress;  // windows; false: stop
};

// `bos`, where the model has one, opens every window. A last window that is not full is left out.
// invalid: a text shorter than one window.  cancelled: by `progress`.
Result<CollectedImatrix> collect_imatrix(Model& model, Backend& backend,
                                         const std::vector<int32_t>& ids,
                                         std::optional<int32_t> bos,
                                         const CollectSettings& settings);

// By the extension: .dat is llama.cpp's older form, everything else its GGUF form.
Status write_imatrix(const std::string& path, const CollectedImatrix& collected);

}  // namespace hearth
