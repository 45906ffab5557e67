// See device_matrix.h.
#include "hearth/backend/cuda/linear/device_matrix.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "hearth/base/checked_math.h"
#include "hearth/formats/codec.h"
#include "hearth/formats/with_format.h"

namespace hearth::cuda {
namespace {

constexpr int64_t kPlaneUnit = 256;

int group_of(Format format) {
  return with_format(format, []<class C>() { return C::kGroup; });
}
bool has_min(Format format) {
  return with_format(format, []<class C>() {
    if constexpr (C::kGroup > 0) {
      return C::kHasMin;
    } else {
      return false;
    }
  });
}

Storage storage_of(Format format, bool integers) {
  if (format == Format::f32) return Storage::f32;
  if (format == Format::f16) return Storage::f16;
  if (format == Format::bf16) return Storage::bf16;
  if (format == Format::f8_e4m3) return Storage::f8;
  if (!integers || group_of(format) == 0) return Storage::f32;
  if (format == Format::q8_0) return Storage::q8_0;
  if (format == Format::q4_0) return Storage::q4_0;
  if (format == Format::q4_k) return Storage::q4_k;
  return Storage::codes8;
}

// Codes 0..15 of 32 weights to 16 bytes: j low, j + 16 high.
void pack_nibbles(const int8_t* codes, std::byte* out) {
  for (int j = 0; j < 16; ++j) {
    out[j] = static_cast<std::byte>((codes[j] & 15) | (codes[j + 16] & 15) << 4);
  }
}

// Blocks of any format with an integer view, as int8 and f32.
template <class C>
void unpack_blocks(const std::byte* row, int64_t columns, int8_t* codes, float* scales,
                   float* mins) {
  if constexpr (C::kGroup > 0) {
    constexpr int kGroups = C::kElements / C::kGroup;
    float unused[kGroups];
    const auto* block = reinterpret_cast<const typename C::Block*>(row);
    for (int64_t b = 0; b < columns / C::kElements; ++b, ++block) {
      float* min = C::kHasMin ? mins + b * kGroups : unused;
      C::decode_integers(*block, codes + b * C::kElements, scales + b * kGroups, min);
      if (!C::kHasMin) continue;
      for (int g = 0; g < kGroups; ++g) min[g] = -min[g];
    }
  }
}

void repack_q4_0(const std::byte* row, int64_t columns, std::byte* codes, std::byte* scales) {
  const auto* block = reinterpret_cast<const Q4_0::Block*>(row);
  for (int64_t b = 0; b < columns / 32; ++b, ++block) {
    int8_t q[32];
    float scale, min;
    Q4_0::decode_integers(*block, q, &scale, &min);
    for (int8_t& v : q) v = static_cast<int8_t>(v + 8);
    pack_nibbles(q, codes + b * 16);
    std::memcpy(scales + b * 2, &block->d, 2);
  }
}

void repack_q8_0(const std::byte* row, int64_t columns, std::byte* codes, std::byte* scales) {
  const auto* block = reinterpret_cast<const Q8_0::Block*>(row);
  for (int64_t b = 0; b < columns / 32; ++b, ++block) {
    float scale, min;
    Q8_0::decode_integers(*block, reinterpret_cast<int8_t*>(codes) + b * 32, &scale, &min);
    std::memcpy(scales + b * 2, &block->d, 2);
  }
}

void repack_q4_k(const std::byte* row, int64_t columns, std::byte* codes, std::byte* scales) {
  const auto* block = reinterpret_cast<const Q4_K::Block*>(row);
  for (int64_t b = 0; b < columns / 256; ++b, ++block) {
    int8_t q[256];
    float scale[8], min[8];
    Q4_K::decode_integers(*block, q, scale, min);
    for (int g = 0; g < 8; ++g) pack_nibbles(q + g * 32, codes + (b * 8 + g) * 16);
    std::memcpy(scales + b * 16, block, 16);  // d, dmin, the packed factors
  }
}

}  // namespace

PlaneLayout plane_layout(const Tensor& stored, bool integers) {
  PlaneLayout layout;
  MatrixView& v = layout.view;
  v.storage = storage_of(stored.format, integers);
  v.rows = static_cast<int32_t>(stored.rows());
  v.columns = static_cast<int32_t>(stored.columns());
  v.chunks = static_cast<int32_t>(ceil_div(stored.columns(), int64_t{chunk_values(v.storage)}));
  layout.code_row_bytes = int64_t{v.chunks} * 16;
  switch (v.storage) {
    case Storage::f8:
      v.scale_columns = static_cast<int32_t>(stored.scale_columns);
      break;
    case Storage::codes8:
      v.group = group_of(stored.format);
      v.scale_columns = v.columns / v.group;
      layout.scale_row_bytes = int64_t{v.scale_columns} * 4;
      layout.min_row_bytes = has_min(stored.format) ? layout.scale_row_bytes : 0;
      break;
    case Storage::q8_0:
    case Storage::q4_0:
      v.scale_columns = v.columns / 32;
      layout.scale_row_bytes = int64_t{v.scale_columns} * 2;
      break;
    case Storage::q4_k:
      v.scale_columns = v.columns / 256;
      layout.scale_row_bytes = int64_t{v.scale_columns} * 16;
      break;
    default:
      break;
  }
  const int64_t scale_bytes = v.storage == Storage::f8
                                  ? ceil_div(stored.rows(), kScaleTile) * stored.scale_columns * 4
                                  : layout.scale_row_bytes * v.rows;
  layout.scales_at = round_up(layout.code_row_bytes * v.rows, kPlaneUnit);
  layout.mins_at = layout.scales_at + round_up(scale_bytes, kPlaneUnit);
  layout.bytes = layout.mins_at + layout.min_row_bytes * v.rows;
  return layout;
}

void repack_row(const Tensor& stored, const PlaneLayout& layout, int64_t row, std::byte* codes,
                std::byte* scales, std::byte* mins) {
  const std::byte* from = stored.row(row);
  const int64_t columns = stored.columns();
  switch (layout.view.storage) {
    case Storage::f32:
      decode_row(stored, row, 0, columns, reinterpret_cast<float*>(codes));
      return;
    case Storage::f16:
    case Storage::bf16:
      std::memcpy(codes, from, static_cast<size_t>(columns) * 2);
      return;
    case Storage::f8:
      std::memcpy(codes, from, static_cast<size_t>(columns));
      return;
    case Storage::q8_0:
      return repack_q8_0(from, columns, codes, scales);
    case Storage::q4_0:
      return repack_q4_0(from, columns, codes, scales);
    case Storage::q4_k:
      return repack_q4_k(from, columns, codes, scales);
    case Storage::codes8:
      with_format(stored.format, [&]<class C>() {
        unpack_blocks<C>(from, columns, reinterpret_cast<int8_t*>(codes),
                         reinterpret_cast<float*>(scales), reinterpret_cast<float*>(mins));
      });
  }
}

Result<std::shared_ptr<DeviceMatrix>> DeviceMatrix::upload(Stream& stream, std::byte* staging,
                                                           const Tensor& stored, bool integers) {
  const PlaneLayout layout = plane_layout(stored, integers);
  auto matrix = std::make_shared<DeviceMatrix>();
  TRY_ASSIGN(matrix->memory, stream.allocate(layout.bytes));
  std::byte* base = matrix->memory.get();
  matrix->view = layout.view;
  matrix->view.codes = reinterpret_cast<const uint8_t*>(base);
  matrix->view.scales = base + layout.scales_at;
  if (layout.min_row_bytes > 0) {
    matrix->view.mins = reinterpret_cast<const float*>(base + layout.mins_at);
  }
  const int64_t row_bytes = layout.code_row_bytes + layout.scale_row_bytes + layout.min_row_bytes;
  const int64_t rows = std::clamp<int64_t>(kStagingBytes / std::max<int64_t>(row_bytes, 1), 1,
                                           std::max<int64_t>(stored.rows(), 1));
  CHECK_LE(rows * row_bytes, kStagingBytes);
  std::byte* codes = staging;
  std::byte* scales = codes + rows * layout.code_row_bytes;
  std::byte* mins = scales + rows * layout.scale_row_bytes;
  for (int64_t first = 0; first < stored.rows(); first += rows) {
    const int64_t count = std::min(rows, stored.rows() - first);
    if (layout.code_row_bytes > 0)
      std::memset(codes, 0, static_cast<size_t>(count * layout.code_row_bytes));
    for (int64_t r = 0; r < count; ++r) {
      repack_row(stored, layout, first + r, codes + r * layout.code_row_bytes,
                 scales + r * layout.scale_row_bytes, mins + r * layout.min_row_bytes);
    }
    stream.copy_in(base + first * layout.code_row_bytes, codes, count * layout.code_row_bytes);
    stream.copy_in(base + layout.scales_at + first * layout.scale_row_bytes, scales,
                   count * layout.scale_row_bytes);
    stream.copy_in(base + layout.mins_at + first * layout.min_row_bytes, mins,
                   count * layout.min_row_bytes);
    stream.synchronize();
  }
  if (layout.view.storage == Storage::f8) {
    stream.copy_in(base + layout.scales_at, stored.scales,
                   ceil_div(stored.rows(), kScaleTile) * stored.scale_columns * 4);
    stream.synchronize();
  }
  TRY(stream.status());
  return matrix;
}

}  // namespace hearth::cuda
