// Fills a model's slots from a checkpoint: find by name, check the shape, convert where asked, hand
// to the backend. The first error stops the load and names the tensor.
#include "hearth/models/load.h"

#include <algorithm>
#include <cmath>

#include "hearth/formats/codec.h"
#include "hearth/models/load_format.h"

namespace hearth {
namespace {

class WeightLoader {
 public:
  WeightLoader(const Checkpoint& checkpoint, Backend& backend, const LoadOptions& options,
               LoadedModel& loaded)
      : checkpoint_(checkpoint), backend_(backend), options_(options), loaded_(loaded) {}

  void load(const TensorSpec& spec, Weight& slot) {
    if (!status_.is_ok()) return;
    status_ = try_load(spec, slot);
    if (!status_.is_ok()) status_ = std::move(status_).at(checkpoint_.path());
  }

  Status finish() {
    if (!status_.is_ok()) return status_;
    if (kept_ > 0) {
      loaded_.notices.push_back(fmt::format(
          "{} matrices keep their stored format: their rows are not a multiple of the {} "
          "elements of a {} block",
          kept_, format_info(*options_.dtype).block_elements, format_info(*options_.dtype).name));
    }
    return checkpoint_.unchanged();
  }

 private:
  bool from_gguf() const { return checkpoint_.kind() == CheckpointKind::gguf; }

  Status try_load(const TensorSpec& spec, Weight& slot) {
    const std::string& name = from_gguf() ? spec.gguf_name : spec.name;
    if (name.empty()) return Status::ok();
    const TensorEntry* entry = checkpoint_.find(name);
    if (!entry) {
      if (spec.optional) return Status::ok();
      return error(Code::corrupt, "`{}`: expected {}, found no such tensor", name,
                   spec.shape.to_string());
    }
    if (!entry->format) {
      return error(Code::unsupported, "`{}`: format {} is not supported", name, entry->dtype);
    }
    TRY_ASSIGN(const Tensor stored, checked(spec, name, *entry));
    loaded_.parameters += stored.shape.elements();
    if (spec.kind == TensorKind::vector) {
      TRY(widen(stored, name, slot));
    } else {
      TRY(keep_or_convert(spec, stored, name, slot));
    }
    loaded_.weight_bytes += slot.bytes();
    done_ += stored.bytes();
    if (options_.progress) options_.progress(done_, checkpoint_.tensor_bytes());
    slot = backend_.prepare(std::move(slot));
    return Status::ok();
  }

  // The tensor of the entry, or its expert's part, with the shape that the config promises.
  Result<Tensor> checked(const TensorSpec& spec, const std::string& name,
                         const TensorEntry& entry) const {
    const Tensor& t = entry.tensor;
    if (from_gguf() && spec.expert >= 0) {
      const bool fits = t.shape.rank() == 3 && spec.expert < t.shape[0] &&
                        t.shape[1] == spec.shape[0] && t.shape[2] == spec.shape[1];
      if (!fits) {
        return error(Code::corrupt, "`{}`: expected [experts > {}, {}, {}], found {}", name,
                     spec.expert, spec.shape[0], spec.shape[1], t.shape.to_string());
      }
      return t.outer(spec.expert);
    }
    if (!(t.shape == spec.shape)) {
      return error(Code::corrupt, "`{}`: expected {}, found {} {}", name, spec.shape.to_string(),
                   entry.dtype, t.shape.to_string());
    }
    return t;
  }

  // Small vectors become f32, which every verb reads; a NaN in a norm or bias poisons all output.
  Status widen(const Tensor& stored, const std::string& name, Weight& slot) {
    own(Format::f32, stored.shape, slot);
    const std::span<float> values = slot.tensor.f32();
    decode_row(stored, 0, 0, stored.columns(), values.data());
    for (float v : values) {
      if (!std::isfinite(v)) {
        return error(Code::corrupt, "`{}`: expected finite numbers, found {}", name, v);
      }
    }
    return Status::ok();
  }

  Status keep_or_convert(const TensorSpec& spec, const Tensor& stored, const std::string& name,
                         Weight& slot) {
    const HeldFormat held = held_format(spec.kind, stored.format, stored.columns(), options_.dtype);
    if (held.copied) {
      own(held.format, stored.shape, slot);
      return convert(stored, slot.tensor).at(name);
    }
    if (held.refused) ++kept_;
    slot.tensor = stored;
    return Status::ok();
  }

  static void own(Format format, const Shape& shape, Weight& slot) {
    const int64_t bytes = Tensor::packed_row_bytes(format, shape.columns()) * shape.rows();
    auto buffer = std::make_shared<Buffer>(bytes);
    slot.tensor = Tensor::packed(format, shape, buffer->data());
    slot.owner = std::move(buffer);
  }

  const Checkpoint& checkpoint_;
  Backend& backend_;
  const LoadOptions& options_;
  LoadedModel& loaded_;
  Status status_;
  int64_t done_ = 0;
  int64_t kept_ = 0;
};

}  // namespace

Result<LoadedModel> load_model(const Checkpoint& checkpoint, Backend& backend,
                               const LoadOptions& options) {
  LoadedModel loaded;
  TRY_ASSIGN(loaded.model, make_model(checkpoint, loaded.notices));
  WeightLoader loader(checkpoint, backend, options, loaded);
  loaded.model->visit_tensors(
      [&](const TensorSpec& spec, Weight& slot) { loader.load(spec, slot); });
  TRY(loader.finish());
  TRY(loaded.model->finish_load().at(checkpoint.path()));
  return loaded;
}

}  // namespace hearth
