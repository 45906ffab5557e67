// See adapter_merge.h.
#include "hearth/convert/adapter_merge.h"

#include <algorithm>

#include "hearth/base/mapped_file.h"
#include "hearth/formats/codec.h"
#include "hearth/models/stored_tensor.h"
#include "hearth/sensors/memory.h"

namespace hearth {
namespace {

class MergedWeight : public ForeignWeight {
 public:
  MergedWeight(const StoredMatrix& base, std::shared_ptr<const MatchedDelta> delta)
      : ForeignWeight(delta->spec.shape, base.tensor.format),
        base_(base),
        delta_(std::move(delta)) {
    set_stored({}, base_.foreign ? base_.foreign->stored_bytes() : base_.tensor.bytes());
  }

  void decode(const Window& window, float* out) const override {
    if (base_.foreign) base_.foreign->decode(window, out);
    for (int64_t r = 0; r < window.rows; ++r) {
      const std::span<float> values(out + r * window.columns, static_cast<size_t>(window.columns));
      const int64_t row = window.row + r;
      if (!base_.foreign) {
        decode_row(base_.tensor, row, window.column, window.columns, values.data());
      }
      add_delta(*delta_, row, window.column, values);
    }
  }

  void forget() const override {
    if (base_.foreign) {
      base_.foreign->forget();
    } else {
      forget_pages(base_.tensor.data, base_.tensor.bytes());
    }
  }

 private:
  const StoredMatrix base_;
  const std::shared_ptr<const MatchedDelta> delta_;
};

}  // namespace

Result<AdapterMerge> AdapterMerge::open(const std::string& path, const Checkpoint& checkpoint,
                                        const Model& model) {
  TRY_ASSIGN(const StoredAdapter stored, StoredAdapter::open(path));
  const auto memory = read_memory();
  const int64_t free = memory ? memory->usable_available_bytes() : INT64_MAX;
  auto matched = match_adapter(stored, model, checkpoint.kind(), free);
  if (!matched) return std::move(matched).status().at(path);
  AdapterMerge out;
  out.path_ = path;
  for (MatchedDelta& delta : *matched) {
    const std::string name = stored_name(delta.spec, checkpoint.kind());
    out.deltas_[name].values = std::make_shared<const MatchedDelta>(std::move(delta));
  }
  return out;
}

StoredMatrix AdapterMerge::merged(const std::string& name, const StoredMatrix& found) {
  const auto delta = deltas_.find(name);
  if (delta == deltas_.end()) return found;
  StoredMatrix out = found;
  out.foreign = std::make_shared<MergedWeight>(found, delta->second.values);
  delta->second.merged = true;
  return out;
}

Status AdapterMerge::complete() const {
  const auto left = std::ranges::find_if(deltas_, [](const auto& d) { return !d.second.merged; });
  if (left == deltas_.end()) return Status::ok();
  return error(Code::unsupported,
               "{}: changes `{}`, which the base keeps in two parts; merge into its original "
               "directory, or a GGUF with attn_kv_b",
               path_, left->first);
}

}  // namespace hearth
