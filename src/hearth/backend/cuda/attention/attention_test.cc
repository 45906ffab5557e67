// Attention at the sizes of real models, which the conformance cases leave out, against the
// reference: heads of 128 and 256 dimensions in groups, and DeepSeek's latents of 512 + 64.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "hearth/backend/conformance_attention.h"
#include "hearth/backend/cuda/host_bridge.h"
#include "hearth/backend/reference/reference_backend.h"

namespace hearth::conformance {
namespace {

using testing_backend::make_norm;
using testing_backend::make_weight;

constexpr Part kParts[] = {{0, 70, Role::prompt},
                           {515, 1, Role::generated},
                           {60, 9, Role::prompt},
                           {62, 2, Role::generated},
                           {0, 1, Role::generated}};

struct Outcome {
  std::vector<float> out;
  std::vector<std::vector<float>> cached;
};

void note(const Setting& s, const Matrix& out, Outcome& outcome) {
  outcome.out.assign(out.tensor.f32().begin(), out.tensor.f32().end());
  for (const SequenceRows& rows : s.batch.sequences) {
    for (int64_t p = rows.start; p < rows.end(); ++p) outcome.cached.push_back(s.cached(rows, p));
  }
}

// Tensor cores cut where the emulator rounds: 2.4e-6 was seen on an H100.
void expect_close(const Outcome& found, const Outcome& expected) {
  ASSERT_EQ(found.out.size(), expected.out.size());
  double top = 0;
  for (const float v : expected.out) top = std::max(top, std::abs(static_cast<double>(v)));
  for (size_t i = 0; i < found.out.size(); ++i) {
    ASSERT_NEAR(found.out[i], expected.out[i], 4e-6 * top) << "at " << i;
  }
  EXPECT_EQ(found.cached, expected.cached);
}

struct GqaSizes {
  int64_t heads, kv_heads, head_dim;
  RopePairs pairs = RopePairs::halves;
};

Outcome gqa(Backend& backend, Format format, const GqaSizes& sizes,
            std::span<const Part> parts = kParts, std::optional<size_t> only = std::nullopt) {
  const auto [heads, kv_heads, head_dim, pairs] = sizes;
  Setting s(parts, only, 2 * kv_heads * head_dim, format, kv_heads);
  const int64_t rows = total_rows(parts);
  const Rope rope = Rope::plain(head_dim, 10000, pairs);
  const Matrix q = s.pick(Matrix(rows, heads * head_dim, 1));
  const Matrix k = s.pick(Matrix(rows, kv_heads * head_dim, 2));
  const Matrix v = s.pick(Matrix(rows, kv_heads * head_dim, 3));
  const Matrix out(s.batch.rows(), heads * head_dim);
  AttendGqa a;
  a.q = q.tensor;
  a.k = k.tensor;
  a.v = v.tensor;
  a.out = out.tensor;
  a.layer = kLayer;
  a.heads = heads;
  a.kv_heads = kv_heads;
  a.head_dim = head_dim;
  a.scale = 1 / std::sqrt(static_cast<double>(head_dim));
  a.rope = &rope;
  backend.begin_step();
  backend.attend_gqa(a, s.batch, s.cache);
  Outcome outcome;
  note(s, out, outcome);
  return outcome;
}

struct MlaSizes {
  int64_t heads, nope, rope, value_dims, rank;
};

Outcome mla(Backend& backend, Format format, Format weights, const MlaSizes& m) {
  Setting s(kParts, std::nullopt, m.rank + m.rope, format);
  const int64_t rows = s.batch.rows();
  const Rope rope = Rope::plain(m.rope, 10000, RopePairs::interleaved);
  const Norm norm = make_norm(m.rank, 5);
  const Weight kv_b = make_weight(weights, {m.heads * (m.nope + m.value_dims), m.rank}, 6);
  const Matrix q(rows, m.heads * (m.nope + m.rope), 1), kv(rows, m.rank + m.rope, 2),
      out(rows, m.heads * m.value_dims);
  AttendMla a;
  a.q = q.tensor;
  a.kv = kv.tensor;
  a.out = out.tensor;
  a.layer = kLayer;
  a.heads = m.heads;
  a.qk_nope_head_dim = m.nope;
  a.qk_rope_head_dim = m.rope;
  a.v_head_dim = m.value_dims;
  a.kv_lora_rank = m.rank;
  a.kv_a_norm = &norm;
  a.k_b = {&kv_b, m.nope + m.value_dims, 0};
  a.v_b = {&kv_b, m.nope + m.value_dims, m.nope};
  a.scale = 1 / std::sqrt(static_cast<double>(m.nope + m.rope));
  a.rope = &rope;
  auto maps = backend.prepare_latents(a);
  CHECK(maps.has_value());
  a.maps = maps->get();
  backend.begin_step();
  backend.attend_mla(a, s.batch, s.cache);
  Outcome outcome;
  note(s, out, outcome);
  return outcome;
}

class CudaAttention : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = CudaBackend::open();
    if (!opened) GTEST_SKIP() << opened.status().message();
    bridge_ = std::make_unique<cuda::HostBridge>(*std::move(opened));
  }
  std::unique_ptr<cuda::HostBridge> bridge_;
  ReferenceBackend reference_;
};

