// The tiles of the prompt kernel against sums in double over the same rounded operands.
#include "hearth/backend/cuda/linear/tiles.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "hearth/backend/cuda/linear/device_matrix.h"
#include "hearth/backend/testing.h"
#include "hearth/formats/codec.h"

namespace hearth::cuda {
namespace {

using testing_backend::make_weight;
using testing_backend::normal;

float rounded(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  return std::bit_cast<float>((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u);
}

class TilesTest : public testing::TestWithParam<Format> {
 protected:
  void SetUp() override {
    auto opened = Stream::open(true);
    if (!opened) GTEST_SKIP() << opened.status().message();
    stream_ = *std::move(opened);
    staging_ = *stream_->allocate_pinned(kStagingBytes);
  }

  template <typename T>
  T* device(const std::vector<T>& values) {
    auto memory = *stream_->allocate(static_cast<int64_t>(values.size() * sizeof(T)));
    stream_->copy_in(memory.get(), values.data(), static_cast<int64_t>(values.size() * sizeof(T)));
    stream_->synchronize();
    kept_.push_back(memory);
    return reinterpret_cast<T*>(memory.get());
  }
  template <typename T>
  std::vector<T> host(const T* values, size_t count) {
    std::vector<T> out(count);
    stream_->copy_out(out.data(), values, static_cast<int64_t>(count * sizeof(T)));
    stream_->synchronize();
    return out;
  }
  MatrixView matrix(const Weight& weight) {
    auto made = *DeviceMatrix::upload(*stream_, staging_.get(), weight.tensor, true);
    matrices_.push_back(made);
    return made->view;
  }
  const uint16_t* halves(const std::vector<float>& x, int64_t rows, int32_t columns) {
    auto* out = device(std::vector<uint16_t>(static_cast<size_t>(rows * rounded_columns(columns))));
    round_rows(*stream_, device(x), out, rows, columns);
    return out;
  }

  std::unique_ptr<Stream> stream_;
  std::shared_ptr<std::byte> staging_;
  std::vector<std::shared_ptr<std::byte>> kept_;
  std::vector<std::shared_ptr<DeviceMatrix>> matrices_;
};

// Row o of W with row t of x, both rounded, and how far floats may be from it.
struct Expected {
  double value = 0, bound = 0;
};
Expected product(const Tensor& w, int64_t o, const float* x) {
  std::vector<float> row(static_cast<size_t>(w.columns()));
  decode_row(w, o, 0, w.columns(), row.data());
  Expected e;
  double size = 0;
  for (size_t i = 0; i < row.size(); ++i) {
    const double p = static_cast<double>(rounded(row[i])) * rounded(x[i]);
    e.value += p;
    size += std::abs(p);
  }
  // A weight may round to a neighbour where the last bits of scale * q differ.
  e.bound = size * (static_cast<double>(row.size()) * 0x1p-24 + 0x1p-9);
  return e;
}

// silu(w[0] x) * (w[1] x) of row o.
Expected swiglu(const Weight* w, int64_t o, const float* x) {
  const Expected g = product(w[0].tensor, o, x);
  const Expected u = product(w[1].tensor, o, x);
  const double silu = g.value / (1 + std::exp(-g.value));
  return {silu * u.value,
          1.1 * g.bound * (std::abs(u.value) + u.bound) + std::abs(silu) * u.bound + 1e-6};
}

int64_t columns_of(Format format) {
  const int64_t block = format_info(format).block_elements;
  return block == 1 ? 165 : 2 * block;
}

TEST_P(TilesTest, StoresProductsOfSeveralMatricesWithBias) {
  const int64_t columns = columns_of(GetParam());
  const int32_t rows = 131;
  const Weight a = make_weight(GetParam(), {130, columns}, 1);
  const Weight b = make_weight(GetParam(), {5, columns}, 2);
  const std::vector<float> x = normal(rows * columns, 3), bias = normal(130, 4);
  MatvecJob job;
  job.rows = rows;
  float* out_a = device(std::vector<float>(static_cast<size_t>(rows * 130)));
  float* out_b = device(std::vector<float>(static_cast<size_t>(rows * 5)));
  job.parts[job.count++] = {matrix(a), device(bias), out_a};
  job.parts[job.count++] = {matrix(b), nullptr, out_b};
  tiles(*stream_, job, halves(x, rows, static_cast<int32_t>(columns)));
  const auto found_a = host(out_a, static_cast<size_t>(rows * 130));
  const auto found_b = host(out_b, static_cast<size_t>(rows * 5));
  for (const int64_t t : {0, 7, 8, 63, 64, 127, 128, 130}) {
    for (int64_t o = 0; o < 130; ++o) {
      const Expected e = product(a.tensor, o, x.data() + t * columns);
      ASSERT_NEAR(found_a[static_cast<size_t>(t * 130 + o)], e.value + bias[static_cast<size_t>(o)],
                  e.bound + 1e-6)
          << t << " " << o;
      if (o >= 5) continue;
      const Expected f = product(b.tensor, o, x.data() + t * columns);
      ASSERT_NEAR(found_b[static_cast<size_t>(t * 5 + o)], f.value, f.bound + 1e-6);
    }
  }
}

TEST_P(TilesTest, ARowAloneHasTheSameBits) {
  const int64_t columns = columns_of(GetParam());
  const Weight w = make_weight(GetParam(), {70, columns}, 1);
  const std::vector<float> x = normal(40 * columns, 3);
  const MatrixView view = matrix(w);
  const uint16_t* rows = halves(x, 40, static_cast<int32_t>(columns));
  const auto run = [&](const std::vector<int32_t>& ids, Finish finish) {
    MatvecJob job;
    job.rows = static_cast<int32_t>(ids.size());
    job.row_ids = device(ids);
    job.finish = finish;
    float* out = device(std::vector<float>(40 * 70, 1.0f));
    job.parts[job.count++] = {view, nullptr, out};
    if (finish == Finish::swiglu) job.parts[job.count++] = {view, nullptr, nullptr};
    tiles(*stream_, job, rows);
    return host(out, 40 * 70);
  };
  for (const Finish finish : {Finish::store, Finish::add, Finish::swiglu}) {
    const auto all = run({3, 9, 11, 12, 20, 33, 34, 35, 36, 38, 39}, finish);
    const auto alone = run({38}, finish);
    EXPECT_EQ(std::memcmp(&all[38 * 70], &alone[38 * 70], 70 * 4), 0);
    EXPECT_EQ(all[37 * 70], 1.0f);  // not asked for
    EXPECT_EQ(alone[9 * 70], 1.0f);
  }
}

TEST_P(TilesTest, SwigluMultipliesGateAndUp) {
  const int64_t columns = columns_of(GetParam());
  const Weight both[] = {make_weight(GetParam(), {70, columns}, 1),
                         make_weight(GetParam(), {70, columns}, 2)};
  const std::vector<float> x = normal(3 * columns, 3);
  MatvecJob job;
  job.rows = 3;
  job.finish = Finish::swiglu;
  float* out = device(std::vector<float>(3 * 70));
  job.parts[job.count++] = {matrix(both[0]), nullptr, out};
  job.parts[job.count++] = {matrix(both[1]), nullptr, nullptr};
  tiles(*stream_, job, halves(x, 3, static_cast<int32_t>(columns)));
  const auto found = host(out, 3 * 70);
  for (int64_t t = 0; t < 3; ++t) {
    for (int64_t o = 0; o < 70; ++o) {
      const Expected e = swiglu(both, o, x.data() + t * columns);
      ASSERT_NEAR(found[static_cast<size_t>(t * 70 + o)], e.value, e.bound) << t << " " << o;
    }
  }
}

TEST_P(TilesTest, ExpertsOfChosenTokensAgreeWithPairByPair) {
  constexpr int kExperts = 3, kPerToken = 2;
  const int64_t columns = columns_of(GetParam());
  // Expert 0 gets more than a tile of rows where columns are few: the emulator takes its time.
  const int kTokens = columns > 200 ? 30 : 150;
  const int32_t inter = 20;
  std::vector<Weight> weights;
  std::vector<ExpertViews> views;
  for (uint32_t e = 0; e < kExperts; ++e) {
    for (uint32_t i = 0; i < 3; ++i) {
      weights.push_back(make_weight(GetParam(), {inter, columns}, 3 * e + i));
    }
    const Weight* w = &weights[3 * e];
    views.push_back({matrix(w[0]), matrix(w[1]), matrix(w[2])});
  }
  std::vector<int32_t> ids, tokens;
  for (int32_t t = 0; t < kTokens; ++t) {
    if (t % 10 != 3) tokens.push_back(t);
    ids.push_back(t % 7 == 0 ? 2 : 0);  // expert 0 has more than a tile, expert 1 none
    ids.push_back(2 - ids.back());
  }
  ExpertJob job;
  job.experts = device(views);
  job.ids = device(ids);
  job.token_ids = device(tokens);
  job.per_token = kPerToken;
  job.pairs = static_cast<int32_t>(tokens.size()) * kPerToken;
  job.rows = inter;
  job.storage = views[0].gate.storage;
  const int32_t tile_count = expert_tiles_max(job.pairs, kExperts);
  auto* sorted = device(std::vector<int32_t>(static_cast<size_t>(job.pairs)));
  auto* tiles = device(std::vector<ExpertTile>(static_cast<size_t>(tile_count)));
  sort_pairs(*stream_, job, kExperts, sorted, tiles);

  const std::vector<float> x = normal(kTokens * kPerToken * columns, 3);
  const uint16_t* rows = halves(x, kTokens * kPerToken, static_cast<int32_t>(columns));
  job.x.columns = static_cast<int32_t>(columns);
  job.x.floats = device(x);
  const auto count = static_cast<size_t>(kTokens * kPerToken * inter);
  for (const bool down : {false, true}) {
    job.which = down ? ExpertMatrices::down : ExpertMatrices::gate_up;
    job.per_row = down ? 1 : kPerToken;
    job.out = device(std::vector<float>(count, 1e9f));
    expert_tiles(*stream_, job, rows, sorted, tiles, tile_count);
    const auto found = host(job.out, count);
    for (int64_t pair = 0; pair < kTokens * kPerToken; ++pair) {
      const int64_t t = pair / kPerToken;
      const auto* w = &weights[static_cast<size_t>(3 * ids[static_cast<size_t>(pair)])];
      const float* row = x.data() + pair / job.per_row * columns;
      for (int64_t o = 0; o < inter; ++o) {
        const float one = found[static_cast<size_t>(pair * inter + o)];
        if (t % 10 == 3) {  // not asked for
          ASSERT_EQ(one, 1e9f) << pair << " " << o;
          continue;
        }
        const Expected e = down ? product(w[2].tensor, o, row) : swiglu(w, o, row);
        ASSERT_NEAR(one, e.value, e.bound) << pair << " " << o;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, TilesTest,
                         testing::Values(Format::f32, Format::f16, Format::bf16, Format::f8_e4m3,
                                         Format::q8_0, Format::q4_0, Format::q4_k, Format::q6_k,
                                         Format::q2_k),
                         [](const auto& info) {
                           return std::string(format_info(info.param).name);
                         });

}  // namespace
}  // namespace hearth::cuda
