// A generated row has the same bits however many rows come with it: alone it is normed, rounded and
// multiplied in one kernel, with others in separate ones, of q8_0, q4_0 and q4_k on tensor cores.
#include <gtest/gtest.h>

#include "hearth/backend/cuda/host_bridge.h"
#include "hearth/backend/testing.h"

namespace hearth::cuda {
namespace {

using testing_backend::make_norm;
using testing_backend::make_weight;
using testing_backend::Matrix;
using testing_backend::prepared;

class BatchesTest : public testing::TestWithParam<std::tuple<Format, int64_t>> {
 protected:
  static constexpr int64_t kRows = 45, kOut = 37;

  void SetUp() override {
    auto opened = CudaBackend::open();
    if (!opened) GTEST_SKIP() << opened.status().message();
    bridge_ = std::make_unique<HostBridge>(*std::move(opened));
    columns_ = std::get<1>(GetParam());
    const auto matrix = [&](uint32_t seed) {
      return prepared(*bridge_, make_weight(std::get<0>(GetParam()), {kOut, columns_}, seed));
    };
    first_ = {matrix(1), make_weight(Format::f32, {kOut}, 3)};
    second_ = {matrix(2), {}};
  }

  // Of rows [begin, end): every dense verb's results, one after the other.
  std::vector<std::vector<float>> results(int64_t begin, int64_t end) {
    bridge_->begin_step();
    const int64_t rows = end - begin;
    const Matrix x(Matrix(kRows, columns_, 4), begin, rows);
    const Matrix stored(rows, kOut), also(rows, kOut), swiglu(rows, kOut);
    const Norm norm = make_norm(columns_, 5);
    const LinearOut outs[] = {{&first_, stored.tensor}, {&second_, also.tensor}};
    bridge_->norm_linear(x.tensor, norm, outs);
    const Matrix added(stored, 0, rows);
    bridge_->linear_add(x.tensor, second_, added.tensor);
    bridge_->norm_linear_swiglu(x.tensor, norm, first_, second_, swiglu.tensor);
    std::vector<std::vector<float>> found;
    for (int64_t r = 0; r < rows; ++r) {
      std::vector<float>& all = found.emplace_back();
      for (const Matrix* m : {&stored, &also, &added, &swiglu}) {
        const std::vector<float> row = m->row(r);
        all.insert(all.end(), row.begin(), row.end());
      }
    }
    return found;
  }

  std::unique_ptr<HostBridge> bridge_;
  int64_t columns_ = 0;
  Linear first_, second_;
};

TEST_P(BatchesTest, ARowHasTheBitsThatItHasAlone) {
  const auto together = results(0, kRows);
  for (const int64_t r : {0, 8, 44}) {
    EXPECT_EQ(results(r, r + 1)[0], together[static_cast<size_t>(r)]) << "row " << r;
  }
  for (const int64_t rows : {2, 4, 5, 9, 17, 33}) {
    const auto found = results(0, rows);
    EXPECT_EQ(found.back(), together[static_cast<size_t>(rows - 1)]) << rows << " rows";
  }
}

// Fewer columns than a step has, steps and some more, and rows that are cut in parts.
INSTANTIATE_TEST_SUITE_P(Formats, BatchesTest,
                         testing::Combine(testing::Values(Format::bf16, Format::q8_0, Format::q4_0),
                                          testing::Values(32, 544, 2080)));
INSTANTIATE_TEST_SUITE_P(Superblocks, BatchesTest,
                         testing::Combine(testing::Values(Format::q4_k, Format::q6_k),
                                          testing::Values(256, 2304)));

}  // namespace
}  // namespace hearth::cuda
