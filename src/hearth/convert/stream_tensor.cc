// See stream_tensor.h.
#include "hearth/convert/stream_tensor.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "hearth/formats/codec.h"
#include "hearth/formats/with_format.h"

namespace hearth {
namespace {

constexpr int64_t kChunkValues = 1 << 20;

struct RowResult {
  TensorError error;
  int64_t bad_column = -1;  // the first that the format can't hold
  float bad_value = 0;
};

class RowEncoder {
 public:
  RowEncoder(const OutputTensor& tensor, const std::optional<Importance>& importance)
      : tensor_(tensor),
        importance_(importance),
        columns_(tensor.source.shape.columns()),
        max_(with_format(tensor.format, []<typename Codec>() { return Codec::kMax; })) {}

  // Row `row` of the tensor into row `to` of `out`.
  RowResult encode(int64_t row, const Tensor& out, int64_t to) const {
    thread_local std::vector<float> values, decoded;
    values.resize(static_cast<size_t>(columns_));
    decoded.resize(values.size());
    const SourceTensor& source = tensor_.source;
    source.read(row, values.data());
    RowResult result;
    if (!check(values, result)) return result;
    if (const std::byte* same = source.verbatim(row, tensor_.format)) {
      std::memcpy(out.row(to), same, static_cast<size_t>(out.row_bytes));
      decoded = values;
    } else {
      const float* weights = importance_ ? importance_->of(group_of(row)) : nullptr;
      encode_row(values.data(), weights, out, to);
      decode_row(out, to, 0, columns_, decoded.data());
    }
    for (size_t i = 0; i < values.size(); ++i) {
      const double value = values[i];
      const double error = decoded[i] - value;
      result.error.squares += value * value;
      result.error.errors += error * error;
    }
    return result;
  }

 private:
  // Expert or head of a row.
  int64_t group_of(int64_t row) const {
    const Shape& shape = tensor_.source.shape;
    return shape.rank() == 3 ? row / shape[1] : 0;
  }

  bool check(const std::vector<float>& values, RowResult& result) const {
    const auto held = [this](float v) { return std::abs(v) <= max_ && std::isfinite(v); };
    const auto bad = std::ranges::find_if_not(values, held);
    if (bad == values.end()) return true;
    result.bad_column = bad - values.begin();
    result.bad_value = *bad;
    return false;
  }

  const OutputTensor& tensor_;
  const std::optional<Importance>& importance_;
  int64_t columns_;
  float max_;
};

}  // namespace

Result<TensorError> stream_tensor(ThreadPool& pool, const OutputTensor& tensor,
                                  const std::optional<Importance>& importance, EncodedSink sink) {
  const int64_t rows = tensor.source.shape.rows();
  const int64_t columns = tensor.source.shape.columns();
  const int64_t step = std::min(rows, std::max<int64_t>(1, kChunkValues / columns));
  const RowEncoder encoder(tensor, importance);
  Buffer encoded(Tensor::packed_row_bytes(tensor.format, columns) * step);
  std::vector<RowResult> results(static_cast<size_t>(step));
  TensorError sum;
  for (int64_t begin = 0; begin < rows; begin += step) {
    const int64_t count = std::min(step, rows - begin);
    const Tensor chunk = Tensor::packed(tensor.format, {count, columns}, encoded.data());
    pool.parallel_for(count, [&](int64_t r) {
      results[static_cast<size_t>(r)] = encoder.encode(begin + r, chunk, r);
    });
    for (int64_t r = 0; r < count; ++r) {
      const RowResult& result = results[static_cast<size_t>(r)];
      if (result.bad_column >= 0) {
        return error(Code::invalid,
                     "`{}`: row {}, column {}: expected a finite value that {} can hold, found {}",
                     tensor.source.name, begin + r, result.bad_column,
                     format_info(tensor.format).name, result.bad_value);
      }
      sum.squares += result.error.squares;
      sum.errors += result.error.errors;
    }
    tensor.source.forget_rows(begin, begin + count);
    TRY(sink({encoded.data(), static_cast<size_t>(chunk.bytes())}));
  }
  return sum;
}

}  // namespace hearth
