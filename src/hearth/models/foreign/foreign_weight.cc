// See foreign_weight.h.
#include "hearth/models/foreign/foreign_weight.h"

#include <algorithm>

#include "hearth/base/mapped_file.h"
#include "hearth/formats/codec.h"

namespace hearth {
namespace {

// Rows at a time: a cache line of tensors that lie transposed holds sixteen.
constexpr int64_t kRows = 64;

Status encode(const ForeignWeight& weight, int64_t begin, const Tensor& out) {
  const int64_t columns = weight.shape().columns();
  Buffer decoded(out.rows() * columns * 4);
  const Tensor values = Tensor::packed(Format::f32, {out.rows(), columns}, decoded.data());
  weight.decode({begin, out.rows(), 0, columns}, values.f32().data());
  return convert(values, out);
}

}  // namespace

Status ForeignWeight::repack(int64_t begin, const Tensor& out) const {
  return encode(*this, begin, out);
}

void ForeignWeight::forget() const {
  forget_pages(bulk_.data(), static_cast<int64_t>(bulk_.size()));
}

Format home_for(Format wanted, int64_t columns) {
  return columns % format_info(wanted).block_elements == 0 ? wanted : Format::f16;
}

Status write_rows(const ForeignWeight& weight, const Tensor& out) {
  for (int64_t begin = 0; begin < out.rows(); begin += kRows) {
    const Tensor some = out.row_slice(begin, std::min(kRows, out.rows() - begin));
    const Status written =
        out.format == weight.home() ? weight.repack(begin, some) : encode(weight, begin, some);
    if (!written.is_ok()) return Status(written).at(fmt::format("rows from {}", begin));
  }
  return Status::ok();
}

}  // namespace hearth
