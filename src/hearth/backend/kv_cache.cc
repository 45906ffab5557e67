// See kv_cache.h. The CPU's kernels read blocks by themselves; this is the layout's definition.
#include "hearth/backend/kv_cache.h"

#include <algorithm>
#include <cstring>
#include <iterator>
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

constexpr int64_t kBlockValues = 32;  // of q8_0
constexpr int64_t kQuads = kBlockValues / 4;
constexpr int64_t kQ8Bytes = 2 + kBlockValues;
constexpr int64_t kGroupSlots = 16;
constexpr int64_t kGroupBytes = kGroupSlots * kQ8Bytes;

// Where a q8_0 block of 32 values lies: its quads of bytes, and its scale.
struct Q8Place {
  int64_t quads, quad_stride;
  int64_t scale;
};

Q8Place row_place(int64_t base, int64_t width, int64_t slot, int64_t b) {
  return {base + slot * width + b * kBlockValues, 4,
          base + kKvBlockTokens * width + (b * kKvBlockTokens + slot) * 2};
}

// Of block b among those that a token stores.
Q8Place q8_place(const KvSpec& spec, int64_t slot, int64_t b) {
  if (spec.kv_heads == 0) return row_place(0, spec.values, slot, b);
  const int64_t of_head = spec.head_dim() / kBlockValues;
  const int64_t base = b / of_head * spec.head_bytes();
  if (b >= spec.kv_heads * of_head) return row_place(base, spec.head_dim(), slot, b % of_head);
  const int64_t group = base + (slot / kGroupSlots * of_head + b % of_head) * kGroupBytes;
  const int64_t lane = slot % kGroupSlots;
  return {group + lane * 4, kGroupSlots * 4, group + kGroupSlots * kBlockValues + lane * 2};
}

// Calls f(bytes of a row in q8_0, their place in the block, how many).
template <typename F>
void for_each_q8_run(const KvSpec& spec, int64_t slot, std::byte* row, const F& f) {
  for (int64_t b = 0; b < spec.values / kBlockValues; ++b, row += kQ8Bytes) {
    const Q8Place place = q8_place(spec, slot, b);
    f(row, place.scale, 2);
    for (int64_t j = 0; j < kQuads; ++j) {
      f(row + 2 + 4 * j, place.quads + j * place.quad_stride, 4);
    }
  }
}

std::byte* row_memory(const KvSpec& spec) {
  thread_local std::vector<std::byte> row;
  row.resize(static_cast<size_t>(spec.row_bytes()));
  return row.data();
}

}  // namespace

Status KvSpec::check() const {
  constexpr Format kKnown[] = {Format::f32, Format::f16, Format::bf16, Format::q8_0};
  if (std::ranges::find(kKnown, format) == std::end(kKnown)) {
    return error(Code::invalid, "KV cache: expected f32, f16, bf16 or q8_0, found {}",
                 format_info(format).name);
  }
  const int64_t width = kv_heads == 0 ? values : head_dim();
  if (!in_blocks() || width % kBlockValues == 0) return Status::ok();
  return error(Code::invalid, "KV cache in q8_0: expected a {} that is a multiple of {}, found {}",
               kv_heads == 0 ? "kv_lora_rank + qk_rope_head_dim" : "head_dim", kBlockValues, width);
}

KvCache::KvCache(const KvSpec& spec, int64_t blocks)
    : KvCache(spec, blocks, host_memory(spec.block_bytes() * blocks)) {}

void KvCache::store(int64_t layer, const SequenceRows& rows, int64_t position,
                    const float* in) const {
  std::byte* at = block(layer, rows, position);
  const int64_t slot = position % kKvBlockTokens;
  if (spec_.in_blocks()) {
    std::byte* row = row_memory(spec_);
    encode_row(in, Tensor::packed(spec_.format, {1, spec_.values}, row), 0);
    for_each_q8_run(spec_, slot, row, [&](const std::byte* from, int64_t place, size_t bytes) {
      std::memcpy(at + place, from, bytes);
    });
    return;
  }
  if (spec_.kv_heads == 0) {
    encode_row(in, Tensor::packed(spec_.format, {1, spec_.values}, at + slot * spec_.row_bytes()),
               0);
    return;
  }
  std::byte* row = row_memory(spec_);
  encode_row(in, Tensor::packed(spec_.format, {1, spec_.values}, row), 0);
  const int64_t bytes = spec_.element_bytes();
  for_each_value(spec_, slot, [&](int64_t i, int64_t place) {
    std::memcpy(at + place * bytes, row + i * bytes, static_cast<size_t>(bytes));
  });
}

void KvCache::load(int64_t layer, const SequenceRows& rows, int64_t position, float* out) const {
  std::byte* at = block(layer, rows, position);
  const int64_t slot = position % kKvBlockTokens;
  if (spec_.in_blocks()) {
    std::byte* row = row_memory(spec_);
    for_each_q8_run(spec_, slot, row, [&](std::byte* to, int64_t place, size_t bytes) {
      std::memcpy(to, at + place, bytes);
    });
    decode_row(Tensor::packed(spec_.format, {1, spec_.values}, row), 0, 0, spec_.values, out);
    return;
  }
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
