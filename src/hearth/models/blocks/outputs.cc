// See outputs.h.
#include "hearth/models/blocks/outputs.h"

namespace hearth {

void states_of(Backend& b, Tensor x, std::span<const int64_t> rows, const Norm& norm, Tensor out) {
  b.gather_rows(x, rows, out);
  b.qk_norm(out, norm, x.columns());
}

Outputs outputs_of(Backend& b, Tensor x, const Batch& batch, const Norm& norm, const Linear& head) {
  Outputs out;
  const auto wanted = static_cast<int64_t>(batch.logits_rows.size());
  const Tensor last = b.scratch({wanted, x.columns()});
  out.logits = b.scratch({wanted, head.weight.out()});
  b.gather_rows(x, batch.logits_rows, last);
  b.head_logits(last, norm, head, out.logits);
  if (batch.hidden_rows.empty()) return out;
  out.hidden = b.scratch({static_cast<int64_t>(batch.hidden_rows.size()), x.columns()});
  states_of(b, x, batch.hidden_rows, norm, out.hidden);
  return out;
}

}  // namespace hearth
