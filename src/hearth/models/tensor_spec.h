// TensorSpec: each tensor of each model, declared once. An architecture's `visit_tensors` names its
// tensors with shapes that follow from the config and the place where each belongs; the loader, the
// memory plan and the generator of tiny models are visitors of that one list.
#pragma once

#include <functional>
#include <string>

#include "hearth/backend/backend.h"

namespace hearth {

enum class TensorKind : uint8_t {
  vector,     // norm or bias, [n]; becomes f32
  matrix,     // multiplied by; may be quantised on load
  latent,     // a matrix that attention reads row by row (MLA's expansion); the same otherwise
  embedding,  // rows are looked up; kept as stored
  head,       // an embedding that is multiplied by too (tied); kept as stored
  router,     // [experts, dim]; kept as stored, precision decides the experts
};

// Whether `--dtype` may quantise it.
constexpr bool is_matrix(TensorKind kind) {
  return kind == TensorKind::matrix || kind == TensorKind::latent;
}

constexpr WeightUse weight_use(TensorKind kind) {
  if (kind == TensorKind::matrix) return WeightUse::multiply;
  return kind == TensorKind::head ? WeightUse::both : WeightUse::rows;
}

struct TensorSpec {
  std::string name;       // Hugging Face: "model.layers.0.mlp.gate_proj.weight"; "" = GGUF only
  std::string gguf_name;  // llama.cpp: "blk.0.ffn_gate.weight"; "" = Hugging Face only
  Shape shape;            // [out, in], or [n], or [heads, out, in]
  TensorKind kind = TensorKind::matrix;
  bool optional = false;
  int64_t expert = -1;  // >= 0: in GGUF this is entry `expert` of a stacked [experts, out, in]
};

// Called once for each tensor; `slot` is where the model keeps it.
using TensorVisitor = std::function<void(const TensorSpec& spec, Weight& slot)>;

}  // namespace hearth
