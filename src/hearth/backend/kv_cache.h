// KvCache: what attention remembers, in blocks of 64 tokens handed out by the engine's BlockPool.
//
//   data[layer][block], a block being
//     MLA (kv_heads == 0)   [slot 0..63][values]: latent [kv_lora_rank], rotated key
//     GQA                   keys of head 0 [head_dim][slot], of head 1, ..., then
//                           values of head 0 [slot][head_dim], of head 1, ...
//
// Transposed keys let a kernel score 16 or 64 positions at a time without a sum over lanes. q8_0,
// a f16 scale for 32 neighbouring values, takes the same room of 34 bytes a scale:
//     MLA, and GQA's values of a head   [slot][value] int8, then scales [value / 32][slot]
//     GQA's keys of a head              as packed weights [slot / 16][value / 32]: int8
//                                       [value / 4 % 8][slot % 16][4], then scales [slot % 16]
// Owner: the engine. Written and read by the attention verbs of one backend at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "hearth/backend/batch.h"
#include "hearth/base/status.h"
#include "hearth/tensor/tensor.h"

namespace hearth {

// What a model stores for each token in each layer, and how.
struct KvSpec {
  int64_t layers = 0;
  int64_t values = 0;
  Format format = Format::f16;  // f32, f16, bf16 or q8_0
  int64_t kv_heads = 0;         // of grouped-query attention; values = 2 * kv_heads * head_dim

  int64_t head_dim() const { return kv_heads == 0 ? 0 : values / (2 * kv_heads); }
  bool in_blocks() const { return format == Format::q8_0; }
  int64_t element_bytes() const { return format_info(format).block_bytes; }  // of floats
  int64_t head_bytes() const {  // keys or values of a head in a block
    return Tensor::packed_row_bytes(format, head_dim()) * kKvBlockTokens;
  }
  int64_t row_bytes() const { return Tensor::packed_row_bytes(format, values); }
  int64_t token_bytes() const { return layers * row_bytes(); }
  int64_t block_bytes() const { return token_bytes() * kKvBlockTokens; }

  // invalid: another format; blocks that would cross from one head to the next.
  Status check() const;
};

class KvCache {
 public:
  // In memory of the host, zeroed.
  KvCache(const KvSpec& spec, int64_t blocks);
  // In memory that a backend gave, zeroed, of block_bytes() * blocks.
  KvCache(const KvSpec& spec, int64_t blocks, std::shared_ptr<std::byte> memory)
      : spec_(spec), blocks_(blocks), data_(std::move(memory)) {
    DCHECK(spec.check().is_ok());
  }

  const KvSpec& spec() const { return spec_; }
  int64_t blocks() const { return blocks_; }
  int64_t bytes() const { return spec_.block_bytes() * blocks_; }
  std::byte* memory() const { return data_.get(); }  // of layer 0, block 0

  // Where a forward leaves the states of its rows behind the final norm, f32 [rows of a step,
  // hidden_size], for the layer that guesses (Model::forward_mtp). No data: nobody wants them.
  const Tensor& states() const { return states_; }
  // `memory` is the backend's.
  void keep_states(const Shape& shape, std::shared_ptr<std::byte> memory) {
    states_ = Tensor::packed(Format::f32, shape, memory.get());
    states_owner_ = std::move(memory);
  }

  // The block of `position` of the sequence whose block table is `rows.blocks`.
  std::byte* block(int64_t layer, const SequenceRows& rows, int64_t position) const {
    const int64_t block = rows.blocks[static_cast<size_t>(position / kKvBlockTokens)];
    DCHECK(block >= 0 && block < blocks_ && layer < spec_.layers);
    return data_.get() + (layer * blocks_ + block) * kKvBlockTokens * spec_.row_bytes();
  }

  // In host memory only. What a token stores, [values]: MLA latent and key; GQA the keys of all
  // heads, then the values.
  void store(int64_t layer, const SequenceRows& rows, int64_t position, const float* in) const;
  void load(int64_t layer, const SequenceRows& rows, int64_t position, float* out) const;

 private:
  KvSpec spec_;
  int64_t blocks_;
  std::shared_ptr<std::byte> data_;
  Tensor states_;
  std::shared_ptr<std::byte> states_owner_;
};

}  // namespace hearth
