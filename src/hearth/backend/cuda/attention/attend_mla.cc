// CudaBackend::attend_mla and prepare_latents: generated rows absorb k_b and v_b, prompt rows
// expand the history of their sequence, as many heads at a time as some scratch memory holds.
#include <algorithm>
#include <vector>

#include "hearth/backend/cuda/attention/latent_maps.h"
#include "hearth/backend/cuda/attention/latents.h"
#include "hearth/backend/cuda/attention/prompt.h"
#include "hearth/backend/cuda/attention/split_gqa.h"
#include "hearth/backend/cuda/attention/store.h"
#include "hearth/backend/cuda/attention/views.h"
#include "hearth/backend/cuda/cuda_backend.h"
#include "hearth/formats/codec.h"

namespace hearth {

using namespace cuda;

namespace {

// Models of few heads cut histories finer, or a short one would keep few processors busy; those of
// many heads would need much memory for it.
constexpr int32_t kFewHeads = 32;
constexpr int64_t kExpandedBytes = int64_t{256} << 20;  // at most, beyond one head

LatentShape shape_of(const AttendMla& a) {
  return {static_cast<int32_t>(a.heads), static_cast<int32_t>(a.qk_nope_head_dim),
          static_cast<int32_t>(a.qk_rope_head_dim), static_cast<int32_t>(a.v_head_dim),
          static_cast<int32_t>(a.kv_lora_rank)};
}

// [heads][dims][rank]
std::vector<float> key_map(const AttendMla& a) {
  const int64_t dims = a.qk_nope_head_dim;
  std::vector<float> map(static_cast<size_t>(a.heads * dims * a.kv_lora_rank));
  const Tensor& w = a.k_b.weight->tensor;
  std::vector<float> column(static_cast<size_t>(dims));
  for (int64_t h = 0; h < a.heads; ++h) {
    float* head = map.data() + h * dims * a.kv_lora_rank;
    if (!a.k_b_transposed) {
      for (int64_t d = 0; d < dims; ++d) {
        decode_row(w, a.k_b.row(h, d), 0, a.kv_lora_rank, head + d * a.kv_lora_rank);
      }
      continue;
    }
    for (int64_t r = 0; r < a.kv_lora_rank; ++r) {
      decode_row(w, a.k_b.row(h, r), 0, dims, column.data());
      for (int64_t d = 0; d < dims; ++d) head[d * a.kv_lora_rank + r] = column[size_t(d)];
    }
  }
  return map;
}

std::vector<float> value_map(const AttendMla& a) {
  std::vector<float> map(static_cast<size_t>(a.heads * a.v_head_dim * a.kv_lora_rank));
  for (int64_t h = 0; h < a.heads; ++h) {
    for (int64_t d = 0; d < a.v_head_dim; ++d) {
      decode_row(a.v_b.weight->tensor, a.v_b.row(h, d), 0, a.kv_lora_rank,
                 map.data() + (h * a.v_head_dim + d) * a.kv_lora_rank);
    }
  }
  return map;
}

// Floats as the kernels read them; nothing is lost of what was bf16.
std::vector<std::byte> encoded(const std::vector<float>& map, bool bf16) {
  const Format format = bf16 ? Format::bf16 : Format::f32;
  const auto n = static_cast<int64_t>(map.size());
  std::vector<std::byte> bytes(static_cast<size_t>(Tensor::packed_row_bytes(format, n)));
  encode_row(map.data(), Tensor::packed(format, {1, n}, bytes.data()), 0);
  return bytes;
}

}  // namespace

Result<std::shared_ptr<const BackendForm>> CudaBackend::prepare_latents(const AttendMla& shape) {
  auto maps = std::make_shared<LatentMaps>();
  maps->k_b.bf16 = shape.k_b.weight->tensor.format == Format::bf16 &&
                   shape.v_b.weight->tensor.format == Format::bf16;
  maps->v_b.bf16 = maps->k_b.bf16;
  const std::vector<std::byte> keys = encoded(key_map(shape), maps->k_b.bf16);
  const std::vector<std::byte> values = encoded(value_map(shape), maps->v_b.bf16);
  const auto key_bytes = static_cast<int64_t>(keys.size() + 255) / 256 * 256;
  const auto value_bytes = static_cast<int64_t>(values.size());
  TRY_ASSIGN(maps->memory, stream_->allocate(key_bytes + value_bytes));
  maps->k_b.data = maps->memory.get();
  maps->v_b.data = maps->memory.get() + key_bytes;
  stream_->copy_in(maps->memory.get(), keys.data(), static_cast<int64_t>(keys.size()));
  stream_->copy_in(maps->memory.get() + key_bytes, values.data(), value_bytes);
  stream_->synchronize();  // the vectors go
  return std::shared_ptr<const BackendForm>(std::move(maps));
}

namespace {

struct MlaStep {
  CudaBackend& backend;
  const StepRows& rows;
  CacheView cache;
  LatentShape shape;
  const LatentMaps& maps;
  float scale;
  const float* q;
  float* out;
};

void attend_generated(const MlaStep& s) {
  if (s.rows.generated_count == 0) return;
  const ScratchScope scope(s.backend);
  const auto floats = [&](int64_t count) {
    return reinterpret_cast<float*>(s.backend.scratch_bytes(count * 4));
  };
  const int64_t rows = s.rows.generated_count;
  Partials partials;
  partials.heads = s.shape.heads;
  if (s.shape.heads <= kFewHeads) partials.positions = kSplitPositions / 4;
  partials.splits = s.rows.generated_end_max / partials.positions;
  partials.dims = s.shape.rank;
  partials.mixed = floats(partials.floats(rows));
  partials.top = partials.mixed + partials.mixed_floats(rows);
  float* absorbed = floats(rows * s.shape.heads * s.cache.values);
  float* mixed = floats(rows * s.shape.heads * s.shape.rank);
  Stream& stream = s.backend.stream();
  absorb_queries(stream, s.rows, s.shape, s.maps.k_b, s.q, absorbed);
  split_latents(stream, s.rows, s.cache, s.shape, {absorbed, s.scale, partials});
  combine(stream, s.rows, partials, mixed, false);
  expand_mixed(stream, s.rows, s.shape, s.maps.v_b, mixed, s.out);
}

// Sequence `index` of the batch. A step with prompt rows is never captured, so that grids may
// depend on its sequences.
void attend_prompt_of(const MlaStep& s, const SequenceRows& sequence, int64_t index) {
  const ScratchScope scope(s.backend);
  const int32_t key_dims = s.shape.nope + s.shape.rope;
  const int64_t blocks = ceil_div(sequence.end(), kKvBlockTokens);
  const int64_t head_floats = (key_dims + s.shape.value_dims) * kKvBlockTokens;
  const auto most = static_cast<int32_t>(
      std::clamp<int64_t>(kExpandedBytes / (blocks * head_floats * 4), 1, s.shape.heads));
  auto* expanded =
      reinterpret_cast<float*>(s.backend.scratch_bytes(most * blocks * head_floats * 4));
  Stream& stream = s.backend.stream();
  for (int32_t head = 0; head < s.shape.heads; head += most) {
    const int32_t heads = std::min(most, s.shape.heads - head);
    ExpandHistory history = {s.maps.k_b, s.maps.v_b, head, heads};
    history.end = static_cast<int32_t>(sequence.end());
    history.block_table = s.rows.block_table + index * s.rows.table_width;
    history.out = expanded;
    history.block_floats = heads * head_floats;
    expand_history(stream, s.cache, s.shape, history);
    KeyBlocks keys;
    keys.data = reinterpret_cast<const std::byte*>(expanded);
    keys.block_bytes = history.block_floats * 4;
    keys.heads = heads;
    keys.key_dims = key_dims;
    keys.value_dims = s.shape.value_dims;
    AttendPrompt attend;
    attend.q = s.q + int64_t{head} * key_dims;
    attend.out = s.out + int64_t{head} * s.shape.value_dims;
    attend.q_stride = int64_t{s.shape.heads} * key_dims;
    attend.out_stride = int64_t{s.shape.heads} * s.shape.value_dims;
    attend.heads = heads;
    attend.scale = s.scale;
    attend.sequences = s.rows.sequences + index;
    attend.sequence_count = 1;
    attend.rows_max = static_cast<int32_t>(sequence.rows);
    attend_prompt(stream, keys, attend);
  }
}

}  // namespace

void CudaBackend::attend_mla(const AttendMla& args, const Batch& batch, KvCache& cache) {
  const double* inv_freq = constant(std::span<const double>(args.rope->inv_freq));
  const MlaStep step = {*this,
                        step_rows(batch),
                        view_of(cache, args.layer),
                        shape_of(args),
                        static_cast<const LatentMaps&>(*args.maps),
                        static_cast<float>(args.scale),
                        reinterpret_cast<const float*>(args.q.data),
                        reinterpret_cast<float*>(args.out.data)};
  StoreMla store;
  store.q = reinterpret_cast<float*>(args.q.data);
  store.kv = reinterpret_cast<float*>(args.kv.data);
  store.heads = step.shape.heads;
  store.nope = step.shape.nope;
  store.rank = step.shape.rank;
  if (args.kv_a_norm->weight.present()) {
    store.norm = args.kv_a_norm->weight.vector();
    store.eps = args.kv_a_norm->eps;
  }
  store.rope = view_of(*args.rope, inv_freq);
  store_mla(*stream_, step.rows, step.cache, store);
  attend_generated(step);
  for (size_t i = 0; i < batch.sequences.size(); ++i) {
    if (batch.sequences[i].role != Role::prompt) continue;
    attend_prompt_of(step, batch.sequences[i], static_cast<int64_t>(i));
  }
}

}  // namespace hearth
