// CudaBackend::attend_gqa: rotate and store, then prompt rows and generated rows by kernels of
// their own.
#include "hearth/backend/cuda/attention/prompt.h"
#include "hearth/backend/cuda/attention/split_gqa.h"
#include "hearth/backend/cuda/attention/store.h"
#include "hearth/backend/cuda/attention/views.h"
#include "hearth/backend/cuda/cuda_backend.h"

namespace hearth {

using namespace cuda;

namespace {

Partials partials_of(CudaBackend& backend, const StepRows& rows, int32_t heads, int32_t head_dim) {
  Partials partials;
  partials.heads = heads;
  partials.positions = kGqaSplitPositions;
  partials.splits = rows.generated_end_max / kGqaSplitPositions;
  partials.dims = head_dim;
  partials.mixed =
      reinterpret_cast<float*>(backend.scratch_bytes(partials.floats(rows.generated_count) * 4));
  partials.top = partials.mixed + partials.mixed_floats(rows.generated_count);
  return partials;
}

}  // namespace

void CudaBackend::attend_gqa(const AttendGqa& args, const Batch& batch, KvCache& cache) {
  static_assert(kSlots == kKvBlockTokens);
  const StepRows& rows = step_rows(batch);
  const CacheView view = view_of(cache, args.layer);
  const RopeView rope = view_of(*args.rope, constant(std::span<const double>(args.rope->inv_freq)));
  const auto heads = static_cast<int32_t>(args.heads);
  const auto scale = static_cast<float>(args.scale);
  auto* q = reinterpret_cast<float*>(args.q.data);
  auto* k = reinterpret_cast<float*>(args.k.data);
  const auto* v = reinterpret_cast<const float*>(args.v.data);
  auto* out = reinterpret_cast<float*>(args.out.data);
  const ScratchScope scope(*this);
  SplitGqa split = {q, scale, partials_of(*this, rows, heads, view.head_dim)};
  if (attend_gqa_whole(*stream_, rows, view, {split, k, v, rope, out})) return;

  store_gqa(*stream_, rows, view, {q, k, v, heads, rope});
  if (rows.prompt_count > 0) {
    const KeyBlocks blocks = {view.data,     view.block_bytes, view.format,      view.kv_heads,
                              view.head_dim, view.head_dim,    rows.block_table, rows.table_width};
    const int64_t width = args.heads * args.head_dim;
    attend_prompt(*stream_, blocks,
                  {q, out, width, width, heads, scale, rows.sequences, rows.sequence_count,
                   rows.prompt_rows_max});
  }
  if (rows.generated_count == 0) return;
  split_gqa(*stream_, rows, view, split);
  combine(*stream_, rows, split.partials, out, true);
}

}  // namespace hearth
