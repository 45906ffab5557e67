// A gate and an up projection of different formats, as mixed files have them.
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

}  // namespace
}  // namespace hearth
