// How a stored tensor is held in memory: the one rule that the loader follows and that the memory
// plan foretells with.
#pragma once

#include <optional>

#include "hearth/models/tensor_spec.h"

namespace hearth {

struct HeldFormat {
  Format format = Format::f32;  // of the tensor in memory
  bool copied = false;          // memory of our own; else a view of the mapped checkpoint
  bool refused = false;         // a conversion was asked for, but the rows don't fill its blocks
};

// Vectors become f32, which every verb reads. Matrices become `dtype`, where one is asked for and
// rows of `columns` fill its blocks. Everything else stays as stored.
inline HeldFormat held_format(TensorKind kind, Format stored, int64_t columns,
                              std::optional<Format> dtype) {
  if (kind == TensorKind::vector) return {Format::f32, true, false};
  if (!is_matrix(kind) || !dtype || *dtype == stored) return {stored, false, false};
  if (columns % format_info(*dtype).block_elements != 0) return {stored, false, true};
  return {*dtype, true, false};
}

// Whether DeepSeek-V3/R1 stores the tensor as F8_E4M3 with scales: the projections of attention,
// MLPs and experts; neither embeddings, head, norms nor the router.
inline bool is_fp8_linear(const TensorSpec& spec) {
  return is_matrix(spec.kind) && (spec.name.find(".self_attn.") != std::string::npos ||
                                  spec.name.find(".mlp.") != std::string::npos);
}

}  // namespace hearth
