// See packed_matrix.h. A block's layout is a list of fields; one loop transposes any of them.
#include "hearth/backend/cpu/pack/packed_matrix.h"

#include <array>
#include <cstring>
#include <limits>
#include <span>

#include "hearth/base/checked_math.h"

namespace hearth::cpu {
namespace {

// `bytes` bytes at `from` of a stored block, moved `unit` at a time: unit 0 of the 16 rows,
// unit 1... Units of 8 become two of 4. `sort` rearranges the bits of a unit of 4 or 8 bytes as the
// kernels read them.
struct Field {
  int from;
  int bytes;
  int unit;
  uint64_t (*sort)(uint64_t) = nullptr;
};

// The 32 bits of Q5_0 and Q5_1: bit e of a row belongs to column e; it goes to bit e / 4 of byte
// e % 4.
constexpr uint64_t sorted_fifth_bits(uint64_t bits) {
  uint64_t out = 0;
  for (uint64_t e = 0; e < 32; ++e) out |= (bits >> e & 1u) << (8 * (e % 4) + e / 4);
  return out;
}

// Signs of point k of four points of eight: bit i goes to bit k of byte i, bit 4 + i to bit 4 + k.
constexpr std::array<uint32_t, 256> kSpread = [] {
  const auto spread = [](uint32_t four) { return four * 0x204081u & 0x01010101u; };
  std::array<uint32_t, 256> out{};
  for (uint32_t signs = 0; signs < 256; ++signs) {
    out[signs] = spread(signs & 15) | spread(signs >> 4) << 4;
  }
  return out;
}();
constexpr uint64_t spread_signs(uint64_t signs, int k) {
  return uint64_t{kSpread[signs & 255]} << k;
}
constexpr uint64_t sorted_signs(uint64_t bits) {
  uint64_t out = 0;
  for (int k = 0; k < 4; ++k) out |= spread_signs(bits >> (8 * k), k);
  return out;
}
// Four times seven signs; the four bits above them stay on top, where the eighth signs would lie.
constexpr uint64_t sorted_seven_signs(uint64_t bits) {
  uint64_t out = bits & 0xf0000000u;
  for (int k = 0; k < 4; ++k) out |= spread_signs(bits >> (7 * k) & 127, k);
  return out;
}
// Four indices of eight bits, then a word of signs.
constexpr uint64_t sorted_group(uint64_t bits) {
  return (bits & 0xffffffffu) | sorted_seven_signs(bits >> 32) << 32;
}
// Four points of nine bits of index and seven signs: the indices' low bytes, then a word of signs
// with the ninth bits on top.
constexpr uint64_t sorted_points(uint64_t bits) {
  uint64_t low = 0, signs = 0;
  for (int k = 0; k < 4; ++k) {
    const uint64_t point = bits >> (16 * k);
    low |= (point & 255) << (8 * k);
    signs |= spread_signs(point >> 9 & 127, k) | (point >> 8 & 1) << (28 + k);
  }
  return low | signs << 32;
}

struct Layout {
  Format format;
  PackedFormat packed;
  std::array<Field, 8> fields;  // ends at bytes == 0
};

// The order of the fields is that of int8_formats.inc and grid_formats.inc; their places are those
// of formats/<id>/.
constexpr Layout kLayouts[] = {
    {Format::q8_0, PackedFormat::q8_0, {{{2, 32, 4}, {0, 2, 2}}}},
    {Format::q4_0, PackedFormat::q4_0, {{{0, 2, 2}, {2, 16, 4}}}},
    {Format::q4_1, PackedFormat::q4_1, {{{0, 2, 2}, {2, 2, 2}, {4, 16, 4}}}},
    {Format::q5_0, PackedFormat::q5_0, {{{0, 2, 2}, {2, 4, 4, sorted_fifth_bits}, {6, 16, 4}}}},
    {Format::q5_1,
     PackedFormat::q5_1,
     {{{0, 2, 2}, {2, 2, 2}, {4, 4, 4, sorted_fifth_bits}, {8, 16, 4}}}},
    {Format::q2_k, PackedFormat::q2_k, {{{0, 16, 1}, {80, 2, 2}, {82, 2, 2}, {16, 64, 4}}}},
    {Format::q3_k,
     PackedFormat::q3_k,
     {{{96, 12, 1}, {108, 2, 2}, {32, 32, 4}, {0, 32, 4}, {64, 32, 4}}}},
    {Format::q4_k, PackedFormat::q4_k, {{{4, 12, 1}, {0, 2, 2}, {2, 2, 2}, {16, 128, 4}}}},
    {Format::q5_k,
     PackedFormat::q5_k,
     {{{4, 12, 1}, {0, 2, 2}, {2, 2, 2}, {48, 32, 4}, {16, 32, 4}, {80, 96, 4}}}},
    {Format::q6_k,
     PackedFormat::q6_k,
     {{{208, 2, 2},
       {192, 16, 1},
       {0, 32, 4},
       {128, 32, 4},
       {32, 32, 4},
       {64, 32, 4},
       {160, 32, 4},
       {96, 32, 4}}}},
    {Format::iq4_nl, PackedFormat::iq4_nl, {{{0, 2, 2}, {2, 16, 4}}}},
    {Format::iq4_xs, PackedFormat::iq4_xs, {{{4, 4, 1}, {2, 2, 1}, {0, 2, 2}, {8, 128, 4}}}},
    {Format::mxfp4, PackedFormat::mxfp4, {{{0, 1, 1}, {1, 16, 4}}}},
    {Format::iq2_xxs, PackedFormat::iq2_xxs, {{{2, 64, 8, sorted_group}, {0, 2, 2}}}},
    {Format::iq2_xs, PackedFormat::iq2_xs, {{{2, 64, 8, sorted_points}, {66, 8, 1}, {0, 2, 2}}}},
    {Format::iq2_s,
     PackedFormat::iq2_s,
     {{{2, 32, 4}, {34, 32, 4, sorted_signs}, {66, 8, 4}, {74, 8, 1}, {0, 2, 2}}}},
    {Format::iq3_xxs,
     PackedFormat::iq3_xxs,
     {{{2, 64, 4}, {66, 32, 4, sorted_seven_signs}, {0, 2, 2}}}},
    {Format::iq3_s,
     PackedFormat::iq3_s,
     {{{2, 64, 4}, {74, 32, 4, sorted_signs}, {66, 8, 4}, {106, 4, 1}, {0, 2, 2}}}},
    {Format::iq1_s, PackedFormat::iq1_s, {{{2, 32, 4}, {34, 16, 4}, {0, 2, 2}}}},
    {Format::iq1_m, PackedFormat::iq1_m, {{{0, 32, 4}, {32, 16, 4}, {48, 8, 4}}}},
    {Format::tq1_0, PackedFormat::tq1_0, {{{0, 48, 4}, {48, 4, 4}, {52, 2, 2}}}},
    {Format::tq2_0, PackedFormat::tq2_0, {{{0, 64, 4}, {64, 2, 2}}}},
};

const Layout* layout_of(Format format) {
  for (const Layout& layout : kLayouts) {
    if (layout.format == format) return &layout;
  }
  return nullptr;
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

// The same for a field with a `sort`.
template <int kUnit>
uint8_t* transpose_sorted(const Field& field, const std::byte* block, int64_t row_bytes, int rows,
                          uint8_t* out) {
  for (int u = 0; u < field.bytes; u += kUnit) {
    for (int r = 0; r < rows; ++r) {
      uint64_t bits = 0;
      std::memcpy(&bits, block + r * row_bytes + field.from + u, kUnit);
      bits = field.sort(bits);
      for (int word = 0; word < kUnit / 4; ++word, bits >>= 32) {
        std::memcpy(out + (word * kGroupRows + r) * 4, &bits, 4);
      }
    }
    out += kGroupRows * kUnit;
  }
  return out;
}

uint8_t* pack_field(const Field& field, const std::byte* block, int64_t row_bytes, int rows,
                    uint8_t* out) {
  if (field.unit == 1) return transpose<1>(field, block, row_bytes, rows, out);
  if (field.unit == 2) return transpose<2>(field, block, row_bytes, rows, out);
  if (field.unit == 8) return transpose_sorted<8>(field, block, row_bytes, rows, out);
  if (field.sort != nullptr) return transpose_sorted<4>(field, block, row_bytes, rows, out);
  return transpose<4>(field, block, row_bytes, rows, out);
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

namespace {

// Eight rows of eight bytes become eight columns: halves, quarters, then bytes change places.
void transpose_bytes(uint64_t (&x)[8]) {
  const auto swap = [&x](size_t distance, int bits, uint64_t mask) {
    for (size_t i = 0; i < 8; ++i) {
      if (i & distance) continue;
      const uint64_t change = (x[i] >> bits ^ x[i + distance]) & mask;
      x[i] ^= change << bits;
      x[i + distance] ^= change;
    }
  };
  swap(4, 32, 0x00000000ffffffff);
  swap(2, 16, 0x0000ffff0000ffff);
  swap(1, 8, 0x00ff00ff00ff00ff);
}

// part[32][width] as [width][32]
template <typename T, size_t kWidth>
void transpose_part(const T (&part)[kPanelRows][kWidth], int64_t columns, uint8_t* out) {
  for (int64_t c = 0; c < columns; ++c) {
    T column[kPanelRows];
    for (int64_t r = 0; r < kPanelRows; ++r) column[r] = part[r][c];
    std::memcpy(out + c * static_cast<int64_t>(sizeof(column)), column, sizeof(column));
  }
}
template <size_t kWidth>
void transpose_part(const uint8_t (&part)[kPanelRows][kWidth], int64_t columns, uint8_t* out) {
  for (int64_t c = 0; c < columns; c += 8) {
    for (int64_t r = 0; r < kPanelRows; r += 8) {
      uint64_t x[8];
      for (int64_t i = 0; i < 8; ++i) std::memcpy(&x[i], &part[r + i][c], 8);
      transpose_bytes(x);
      for (int64_t i = 0; i < std::min<int64_t>(8, columns - c); ++i) {
        std::memcpy(out + (c + i) * kPanelRows + r, &x[i], 8);
      }
    }
  }
}

// Rows [first, first + 32) as [column][row]; rows beyond the last are zero. Through a small copy of
// some columns of all rows: neighbouring rows lie a power of two apart often enough to push each
// other out of the cache.
template <typename T>
void transpose_panel(const Tensor& in, int64_t first, uint8_t* out) {
  constexpr int64_t kColumns = 64;
  T part[kPanelRows][kColumns] = {};
  const int64_t rows = std::min(kPanelRows, in.rows() - first);
  for (int64_t begin = 0; begin < in.columns(); begin += kColumns) {
    const int64_t columns = std::min(kColumns, in.columns() - begin);
    for (int64_t r = 0; r < rows; ++r) {
      std::memcpy(part[r], in.row(first + r) + begin * static_cast<int64_t>(sizeof(T)),
                  static_cast<size_t>(columns) * sizeof(T));
    }
    transpose_part(part, columns, out);
    out += columns * kPanelRows * static_cast<int64_t>(sizeof(T));
  }
}

}  // namespace

void pack_panel(const Tensor& in, int64_t panel, uint8_t* out) {
  const int64_t first = panel * kPanelRows;
  if (format_info(in.format).block_bytes == 4) {
    transpose_panel<uint32_t>(in, first, out);
  } else {
    transpose_panel<uint16_t>(in, first, out);
  }
}

int64_t f8_panel_bytes(int64_t columns) {
  const int64_t floats = kPanelRows + ceil_div(columns, kScaleTile);
  return round_up(kPanelRows * columns + 4 * floats, 64);
}

// A NaN makes its whole row NaN, whatever the activations: the kernels need not look for it.
void pack_f8_panel(const Tensor& in, int64_t panel, uint8_t* out) {
  const int64_t columns = in.columns(), first = panel * kPanelRows;
  const int64_t rows = std::min(kPanelRows, in.rows() - first);
  transpose_panel<uint8_t>(in, first, out);
  auto* factor = reinterpret_cast<float*>(out + kPanelRows * columns);
  std::memset(factor, 0, static_cast<size_t>(f8_panel_bytes(columns) - kPanelRows * columns));
  for (int64_t r = 0; r < rows; ++r) {
    const auto* row = reinterpret_cast<const uint8_t*>(in.row(first + r));
    bool nan = false;
    for (int64_t c = 0; c < columns; ++c) nan |= (row[c] & 0x7f) == 0x7f;
    factor[r] = nan ? std::numeric_limits<float>::quiet_NaN() : 1.0f;
  }
  float* scale = factor + kPanelRows;
  for (int64_t tile = 0; tile < ceil_div(columns, kScaleTile); ++tile) {
    const int64_t at = first / kScaleTile * in.scale_columns + tile;
    scale[tile] = 256 * (in.scales != nullptr ? in.scales[at] : 1.0f);  // see vec_from_f8
  }
}

PackedMatrix packed_layout(const Tensor& stored) {
  using Kind = PackedMatrix::Kind;
  PackedMatrix form;
  const int64_t row_bytes = Tensor::packed_row_bytes(stored.format, stored.columns());
  if (stored.format == Format::f8_e4m3) {
    form.kind = Kind::f8;
    form.group_bytes = f8_panel_bytes(stored.columns());
  } else if (const auto floats = float_format(stored.format)) {
    form.kind = Kind::floats;
    form.float_format = *floats;
    form.group_bytes = kPanelRows * row_bytes;
  } else {
    form.format = *packed_format(stored.format);
    form.group_bytes = kGroupRows * row_bytes;
  }
  return form;
}

void pack_rows(const Tensor& stored, const PackedMatrix& form, int64_t index, uint8_t* out) {
  using Kind = PackedMatrix::Kind;
  if (form.kind == Kind::integers) pack_group(stored, index, out);
  if (form.kind == Kind::floats) pack_panel(stored, index, out);
  if (form.kind == Kind::f8) pack_f8_panel(stored, index, out);
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
