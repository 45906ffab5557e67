// Model: an immutable network. One forward pass per architecture, written over the Backend verbs.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "hearth/backend/backend.h"
#include "hearth/models/tensor_spec.h"

namespace hearth {

// What the outside may ask of any model, with the Hugging Face names.
struct ModelInfo {
  std::string architecture;  // model_type: "deepseek_v3", "qwen2", ...
  int64_t vocab_size = 0;
  int64_t hidden_size = 0;
  int64_t num_hidden_layers = 0;
  int64_t max_position_embeddings = 0;
  int64_t num_attention_heads = 0;
};

// Owner: the engine. Thread-safe once its weights are set (const).
class Model {
 public:
  virtual ~Model() = default;
  virtual const ModelInfo& info() const = 0;
  virtual KvSpec kv_spec(Format format) const = 0;

  // Declares every tensor, in the order of the forward pass. `slot` points into this model.
  virtual void visit_tensors(const TensorVisitor& visit) = 0;
  // The same for who only looks: visit_tensors hands slots out and changes none itself.
  void visit_weights(const std::function<void(const TensorSpec&, const Weight&)>& visit) const {
    const_cast<Model*>(this)->visit_tensors(visit);
  }
  // Called when all slots are set: checks what only the whole can tell.
  virtual Status finish_load(Backend&) { return Status::ok(); }

  // Runs the batch; its outputs lie in backend scratch.
  virtual Outputs forward(Backend& backend, const Batch& batch, KvCache& cache) const = 0;

  // Whether a layer for multi-token prediction was loaded (ModelHints::mtp): behind the others, it
  // guesses the token after the next one.
  virtual bool has_mtp() const { return false; }
  // Runs that layer alone and writes its part of the cache. A row of `batch` stands at the position
  // of a row that was computed, with the token that followed that one; states[r] is the row of
  // cache.states() that `forward` (or this) has left for it. Logits are those of the token after
  // the row's own. The layer's own states of the rows that want logits become the first rows of
  // cache.states(), so that it may go on from them.
  virtual Outputs forward_mtp(Backend&, const Batch&, std::span<const int64_t> /*states*/,
                              KvCache&) const {
    CHECK(false);  // without such a layer
    return {};
  }
};

}  // namespace hearth