TEST_F(CudaAttention, GroupedQueriesOfRealSizes) {
  constexpr GqaSizes kShapes[] = {{8, 1, 128}, {10, 2, 128}, {12, 1, 64}, {2, 2, 128}, {2, 1, 256}};
  for (const Format format : {Format::f16, Format::bf16, Format::q8_0}) {
    for (const GqaSizes& s : kShapes) {
      SCOPED_TRACE(
          fmt::format("{} {} {} {}", format_info(format).name, s.heads, s.kv_heads, s.head_dim));
      expect_close(gqa(*bridge_, format, s), gqa(reference_, format, s));
    }
  }
}

// A step of generated rows is one kernel's work, a mixed one that of several.
TEST_F(CudaAttention, AGeneratedRowHasTheBitsThatItHasBesidePrompts) {
  static constexpr Part kRows[] = {{0, 1, Role::generated},    {255, 1, Role::generated},
                                   {256, 1, Role::generated},  {1100, 1, Role::generated},
                                   {4095, 1, Role::generated}, {4096, 1, Role::generated},
                                   {0, 3, Role::prompt}};
  constexpr std::span<const Part> kGenerated = std::span(kRows).first<5>();
  constexpr GqaSizes kShapes[] = {{10, 1, 64, RopePairs::interleaved}, {3, 1, 128}};
  for (const Format format : {Format::f16, Format::bf16}) {
    for (const GqaSizes& s : kShapes) {
      SCOPED_TRACE(fmt::format("{} {} {}", format_info(format).name, s.heads, s.head_dim));
      const Outcome mixed = gqa(*bridge_, format, s, kRows);
      expect_close(gqa(*bridge_, format, s, kGenerated), gqa(reference_, format, s, kGenerated));
      const auto width = static_cast<std::ptrdiff_t>(s.heads * s.head_dim);
      for (size_t i = 0; i + 1 < std::size(kRows); ++i) {
        const Outcome alone = gqa(*bridge_, format, s, kRows, i);
        const auto* row = mixed.out.data() + static_cast<std::ptrdiff_t>(i) * width;
        EXPECT_EQ(alone.out, std::vector<float>(row, row + width)) << "row " << i;
        EXPECT_EQ(alone.cached[0], mixed.cached[i]) << "row " << i;
      }
    }
  }
}

TEST_F(CudaAttention, LatentsOfRealSizes) {
  constexpr MlaSizes kShapes[] = {
      {3, 128, 64, 128, 512}, {9, 32, 16, 48, 160}, {1, 6, 2, 3, 700}, {40, 8, 2, 4, 24}};
  for (const MlaSizes& s : kShapes) {
    for (const Format weights : {Format::f32, Format::bf16}) {
      SCOPED_TRACE(fmt::format("{} {} {}", s.heads, s.rank, format_info(weights).name));
      expect_close(mla(*bridge_, Format::f16, weights, s),
                   mla(reference_, Format::f16, weights, s));
    }
  }
}

}  // namespace
}  // namespace hearth::conformance
