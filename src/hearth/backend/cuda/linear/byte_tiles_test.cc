// The tiles of prompts in eight bits against the kernels of generated rows: the same products,
// added in another order.
#include <gtest/gtest.h>

#include <algorithm>

#include "hearth/backend/cuda/linear/device_matrix.h"
#include "hearth/backend/cuda/linear/rows.h"
#include "hearth/backend/cuda/linear/tiles.h"
#include "hearth/backend/testing.h"

namespace hearth::cuda {
namespace {

using testing_backend::make_weight;
using testing_backend::normal;

class ByteTilesTest : public testing::TestWithParam<std::tuple<Format, int32_t>> {
 protected:
  void SetUp() override {
    auto opened = Stream::open(true);
    if (!opened) GTEST_SKIP() << opened.status().message();
    stream_ = *std::move(opened);
    staging_ = *stream_->allocate_pinned(kStagingBytes);
    columns_ = std::get<1>(GetParam());
  }
  template <typename T>
  T* device(const std::vector<T>& values) {
    const auto bytes = static_cast<int64_t>(values.size() * sizeof(T));
    kept_.push_back(*stream_->allocate(bytes));
    stream_->copy_in(kept_.back().get(), values.data(), bytes);
    stream_->synchronize();
    return reinterpret_cast<T*>(kept_.back().get());
  }
  std::vector<float> host(const float* values, size_t count) {
    std::vector<float> out(count);
    stream_->copy_out(out.data(), values, static_cast<int64_t>(count * 4));
    stream_->synchronize();
    return out;
  }
  MatrixView matrix(int64_t out, uint32_t seed) {
    const Weight weight = make_weight(std::get<0>(GetParam()), {out, columns_}, seed);
    matrices_.push_back(*DeviceMatrix::upload(*stream_, staging_.get(), weight.tensor, true));
    return matrices_.back()->view;
  }
  RowsView rows(int32_t count) {
    RowsView x;
    x.columns = columns_;
    const auto values = static_cast<size_t>(count) * static_cast<size_t>(columns_);
    auto* codes = device(std::vector<int8_t>(values));
    auto* blocks = device(std::vector<BlockScale>(values / 32));
    quantize_rows(*stream_, device(normal(static_cast<int64_t>(values), 9)), count, columns_, {},
                  nullptr, codes, blocks);
    x.codes = codes;
    x.blocks = blocks;
    return x;
  }
  static void expect_close(const std::vector<float>& found, const std::vector<float>& expected) {
    float top = 0;
    for (const float v : expected) top = std::max(top, std::abs(v));
    for (size_t i = 0; i < found.size(); ++i) {
      ASSERT_NEAR(found[i], expected[i], 2e-6f * top) << "at " << i;
    }
  }

  std::unique_ptr<Stream> stream_;
  std::shared_ptr<std::byte> staging_;
  std::vector<std::shared_ptr<std::byte>> kept_;
  std::vector<std::shared_ptr<DeviceMatrix>> matrices_;
  int32_t columns_ = 0;
};

TEST_P(ByteTilesTest, DenseJobsAgreeWithTheKernelOfFewRows) {
  constexpr int32_t kRows = 140, kOut = 133;
  const RowsView x = rows(kRows);
  const MatrixView first = matrix(kOut, 1), second = matrix(kOut, 2), third = matrix(5, 3);
  const float* bias = device(normal(kOut, 4));
  std::vector<int32_t> ids;
  for (int32_t i = 0; i < kRows; ++i) {
    if (i % 17 != 3) ids.push_back(i);
  }
  const int32_t* row_ids = device(ids);
  for (const Finish finish : {Finish::store, Finish::add, Finish::swiglu}) {
    const auto run = [&](bool in_tiles) {
      MatvecJob job;
      job.x = x;
      job.finish = finish;
      job.row_ids = row_ids;
      job.rows = static_cast<int32_t>(ids.size());
      float* out = device(std::vector<float>(kRows * kOut, 1.0f));
      float* narrow = device(std::vector<float>(kRows * 5, 1.0f));
      job.parts[job.count++] = {first, bias, out};
      if (finish == Finish::store) job.parts[job.count++] = {third, nullptr, narrow};
      if (finish == Finish::swiglu) job.parts[job.count++] = {second, nullptr, nullptr};
      in_tiles ? byte_tiles(*stream_, job) : matvec(*stream_, job);
      std::vector<float> all = host(out, kRows * kOut);
      const std::vector<float> more = host(narrow, kRows * 5);
      all.insert(all.end(), more.begin(), more.end());
      return all;
    };
    SCOPED_TRACE(static_cast<int>(finish));
    expect_close(run(true), run(false));
  }
}

TEST_P(ByteTilesTest, ExpertsAgreeWithPairByPair) {
  constexpr int32_t kTokens = 150, kPerToken = 2, kExperts = 3, kInter = 20;
  std::vector<ExpertViews> views;
  for (uint32_t e = 0; e < kExperts; ++e) {
    views.push_back({matrix(kInter, 3 * e), matrix(kInter, 3 * e + 1), matrix(kInter, 3 * e + 2)});
  }
  std::vector<int32_t> ids;
  for (int32_t t = 0; t < kTokens; ++t) {
    ids.push_back(t % 7 == 0 ? 2 : 0);  // expert 0 has more than a tile, expert 1 none
    ids.push_back(2 - ids.back());
  }
  ExpertJob job;
  job.experts = device(views);
  job.ids = device(ids);
  job.per_token = kPerToken;
  job.pairs = kTokens * kPerToken;
  job.rows = kInter;
  job.storage = views[0].gate.storage;
  job.x = rows(job.pairs);
  const int32_t tile_count = expert_tiles_max(job.pairs, kExperts);
  auto* sorted = device(std::vector<int32_t>(static_cast<size_t>(job.pairs)));
  auto* tiles = device(std::vector<ExpertTile>(static_cast<size_t>(tile_count)));
  sort_pairs(*stream_, job, kExperts, sorted, tiles);
  for (const bool down : {false, true}) {
    job.which = down ? ExpertMatrices::down : ExpertMatrices::gate_up;
    job.per_row = down ? 1 : kPerToken;
    const auto count = static_cast<size_t>(job.pairs * kInter);
    job.out = device(std::vector<float>(count));
    byte_expert_tiles(*stream_, job, sorted, tiles, tile_count);
    const std::vector<float> found = host(job.out, count);
    expert_matvec(*stream_, job);
    expect_close(found, host(job.out, count));
  }
}

// Columns of less than a step, of steps and some more, and of whole steps.
INSTANTIATE_TEST_SUITE_P(Formats, ByteTilesTest,
                         testing::Combine(testing::Values(Format::q8_0, Format::q4_0),
                                          testing::Values(32, 352, 512)));
INSTANTIATE_TEST_SUITE_P(Superblocks, ByteTilesTest,
                         testing::Combine(testing::Values(Format::q4_k), testing::Values(512)));

}  // namespace
}  // namespace hearth::cuda
