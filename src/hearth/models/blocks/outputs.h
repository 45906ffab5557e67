// The end of every forward pass: what the batch wants to know of its rows.
#pragma once

#include <span>

#include "hearth/backend/backend.h"

namespace hearth {

// The states of `rows` of x behind `norm`, to `out` [rows, hidden].
void states_of(Backend& b, Tensor x, std::span<const int64_t> rows, const Norm& norm, Tensor out);

// Logits of batch.logits_rows, and the states of batch.hidden_rows behind the final norm, of the
// last layer's x [tokens, hidden]. Rows of no interest cost nothing.
Outputs outputs_of(Backend& b, Tensor x, const Batch& batch, const Norm& norm, const Linear& head);

}  // namespace hearth
