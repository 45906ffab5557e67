// The memory of what learns, before any of it is taken.
#pragma once

#include <cstdint>
#include <optional>

#include "hearth/models/model.h"
#include "hearth/train/network.h"

namespace hearth::train {

// A weight that learns is four floats: its value, its gradient and AdamW's two moments.
inline constexpr int64_t kLearnedWeightBytes = 16;

// Weights that an adapter (nullopt: the whole model) holds as values of its own.
int64_t learned_weights(Model& model, const std::optional<AdapterSpec>& adapter);

// no_memory, in one line: what is needed beside the loaded model, what is available, and what would
// need less.
Status check_fits(int64_t weights, bool whole_model, int64_t available_bytes);

}  // namespace hearth::train
