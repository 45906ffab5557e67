// Any bytes are a row of any format: they decode, and convert to every format or are refused with a
// line. A row that was converted holds no NaN and converts to itself again. The integer view of a
// row stays in its range. The mutator knows of two formats, then whole blocks, and of the numbers
// that break scales.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "hearth/formats/codec.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace hearth {
namespace {

constexpr int64_t kColumns = 256;

std::vector<float> decoded(const Tensor& t) {
  std::vector<float> values(kColumns);
  decode_row(t, 0, 0, kColumns, values.data());
  return values;
}

void check_conversion(const Tensor& in, Format format) {
  Buffer buffer(Tensor::packed_row_bytes(format, kColumns));
  const Tensor out = Tensor::packed(format, {1, kColumns}, buffer.data());
  const Status status = convert(in, out);
  if (!status.is_ok()) {
    CHECK_EQ(status.message().find('\n'), std::string::npos);
    return;
  }
  const std::vector<float> values = decoded(out);
  CHECK(std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); }));
  if (in.format == format && format_info(format).block_elements == 1) {
    CHECK_EQ(std::memcmp(in.data, out.data, static_cast<size_t>(out.row_bytes)), 0);
  }
}

void check_integers(const Tensor& t) {
  const FormatInfo& info = format_info(t.format);
  if (info.group == 0) return;
  const auto groups = static_cast<size_t>(kColumns / info.group);
  std::vector<int8_t> q(kColumns);
  std::vector<float> scale(groups), min(groups);
  decode_row_integers(t, 0, q.data(), scale.data(), info.has_min ? min.data() : nullptr);
  for (const int8_t v : q) CHECK_GE(v, info.has_min ? 0 : -127);
}

// Infinities, NaN, the least and the largest of f32, f16, bf16 and e8m0, in their bytes.
constexpr std::array<uint32_t, 12> kWords = {0x7f800000, 0xff800000, 0x7fc00001, 0x7f7fffff,
                                             0x00000001, 0x80000000, 0x7c00fc00, 0x7e007bff,
                                             0x00018000, 0x7f807f7f, 0xfffefdff, 0x00000000};

class Mutation {
 public:
  Mutation(std::vector<uint8_t>& input, unsigned seed) : input_(input), random_(seed) {
    input_.resize(std::max<size_t>(input_.size(), 2));
  }

  void edit() {
    switch (below(6)) {
      case 0:
      case 1:
        input_[below(2)] = static_cast<uint8_t>(below(kFormats.size()));
        return fill();
      case 2:
        return put_word();
      case 3:
        return copy_block();
      default:
        fill();
        const size_t size = input_.size() - 2;
        input_.resize(2 + LLVMFuzzerMutate(input_.data() + 2, size, size));
    }
  }

 private:
  size_t below(size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random_); }
  const FormatInfo& from() const { return kFormats[input_[0] % kFormats.size()]; }
  // One whole row, which repeats what there is of it.
  void fill() {
    const size_t had = input_.size(), row = static_cast<size_t>(bytes_of_row());
    input_.resize(2 + row);
    for (size_t i = had; i < input_.size(); ++i) input_[i] = had > 2 ? input_[i - (had - 2)] : 0;
  }
  int64_t bytes_of_row() const { return Tensor::packed_row_bytes(from().format, kColumns); }

  // At some place of a block, or at that place of all blocks from it on.
  void put_word() {
    fill();
    const uint32_t word = kWords[below(kWords.size())];
    const size_t block = static_cast<size_t>(from().block_bytes), size = 1 + below(4);
    const size_t at = below(block);
    const bool all = below(2) == 0;
    const size_t begin = 2 + block * below((input_.size() - 2) / block);
    for (size_t k = begin + at; k + size <= input_.size(); k += block) {
      std::memcpy(&input_[k], &word, size);
      if (!all) return;
    }
  }

  void copy_block() {
    fill();
    const size_t block = static_cast<size_t>(from().block_bytes);
    const size_t blocks = (input_.size() - 2) / block;
    std::memmove(&input_[2 + block * below(blocks)], &input_[2 + block * below(blocks)], block);
  }

  std::vector<uint8_t>& input_;
  std::mt19937_64 random_;
};

}  // namespace
}  // namespace hearth

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  if (size < 2) return 0;
  const FormatInfo& from = kFormats[data[0] % kFormats.size()];
  const FormatInfo& to = kFormats[data[1] % kFormats.size()];
  const int64_t row_bytes = Tensor::packed_row_bytes(from.format, kColumns);
  Buffer row(row_bytes);
  const size_t given = std::min(size - 2, static_cast<size_t>(row_bytes));
  std::memcpy(row.data(), data + 2, given);
  const Tensor in = Tensor::packed(from.format, {1, kColumns}, row.data());
  check_integers(in);
  check_conversion(in, to.format);
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  std::vector<uint8_t> input(data, data + size);
  hearth::Mutation mutation(input, seed);
  for (unsigned edits = 1 + seed % 3; edits > 0; --edits) mutation.edit();
  const size_t out = std::min(input.size(), max_size);
  std::memcpy(data, input.data(), out);
  return out;
}
