// CudaBackend::attend_gqa: rotate and store, then prompt rows and generated rows by kernels of
// their own.
#include "hearth/backend/cuda/attention/prompt.h"
#include "hearth/backend/cuda/attention/split_gqa.h"
#include "hearth/backend/cuda/attention/store.h"
#include "hearth/backend/cuda/attention/views.h"
#include "hearth/backend/cuda/cuda_backend.h"

namespace hearth {

using namespace cuda;

void CudaBackend::attend_gqa(const AttendGqa& args, const Batch& batch, KvCache& cache) {
  static_assert(kSlots == kKvBlockTokens);
  const StepRows& rows = step_rows(batch);
  const CacheView view = view_of(cache, args.layer);
  const double* inv_freq = constant(std::span<const double>(args.rope->inv_freq));
  const auto heads = static_cast<int32_t>(args.heads);
  auto* q = reinterpret_cast<float*>(args.q.data);
  auto* out = reinterpret_cast<float*>(args.out.data);
  store_gqa(*stream_, rows, view,
            {q, reinterpret_cast<float*>(args.k.data), reinterpret_cast<const float*>(args.v.data),
             heads, view_of(*args.rope, inv_freq)});

  const KeyBlocks blocks = {view.data,     view.block_bytes, view.format,      view.kv_heads,
                            view.head_dim, view.head_dim,    rows.block_table, rows.table_width};
  const int64_t width = args.heads * args.head_dim;
  const auto scale = static_cast<float>(args.scale);
  if (rows.prompt_count > 0) {
    attend_prompt(*stream_, blocks,
                  {q, out, width, width, heads, scale, rows.sequences, rows.sequence_count,
                   rows.prompt_rows_max});
  }
  if (rows.generated_count == 0) return;
  const ScratchScope scope(*this);
  Partials partials;
  partials.heads = heads;
  partials.splits = rows.generated_end_max / kSplitPositions;
  partials.dims = view.head_dim;
  partials.mixed =
      reinterpret_cast<float*>(scratch_bytes(partials.floats(rows.generated_count) * 4));
  partials.top = partials.mixed + partials.mixed_floats(rows.generated_count);
  split_gqa(*stream_, rows, view, {q, scale, partials});
  combine(*stream_, rows, partials, out, true);
}

}  // namespace hearth
