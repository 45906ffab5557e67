// Rows of both roles in one step: each has the bits that it has alone in its role, in every verb
// that multiplies.
#include <gtest/gtest.h>

#include <cstring>
#include <deque>

#include "hearth/backend/cuda/cuda_backend.h"
#include "hearth/backend/testing.h"

namespace hearth::cuda {
namespace {

using testing_backend::make_norm;
using testing_backend::make_weight;
using testing_backend::normal;

constexpr int64_t kRows = 9, kOut = 70, kExperts = 3, kPerToken = 2;
constexpr Role kRoles[kRows] = {Role::prompt, Role::prompt,    Role::prompt,
                                Role::prompt, Role::generated, Role::prompt,
                                Role::prompt, Role::generated, Role::generated};

class RolesTest : public testing::TestWithParam<Format> {
 protected:
  void SetUp() override {
    auto opened = CudaBackend::open();
    if (!opened) GTEST_SKIP() << opened.status().message();
    backend_ = *std::move(opened);
    const int64_t block = format_info(GetParam()).block_elements;
    columns_ = block == 1 ? 68 : block;
    x_ = normal(kRows * columns_, 1);
    norm_ = {prepared(make_norm(columns_, 2).weight), 1e-6};
    const auto matrix = [&](int64_t out, int64_t in, uint32_t seed) {
      return Linear{prepared(make_weight(GetParam(), {out, in}, seed)), {}};
    };
    first_ = matrix(kOut, columns_, 3);
    second_ = matrix(kOut, columns_, 4);
    for (uint32_t e = 0; e < kExperts; ++e) {
      experts_.push_back({matrix(columns_, columns_, 10 + e), matrix(columns_, columns_, 20 + e),
                          matrix(columns_, columns_, 30 + e)});
    }
  }
  Weight prepared(Weight weight) {
    return *backend_->prepare(std::move(weight), WeightUse::multiply);
  }

  // What row r is in a step that has the rows [begin, end).
  std::vector<std::vector<float>> results(int64_t begin, int64_t end) {
    Batch batch;
    for (int64_t r = begin; r < end; ++r) {
      batch.tokens.push_back(0);
      batch.sequences.push_back({r - begin, 1, 0, kRoles[r], {0}});
    }
    caches_.emplace_back(KvSpec{1, 32}, 1);  // another each time: no step is recorded
    backend_->begin_forward(batch, caches_.back());
    const int64_t rows = end - begin;
    const auto at = [&](const std::vector<float>& values) {
      const int64_t width = static_cast<int64_t>(values.size()) / kRows;
      const Tensor t = backend_->scratch({rows, width});
      backend_->stream().copy_in(t.data, values.data() + begin * width, t.bytes());
      return t;
    };
    const Tensor x = at(x_), plain = backend_->scratch({rows, kOut}), both = at(sums_),
                 swiglu = backend_->scratch({rows, kOut}), mixed = at(x_);
    const LinearOut out{&first_, plain};
    backend_->norm_linear(x, norm_, {&out, 1});
    backend_->linear_add(x, first_, both);
    backend_->norm_linear_swiglu(x, norm_, first_, second_, swiglu);
    backend_->moe_ffn(moe(mixed, begin));
    std::vector<std::vector<float>> found(static_cast<size_t>(rows));
    for (const Tensor& t : {plain, both, swiglu, mixed}) {
      std::vector<float> values(static_cast<size_t>(t.shape.elements()));
      backend_->stream().copy_out(values.data(), t.data, t.bytes());
      backend_->stream().synchronize();
      for (int64_t r = 0; r < rows; ++r) {
        found[static_cast<size_t>(r)].insert(found[static_cast<size_t>(r)].end(),
                                             values.begin() + r * t.columns(),
                                             values.begin() + (r + 1) * t.columns());
      }
    }
    backend_->begin_step();
    return found;
  }
  MoeFfn moe(const Tensor& x, int64_t begin) {
    std::vector<int32_t> ids;
    for (int64_t r = 0; r < kRows; ++r) {
      ids.push_back(static_cast<int32_t>(r % kExperts));
      ids.push_back(static_cast<int32_t>((r + 1) % kExperts));
    }
    const auto device = [&](const auto& values) {
      std::byte* to = backend_->scratch_bytes(x.rows() * kPerToken * 4);
      backend_->stream().copy_in(to, values.data() + begin * kPerToken, x.rows() * kPerToken * 4);
      backend_->stream().synchronize();
      return to;
    };
    MoeFfn m;
    m.x = x;
    m.norm = &norm_;
    m.experts = experts_;
    m.num_experts_per_tok = kPerToken;
    m.ids = reinterpret_cast<const int32_t*>(device(ids));
    m.weights = reinterpret_cast<const float*>(device(normal(kRows * kPerToken, 5)));
    return m;
  }

  std::unique_ptr<CudaBackend> backend_;
  std::deque<KvCache> caches_;
  int64_t columns_ = 0;
  std::vector<float> x_, sums_ = normal(kRows * kOut, 6);
  Norm norm_;
  Linear first_, second_;
  std::vector<Expert> experts_;
};

TEST_P(RolesTest, ARowOfAMixedStepHasTheBitsThatItHasAlone) {
  const auto together = results(0, kRows);
  for (const int64_t r : {0, 4, 6}) {
    const auto alone = results(r, r + 1)[0];
    const auto& found = together[static_cast<size_t>(r)];
    ASSERT_EQ(alone.size(), found.size());
    EXPECT_EQ(std::memcmp(alone.data(), found.data(), alone.size() * 4), 0) << "row " << r;
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, RolesTest,
                         testing::Values(Format::bf16, Format::f8_e4m3, Format::q8_0),
                         [](const auto& info) {
                           return std::string(format_info(info.param).name);
                         });

}  // namespace
}  // namespace hearth::cuda
