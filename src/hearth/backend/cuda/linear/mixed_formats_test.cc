// Projections of different formats in one layer, as mixed files have them.
#include <gtest/gtest.h>

#include "hearth/backend/cuda/host_bridge.h"
#include "hearth/backend/reference/reference_backend.h"
#include "hearth/backend/testing.h"

namespace hearth {
namespace {

using testing_backend::make_norm;
using testing_backend::make_weight;
using testing_backend::Matrix;
using testing_backend::prepared;

Matrix hidden(Backend& backend) {
  backend.begin_step();
  const Linear gate{prepared(backend, make_weight(Format::bf16, {33, 256}, 1)), {}};
  const Linear up{prepared(backend, make_weight(Format::q4_k, {33, 256}, 2)), {}};
  const Matrix x(3, 256, 3);
  Matrix out(3, 33);
  backend.norm_linear_swiglu(x.tensor, make_norm(256, 4), gate, up, out.tensor);
  return out;
}

TEST(MixedFormats, GateAndUpMayDiffer) {
  auto opened = CudaBackend::open();
  if (!opened) GTEST_SKIP() << opened.status().message();
  cuda::HostBridge bridge(*std::move(opened));
  ReferenceBackend reference(Activation::automatic);
  const Matrix found = hidden(bridge);
  const Matrix expected = hidden(reference);
  for (size_t i = 0; i < found.tensor.f32().size(); ++i) {
    EXPECT_NEAR(found.tensor.f32()[i], expected.tensor.f32()[i], 1e-4) << "at " << i;
  }
}

Matrix mixed_experts(Backend& backend) {
  backend.begin_step();
  constexpr Format kFormats[][3] = {{Format::bf16, Format::bf16, Format::q4_k},
                                    {Format::q8_0, Format::q4_k, Format::f32},
                                    {Format::q6_k, Format::q6_k, Format::q8_0}};
  std::vector<Expert> experts;
  uint32_t seed = 1;
  for (const auto& formats : kFormats) {
    const auto matrix = [&](Format format) {
      return Linear{prepared(backend, make_weight(format, {256, 256}, seed++)), {}};
    };
    experts.push_back({matrix(formats[0]), matrix(formats[1]), matrix(formats[2])});
  }
  const Norm norm = make_norm(256, 4);
  const int32_t ids[] = {0, 1, 1, 2, 2, 0};
  const float weights[] = {0.5f, 0.25f, 1, 2, 0.75f, 0.125f};
  Matrix x(3, 256, 5);
  MoeFfn moe;
  moe.x = x.tensor;
  moe.norm = &norm;
  moe.experts = experts;
  moe.num_experts_per_tok = 2;
  moe.ids = ids;
  moe.weights = weights;
  backend.moe_ffn(moe);
  return x;
}

TEST(MixedFormats, ExpertsMayDiffer) {
  auto opened = CudaBackend::open();
  if (!opened) GTEST_SKIP() << opened.status().message();
  cuda::HostBridge bridge(*std::move(opened));
  ReferenceBackend reference(Activation::automatic);
  const Matrix found = mixed_experts(bridge);
  const Matrix expected = mixed_experts(reference);
  for (size_t i = 0; i < found.tensor.f32().size(); ++i) {
    EXPECT_NEAR(found.tensor.f32()[i], expected.tensor.f32()[i], 1e-4) << "at " << i;
  }
}

}  // namespace
}  // namespace hearth
