// See kv_cache.h. The CPU's kernels read blocks by themselves; this is the layout's definition.
#include "hearth/backend/kv_cache.h"

#include <cstring>
#include <vector>

#include "hearth/formats/codec.h"

namespace hearth {
namespace {

// Calls f(index of a value, its place in the block) for what a token stores.
template <typename F>
void for_each_value(const KvSpec& spec, int64_t slot, const F& f) {
  const int64_t d = spec.head_dim();
  const int64_t keys = spec.kv_heads * d;
  for (int64_t i = 0; i < keys; ++i) f(i, i * kKvBlockTokens + slot);
  for (int64_t i = 0; i < keys; ++i) {
    f(keys + i, keys * kKvBlockTokens + i / d * kKvBlockTokens * d + slot * d + i % d);
  }
}

}  // namespace

void KvCache::store(int64_t layer, const SequenceRows& rows, int64_t position,
                    const float* in) const {
  std::byte* at = block(layer, rows, position);
  const int64_t slot = position % kKvBlockTokens;
  if (spec_.kv_heads == 0) {
    encode_row(in, Tensor::packed(spec_.format, {1, spec_.values}, at + slot * spec_.row_bytes()),
               0);
    return;
  }
  thread_local std::vector<std::byte> row;
  row.resize(static_cast<size_t>(spec_.row_bytes()));
  encode_row(in, Tensor::packed(spec_.format, {1, spec_.values}, row.data()), 0);
  const int64_t bytes = spec_.element_bytes();
  for_each_value(spec_, slot, [&](int64_t i, int64_t place) {
    std::memcpy(at + place * bytes, row.data() + i * bytes, static_cast<size_t>(bytes));
  });
}

void KvCache::load(int64_t layer, const SequenceRows& rows, int64_t position, float* out) const {
  std::byte* at = block(layer, rows, position);
  const int64_t slot = position % kKvBlockTokens;
  if (spec_.kv_heads == 0) {
    at += slot * spec_.row_bytes();
    decode_row(Tensor::packed(spec_.format, {1, spec_.values}, at), 0, 0, spec_.values, out);
    return;
  }
  const int64_t bytes = spec_.element_bytes();
  for_each_value(spec_, slot, [&](int64_t i, int64_t place) {
    decode_row(Tensor::packed(spec_.format, {1, 1}, at + place * bytes), 0, 0, 1, out + i);
  });
}

}  // namespace hearth
