// Multi-token prediction: the layer that DeepSeek-V3 and R1 were trained with to guess one token
// more (DeepSeek-V3, arXiv 2412.19437, section 2.2). At position i it reads the state of the model
// behind its final norm, which has seen the tokens up to i, and the embedding of token i + 1, and
// says token i + 2:
//
//   x = eh_proj [enorm(embedding of token i + 1); hnorm(state i)], then a block like all others
//   over a cache of its own, then shared_head.norm and the model's head
//
// The report leaves two things open. That the embedding comes first is how the published weights
// are read by vLLM (deepseek_mtp.py) and SGLang (deepseek_nextn.py). That the state has passed the
// final norm, and the layer's own state shared_head.norm when it goes on from itself, is what the
// model's forward returns in DeepSeek's published modeling_deepseek.py, and what both engines feed
// it. The embedding and the head are the model's own (README_WEIGHTS.md); copies in a checkpoint
// are left where they are.
#include "hearth/models/blocks/outputs.h"
#include "hearth/models/deepseek/model.h"

namespace hearth {

Outputs DeepseekModel::forward_mtp(Backend& b, const Batch& batch, std::span<const int64_t> states,
                                   KvCache& cache) const {
  const Tensor x = b.scratch({batch.rows(), config_.hidden_size});
  project(b, batch.tokens, states, cache, x);
  decode(b, x, config_.num_hidden_layers, batch, cache);
  const auto wanted = static_cast<int64_t>(batch.logits_rows.size());
  if (wanted > 0) {
    states_of(b, x, batch.logits_rows, mtp_.shared_head_norm, cache.states().row_slice(0, wanted));
  }
  return outputs_of(b, x, batch, mtp_.shared_head_norm, lm_head_);
}

// Embeddings above states, each under its norm, then row by row side by side for eh_proj.
void DeepseekModel::project(Backend& b, std::span<const int32_t> tokens,
                            std::span<const int64_t> states, const KvCache& cache, Tensor x) const {
  const ScratchScope scope(b);
  const int64_t rows = x.rows();
  const int64_t width = x.columns();
  const Tensor parts = b.scratch({2 * rows, width});
  const Tensor embedded = parts.row_slice(0, rows);
  const Tensor state = parts.row_slice(rows, rows);
  b.embed_rows(embed_tokens_, tokens, embedded);
  b.qk_norm(embedded, mtp_.enorm, width);
  b.gather_rows(cache.states(), states, state);
  b.qk_norm(state, mtp_.hnorm, width);
  std::vector<int64_t> beside;
  for (int64_t r = 0; r < rows; ++r) beside.insert(beside.end(), {r, rows + r});
  const Tensor pairs = b.scratch({rows, 2 * width});
  b.gather_rows(parts, beside, Tensor::packed(Format::f32, {2 * rows, width}, pairs.data));
  const LinearOut out[] = {{&mtp_.eh_proj, x}};
  b.norm_linear(pairs, Norm{}, out);
}

}  // namespace hearth
