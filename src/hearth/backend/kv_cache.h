// KvCache: what attention remembers, in blocks of 64 tokens handed out by the engine's BlockPool.
//
//   data[layer][block][slot 0..63][values]      values: GQA  K [kv_heads, head_dim], then V
//                                                       MLA  latent [kv_lora_rank], then
//                                                            rotated key [qk_rope_head_dim]
// Owner: the engine. Written and read by the attention verbs of one backend at a time.
#pragma once

#include <cstdint>

#include "hearth/backend/batch.h"
#include "hearth/tensor/tensor.h"

namespace hearth {

// What a model stores for each token in each layer, and how.
struct KvSpec {
  int64_t layers = 0;
  int64_t values = 0;
  Format format = Format::f16;  // f32, f16 or bf16

  int64_t row_bytes() const { return Tensor::packed_row_bytes(format, values); }
  int64_t token_bytes() const { return layers * row_bytes(); }
  int64_t block_bytes() const { return token_bytes() * kKvBlockTokens; }
};

class KvCache {
 public:
  KvCache(const KvSpec& spec, int64_t blocks)
      : spec_(spec), blocks_(blocks), data_(spec.block_bytes() * blocks) {}

  const KvSpec& spec() const { return spec_; }
  int64_t blocks() const { return blocks_; }

  // The row of `position` of the sequence whose block table is `rows.blocks`.
  std::byte* row(int64_t layer, const SequenceRows& rows, int64_t position) const {
    const int64_t block = rows.blocks[static_cast<size_t>(position / kKvBlockTokens)];
    DCHECK(block >= 0 && block < blocks_ && layer < spec_.layers);
    const int64_t slot = (layer * blocks_ + block) * kKvBlockTokens + position % kKvBlockTokens;
    return data_.data() + slot * spec_.row_bytes();
  }

 private:
  KvSpec spec_;
  int64_t blocks_;
  Buffer data_;
};

}  // namespace hearth
