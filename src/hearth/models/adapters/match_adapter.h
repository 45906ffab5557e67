// Which weight of a model each delta of an adapter is for: names, shapes and architecture are held
// against the model's own list of tensors, and every difference is refused in one line.
#pragma once

#include <vector>

#include "hearth/models/adapters/stored_adapter.h"
#include "hearth/models/model.h"

namespace hearth {

// The delta of one weight as numbers, rows in the order of the base.
struct MatchedDelta {
  TensorSpec spec;
  const Weight* weight = nullptr;  // its place in the model
  int64_t rank = 0;
  std::vector<float> a;  // [rank, in]
  std::vector<float> b;  // [out, rank], times the scale

  std::string target() const;  // "q_proj"
};

// values += row `row` of b a, from its column `column` on.
void add_delta(const MatchedDelta& delta, int64_t row, int64_t column, std::span<float> values);

// `base_kind`: where the model's weights come from, which decides how rotary rows lie. The model's
// slots need not be filled. `bytes_max`: what the adapter may take while it is loaded and
// afterwards, looked at before anything is decoded. invalid: another architecture, no such weight,
// another shape.  unsupported: a weight whose deltas Hearth does not apply (routed experts,
// routers, embeddings).  corrupt: not a finite number. no_memory: it takes more than `bytes_max`.
Result<std::vector<MatchedDelta>> match_adapter(const StoredAdapter& adapter, const Model& model,
                                                CheckpointKind base_kind, int64_t bytes_max);

}  // namespace hearth
