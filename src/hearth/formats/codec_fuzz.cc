// Any bytes are a row of any format: they decode, and convert to every format or are refused with a
// line. A row that was converted holds no NaN and converts to itself again. The integer view of a
// row stays in its range.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "hearth/formats/codec.h"

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
