// See packed_matrix.h. A block's layout is a list of fields; one loop transposes any of them.
#include "hearth/backend/cpu/pack/packed_matrix.h"

#include <array>
#include <cstring>
#include <span>

#include "hearth/base/checked_math.h"

namespace hearth::cpu {
namespace {

// `bytes` bytes at `from` of a stored block, moved `unit` at a time: unit 0 of the 16 rows,
// unit 1...
struct Field {
  int from;
  int bytes;
  int unit;
  bool fifth_bits = false;  // the 32 bits of Q5_0 and Q5_1, sorted as int8_formats.inc reads them
};

struct Layout {
  Format format;
  PackedFormat packed;
  std::array<Field, 5> fields;  // ends at bytes == 0
};

// The order of the fields is that of int8_formats.inc; their places are those of formats/<id>/.
constexpr Layout kLayouts[] = {
    {Format::q8_0, PackedFormat::q8_0, {{{2, 32, 4}, {0, 2, 2}}}},
    {Format::q4_0, PackedFormat::q4_0, {{{2, 16, 4}, {0, 2, 2}}}},
    {Format::q4_1, PackedFormat::q4_1, {{{4, 16, 4}, {0, 2, 2}, {2, 2, 2}}}},
    {Format::q5_0, PackedFormat::q5_0, {{{6, 16, 4}, {2, 4, 4, true}, {0, 2, 2}}}},
    {Format::q5_1, PackedFormat::q5_1, {{{8, 16, 4}, {4, 4, 4, true}, {0, 2, 2}, {2, 2, 2}}}},
    {Format::q2_k, PackedFormat::q2_k, {{{16, 64, 4}, {0, 16, 1}, {80, 2, 2}, {82, 2, 2}}}},
    {Format::q3_k, PackedFormat::q3_k, {{{32, 64, 4}, {0, 32, 4}, {96, 12, 1}, {108, 2, 2}}}},
    {Format::q4_k, PackedFormat::q4_k, {{{16, 128, 4}, {4, 12, 1}, {0, 2, 2}, {2, 2, 2}}}},
    {Format::q5_k,
     PackedFormat::q5_k,
     {{{48, 128, 4}, {16, 32, 4}, {4, 12, 1}, {0, 2, 2}, {2, 2, 2}}}},
    {Format::q6_k, PackedFormat::q6_k, {{{0, 128, 4}, {128, 64, 4}, {192, 16, 1}, {208, 2, 2}}}},
    {Format::iq4_nl, PackedFormat::iq4_nl, {{{2, 16, 4}, {0, 2, 2}}}},
    {Format::iq4_xs, PackedFormat::iq4_xs, {{{8, 128, 4}, {4, 4, 1}, {2, 2, 1}, {0, 2, 2}}}},
    {Format::mxfp4, PackedFormat::mxfp4, {{{1, 16, 4}, {0, 1, 1}}}},
};

const Layout* layout_of(Format format) {
  for (const Layout& layout : kLayouts) {
    if (layout.format == format) return &layout;
  }
  return nullptr;
}

// Bit e of a row belongs to column e; it goes to bit e / 4 of byte e % 4.
uint32_t sorted_fifth_bits(uint32_t bits) {
  uint32_t out = 0;
  for (uint32_t e = 0; e < 32; ++e) out |= (bits >> e & 1u) << (8 * (e % 4) + e / 4);
  return out;
}

// One field of up to 16 rows that lie `row_bytes` apart; returns the end of what was written.
template <int kUnit>
uint8_t* transpose(const Field& field, const std::byte* block, int64_t row_bytes, int rows,
                   uint8_t* out) {
  for (int u = 0; u < field.bytes; u += kUnit) {
    for (int r = 0; r < rows; ++r) {
      std::memcpy(out + r * kUnit, block + r * row_bytes + field.from + u, kUnit);
    }
    out += kGroupRows * kUnit;
  }
  return out;
}

uint8_t* pack_field(const Field& field, const std::byte* block, int64_t row_bytes, int rows,
                    uint8_t* out) {
  if (field.unit == 1) return transpose<1>(field, block, row_bytes, rows, out);
  if (field.unit == 2) return transpose<2>(field, block, row_bytes, rows, out);
  uint8_t* end = transpose<4>(field, block, row_bytes, rows, out);
  if (field.fifth_bits) {
    for (; out < end; out += 4) {
      uint32_t bits;
      std::memcpy(&bits, out, 4);
      bits = sorted_fifth_bits(bits);
      std::memcpy(out, &bits, 4);
    }
  }
  return end;
}

}  // namespace

std::optional<PackedFormat> packed_format(Format format) {
  const Layout* layout = layout_of(format);
  return layout ? std::optional(layout->packed) : std::nullopt;
}

int64_t packed_group_bytes(Format format, int64_t columns) {
  return kGroupRows * Tensor::packed_row_bytes(format, columns);
}

void pack_group(const Tensor& in, int64_t group, uint8_t* out) {
  const Layout* layout = layout_of(in.format);
  CHECK(layout != nullptr);
  const FormatInfo& info = format_info(in.format);
  const int64_t first = group * kGroupRows;
  const auto rows = static_cast<int>(std::min(kGroupRows, in.rows() - first));
  if (rows < kGroupRows) {
    std::memset(out, 0, static_cast<size_t>(packed_group_bytes(in.format, in.columns())));
  }
  const int64_t blocks = in.columns() / info.block_elements;
  for (int64_t b = 0; b < blocks; ++b) {
    const std::byte* block = in.row(first) + b * info.block_bytes;
    for (const Field& field : layout->fields) {
      if (field.bytes == 0) break;
      out = pack_field(field, block, in.row_bytes, rows, out);
    }
  }
}

std::optional<FloatFormat> float_format(Format format) {
  if (format == Format::f32) return FloatFormat::f32;
  if (format == Format::f16) return FloatFormat::f16;
  if (format == Format::bf16) return FloatFormat::bf16;
  return std::nullopt;
}

void pack_panel(const Tensor& in, int64_t panel, uint8_t* out) {
  const auto bytes = static_cast<size_t>(format_info(in.format).block_bytes);
  const int64_t first = panel * kPanelRows;
  const int64_t rows = std::min(kPanelRows, in.rows() - first);
  if (rows < kPanelRows) {
    std::memset(out, 0, static_cast<size_t>(kPanelRows * in.columns()) * bytes);
  }
  for (int64_t r = 0; r < rows; ++r) {
    const std::byte* row = in.row(first + r);
    uint8_t* to = out + static_cast<size_t>(r) * bytes;
    for (int64_t c = 0; c < in.columns(); ++c) {
      std::memcpy(to, row, bytes);
      row += bytes;
      to += static_cast<size_t>(kPanelRows) * bytes;
    }
  }
}

Result<std::shared_ptr<uint8_t>> PackMemory::take(int64_t bytes) {
  const int64_t size = round_up(bytes, 64);
  std::lock_guard lock(mutex_);
  if (!slab_ || used_ + size > slab_->bytes()) {
    TRY_ASSIGN(HugeMemory memory, HugeMemory::allocate(std::max(size, kSlabBytes)));
    slab_ = std::make_shared<HugeMemory>(std::move(memory));
    used_ = 0;
  }
  auto* data = reinterpret_cast<uint8_t*>(slab_->data() + used_);
  used_ += size;
  return std::shared_ptr<uint8_t>(slab_, data);
}

}  // namespace hearth::cpu
