// See random_model.h.
#include "hearth/models/tiny/random_model.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <tuple>

#include "hearth/base/checked_math.h"
#include "hearth/base/thread_pool.h"
#include "hearth/formats/codec.h"
#include "hearth/models/load_format.h"
#include "hearth/models/tiny/random_tensor.h"

namespace hearth {
namespace {

constexpr int64_t kBankRows = 64;
// Rows of the bank that a matrix starts after its predecessor: coprime to kBankRows, so that
// neighbours differ.
constexpr int64_t kBankStep = 13;

struct Bank {
  std::shared_ptr<Buffer> buffer;
  Tensor rows;  // [kBankRows, columns]
};

class RandomWeights {
 public:
  RandomWeights(const RandomModelOptions& options, bool tied)
      : options_(options), tied_(tied), pool_(std::max(1, options.threads)) {}

  Weight make(const TensorSpec& spec) {
    const bool fp8 = options_.format == Format::f8_e4m3;
    if (fp8 && is_fp8_linear(spec)) return tiles(spec);
    const Format wanted = fp8 ? Format::bf16 : options_.format;
    const Format format = held_format(spec.kind, Format::bf16, spec.shape.columns(), wanted).format;
    Weight weight = own(format, spec.shape);
    // Few and decisive: equal rows of a router would tie its experts.
    if (spec.kind == TensorKind::vector || spec.kind == TensorKind::router) {
      fill(RandomTensor(options_.seed, spec, tied_), weight.tensor);
    } else {
      copy_from(bank(format, spec), weight.tensor);
    }
    return weight;
  }

 private:
  static Weight own(Format format, const Shape& shape) {
    const int64_t bytes = Tensor::packed_row_bytes(format, shape.columns()) * shape.rows();
    auto buffer = std::make_shared<Buffer>(bytes);
    return {Tensor::packed(format, shape, buffer->data()), buffer, nullptr};
  }

  void fill(const RandomTensor& random, const Tensor& out) {
    pool_.parallel_for(out.rows(), [&](int64_t r) {
      thread_local std::vector<float> values;
      values.resize(static_cast<size_t>(out.columns()));
      random.fill_row(r, values.data());
      encode_row(values.data(), out, r);
    });
  }

  const Bank& bank(Format format, const TensorSpec& spec) {
    const int64_t columns = spec.shape.columns();
    Bank& bank = banks_[{format, spec.kind, columns}];
    if (bank.buffer) return bank;
    TensorSpec rows = spec;
    rows.shape = {kBankRows, columns};
    const Weight made = own(format, rows.shape);
    bank = {std::static_pointer_cast<Buffer>(made.owner), made.tensor};
    fill(RandomTensor(options_.seed, rows, tied_), bank.rows);
    return bank;
  }

  void copy_from(const Bank& bank, const Tensor& out) {
    const int64_t first = next_ = (next_ + kBankStep) % kBankRows;
    pool_.parallel_for(ceil_div(out.rows(), kBankRows), [&](int64_t chunk) {
      const int64_t end = std::min(out.rows(), (chunk + 1) * kBankRows);
      for (int64_t r = chunk * kBankRows; r < end; ++r) {
        std::memcpy(out.row(r), bank.rows.row((first + r) % kBankRows),
                    static_cast<size_t>(out.row_bytes));
      }
    });
  }

  // Values of unit variance in the bytes, their spread in the scales.
  Weight tiles(const TensorSpec& spec) {
    TensorSpec unit = spec;
    unit.name.clear();
    unit.kind = TensorKind::embedding;
    const int64_t scale_rows = ceil_div(spec.shape.rows(), kScaleTile);
    const int64_t scale_columns = ceil_div(spec.shape.columns(), kScaleTile);
    const int64_t bytes = round_up(spec.shape.elements(), Arena::kUnit);
    auto buffer = std::make_shared<Buffer>(bytes + scale_rows * scale_columns * 4);
    Weight weight{Tensor::packed(Format::f8_e4m3, spec.shape, buffer->data()), buffer, nullptr};
    auto* scales = reinterpret_cast<float*>(buffer->data() + bytes);
    std::fill_n(scales, scale_rows * scale_columns,
                1 / std::sqrt(static_cast<float>(spec.shape.columns())));
    copy_from(bank(Format::f8_e4m3, unit), weight.tensor);
    weight.tensor.scales = scales;
    weight.tensor.scale_columns = scale_columns;
    return weight;
  }

  const RandomModelOptions& options_;
  const bool tied_;
  ThreadPool pool_;
  std::map<std::tuple<Format, TensorKind, int64_t>, Bank> banks_;
  int64_t next_ = 0;
};

}  // namespace

Result<LoadedModel> make_random_model(const Json& config, Backend& backend,
                                      const RandomModelOptions& options) {
  LoadedModel loaded;
  TRY_ASSIGN(loaded.model, make_model(config));
  TRY_ASSIGN(const bool tied, json_bool_or(config, "tie_word_embeddings", false));
  int64_t total = 0;
  loaded.model->visit_tensors([&](const TensorSpec&, Weight&) { ++total; });
  RandomWeights weights(options, tied);
  int64_t done = 0;
  Status status;
  loaded.model->visit_tensors([&](const TensorSpec& spec, Weight& slot) {
    if (options.progress) options.progress(++done, total);
    if (spec.name.empty()) return;  // another form of a tensor that is there
    Weight weight = weights.make(spec);
    loaded.parameters += spec.shape.elements();
    loaded.weight_bytes += weight.bytes();
    auto prepared = backend.prepare(std::move(weight), weight_use(spec.kind));
    if (prepared) {
      slot = *std::move(prepared);
    } else if (status.is_ok()) {
      status = std::move(prepared).status();
    }
  });
  TRY(status);
  TRY(loaded.model->finish_load(backend));
  return loaded;
}

}  // namespace hearth
