// Fills a model's slots from a checkpoint: find by name, check the shape, convert where asked, hand
// to the backend. The first error stops the load and names the tensor.
#include "hearth/models/load.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "hearth/base/checked_math.h"
#include "hearth/base/mapped_file.h"
#include "hearth/formats/codec.h"
#include "hearth/models/load_format.h"
#include "hearth/models/stored_tensor.h"

namespace hearth {
namespace {

class WeightLoader {
 public:
  WeightLoader(const Checkpoint& checkpoint, const StoredTensors& tensors, Backend& backend,
               const LoadOptions& options, LoadedModel& loaded)
      : checkpoint_(checkpoint),
        tensors_(tensors),
        backend_(backend),
        options_(options),
        loaded_(loaded) {}

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
    for (const auto& [format, count] : repacked_) {
      loaded_.notices.push_back(fmt::format("{}: {} matrices are held as {}",
                                            tensors_.scheme_name(), count,
                                            format_info(format).name));
    }
    if (left_as_stored_ > 0) {
      loaded_.notices.push_back(fmt::format(
          "{} matrices of routed experts keep their stored format: they are read from disk, and "
          "--dtype {} is for what is in memory",
          left_as_stored_, format_info(*options_.dtype).name));
    }
    return checkpoint_.unchanged();
  }

 private:
  Status try_load(const TensorSpec& spec, Weight& slot) {
    TRY_ASSIGN(const std::optional<StoredMatrix> found, tensors_.find(spec));
    if (!found) return Status::ok();
    const Tensor& stored = found->tensor;
    const std::string& name = stored_name(spec, checkpoint_.kind());
    loaded_.parameters += stored.shape.elements();
    if (options_.experts_from_disk && spec.expert >= 0) return leave(*found, name, slot);
    if (spec.kind == TensorKind::vector) {
      TRY(widen(stored, name, slot));
    } else {
      TRY(check_scales(stored, name));
      TRY(keep_or_convert(spec, *found, name, slot));
    }
    loaded_.weight_bytes += slot.bytes();
    done_ += found->foreign ? found->foreign->stored_bytes() : stored.bytes();
    if (options_.progress) options_.progress(done_, checkpoint_.tensor_bytes());
    const int64_t bytes = slot.bytes();
    TRY_ASSIGN(slot, backend_.prepare(std::move(slot), weight_use(spec.kind)));
    const bool is_view = slot.tensor.data && slot.tensor.data == stored.data;
    loaded_.mapped_bytes += is_view ? bytes : 0;
    return Status::ok();
  }

  // A routed expert's matrix is left where it is.
  Status leave(const StoredMatrix& found, const std::string& name, Weight& slot) {
    if (found.foreign) {
      return error(
          Code::unsupported,
          "`{}`: experts of {} can't be read from disk one by one; `hearth quantize` makes "
          "a file whose experts can",
          name, tensors_.scheme_name());
    }
    const Tensor& stored = found.tensor;
    const auto in_file = [&](const void* begin, int64_t bytes) -> Result<FileRange> {
      const auto range = checkpoint_.range_of(static_cast<const std::byte*>(begin), bytes);
      if (range) return *range;
      return error(Code::unsupported,
                   "`{}`: lies misaligned in its file, found no way to read it "
                   "from disk alone",
                   name);
    };
    FileWeight weight{stored, {}, {}};
    TRY_ASSIGN(weight.data, in_file(stored.data, stored.bytes()));
    if (stored.scales) {
      const int64_t tiles = ceil_div(stored.rows(), kScaleTile) * stored.scale_columns;
      TRY_ASSIGN(weight.scales, in_file(stored.scales, tiles * 4));
    }
    const auto held =
        held_format(TensorKind::matrix, stored.format, stored.columns(), options_.dtype);
    if (held.copied) ++left_as_stored_;
    TRY_ASSIGN(slot, backend_.prepare_from_file(weight));
    loaded_.disk_bytes += slot.bytes();
    done_ += stored.bytes();
    if (options_.progress) options_.progress(done_, checkpoint_.tensor_bytes());
    return Status::ok();
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

  // DeepSeek's: one for each tile of 128x128. Those of other tools are looked at where they are
  // found.
  static Status check_scales(const Tensor& stored, const std::string& name) {
    if (!stored.scales) return Status::ok();
    const int64_t tiles = ceil_div(stored.rows(), kScaleTile) * stored.scale_columns;
    for (const float scale : std::span(stored.scales, static_cast<size_t>(tiles))) {
      if (std::isfinite(scale)) continue;
      return error(Code::corrupt, "`{}`: expected finite scales, found {}", name, scale);
    }
    return Status::ok();
  }

  Status keep_or_convert(const TensorSpec& spec, const StoredMatrix& found, const std::string& name,
                         Weight& slot) {
    const Tensor& stored = found.tensor;
    const HeldFormat held = held_format(spec.kind, stored.format, stored.columns(), options_.dtype);
    if (held.refused) ++kept_;
    if (found.foreign) {
      own(held.format, stored.shape, slot);
      TRY(write_rows(*found.foreign, slot.tensor).at(name));
      found.foreign->forget();
      ++repacked_[held.format];
    } else if (held.copied) {
      own(held.format, stored.shape, slot);
      TRY(convert(stored, slot.tensor).at(name));
      forget_pages(stored.data, stored.bytes());
    } else {
      slot.tensor = stored;
      slot.owner = found.owner;
    }
    return Status::ok();
  }

  static void own(Format format, const Shape& shape, Weight& slot) {
    const int64_t bytes = Tensor::packed_row_bytes(format, shape.columns()) * shape.rows();
    auto buffer = std::make_shared<Buffer>(bytes);
    slot.tensor = Tensor::packed(format, shape, buffer->data());
    slot.owner = std::move(buffer);
  }

  const Checkpoint& checkpoint_;
  const StoredTensors& tensors_;
  Backend& backend_;
  const LoadOptions& options_;
  LoadedModel& loaded_;
  Status status_;
  int64_t done_ = 0;
  int64_t kept_ = 0;
  int64_t left_as_stored_ = 0;
  std::map<Format, int64_t> repacked_;  // foreign matrices by what became of them
};

}  // namespace

Result<LoadedModel> load_model(const Checkpoint& checkpoint, Backend& backend,
                               const LoadOptions& options) {
  LoadedModel loaded;
  loaded.kind = checkpoint.kind();
  TRY_ASSIGN(loaded.model, make_model(checkpoint, loaded.notices, options.hints));
  auto tensors = StoredTensors::of(checkpoint);
  if (!tensors) return std::move(tensors).status().at(checkpoint.path());
  if (const Json* config = checkpoint.config(); config && json_find(*config, "auto_map")) {
    loaded.notices.push_back(
        "config.json names code of its own (`auto_map`): code in a checkpoint is never run");
  }
  WeightLoader loader(checkpoint, *tensors, backend, options, loaded);
  loaded.model->visit_tensors(
      [&](const TensorSpec& spec, Weight& slot) { loader.load(spec, slot); });
  TRY(loader.finish());
  TRY(loaded.model->finish_load(backend).at(checkpoint.path()));
  return loaded;
}

}  // namespace hearth
