// See probe.h.
#include "hearth/host/probe.h"

#include <cstring>
#include <random>

#include "hearth/formats/codec.h"

namespace hearth::probe {
namespace {

constexpr int64_t kRandomRows = 64;  // the rest repeat them: encoding is slow

}  // namespace

Weight random_weight(Format format, int64_t rows, int64_t columns) {
  const int64_t row_bytes = Tensor::packed_row_bytes(format, columns);
  auto buffer = std::make_shared<Buffer>(row_bytes * rows);
  Weight weight;
  weight.tensor = Tensor::packed(format, {rows, columns}, buffer->data());
  weight.owner = std::move(buffer);
  std::mt19937 random(1);
  std::vector<float> row(static_cast<size_t>(columns));
  for (int64_t r = 0; r < std::min(kRandomRows, rows); ++r) {
    for (float& v : row) v = static_cast<float>(random() % 2001) / 1000 - 1;
    encode_row(row.data(), weight.tensor, r);
  }
  for (int64_t r = kRandomRows; r < rows; ++r) {
    std::memcpy(weight.tensor.data + r * row_bytes,
                weight.tensor.data + r % kRandomRows * row_bytes, static_cast<size_t>(row_bytes));
  }
  return weight;
}

Result<Linear> random_linear(Backend& backend, Format format, int64_t rows, int64_t columns) {
  Linear linear;
  TRY_ASSIGN(linear.weight,
             backend.prepare(random_weight(format, rows, columns), WeightUse::multiply));
  return linear;
}

Tensor activations(Backend& backend, int64_t rows, int64_t columns) {
  const Tensor x = backend.scratch({rows, columns});
  std::fill(x.f32().begin(), x.f32().end(), 0.5f);
  return x;
}

Result<double> measure_expert(Backend& backend, const MachineSpeed& speed) {
  constexpr int64_t kExperts = 16, kChosen = 8, kDim = 256, kInter = 256;
  Expert one;
  TRY_ASSIGN(one.gate_proj, random_linear(backend, speed.format, kInter, kDim));
  TRY_ASSIGN(one.up_proj, random_linear(backend, speed.format, kInter, kDim));
  TRY_ASSIGN(one.down_proj, random_linear(backend, speed.format, kDim, kInter));
  const std::vector<Expert> experts(kExperts, one);
  const int32_t ids[kChosen] = {0, 2, 4, 6, 8, 10, 12, 14};
  const float shares[kChosen] = {};
  const Norm none;
  const double call = median_of(100, [&] {
    backend.begin_step();
    const Tensor x = activations(backend, 1, kDim);
    const double begin = seconds_now();
    backend.moe_ffn({x, &none, experts, kChosen, ids, shares});
    return seconds_now() - begin;
  });
  // The same matrices, as hot as here, each alone.
  const double alone = median_of(100, [&] {
    backend.begin_step();
    const Tensor x = activations(backend, 1, kDim);
    const LinearOut to{&one.gate_proj, backend.scratch({1, kInter})};
    const double begin = seconds_now();
    backend.norm_linear(x, none, {&to, 1});
    return seconds_now() - begin;
  });
  const double matrices = 3 * std::max(0.0, alone - speed.verb_seconds);
  return std::max(0.0, (call - speed.verb_seconds) / kChosen - matrices);
}

}  // namespace hearth::probe
