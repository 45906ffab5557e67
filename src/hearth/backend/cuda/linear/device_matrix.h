// DeviceMatrix: a weight in device memory, and how it gets there: rows are repacked into the planes
// of matrix_view.h piece by piece, so that the host holds little beside the checkpoint's mapping.
#pragma once

#include <memory>

#include "hearth/backend/backend.h"
#include "hearth/backend/cuda/linear/matrix_view.h"
#include "hearth/backend/cuda/runtime/stream.h"

namespace hearth::cuda {

inline constexpr int64_t kStagingBytes = int64_t{32} << 20;  // a row must fit

struct DeviceMatrix : BackendForm {
  MatrixView view;
  std::shared_ptr<std::byte> memory;

  // Through `staging`, pinned memory of kStagingBytes.  no_memory: the device has too little.
  static Result<std::shared_ptr<DeviceMatrix>> upload(Stream& stream, std::byte* staging,
                                                      const Tensor& stored, bool integers);
};

inline const MatrixView& view_of(const Weight& weight) {
  return static_cast<const DeviceMatrix&>(*weight.form).view;
}

// Where the bytes of a matrix go, known before any byte is moved.
struct PlaneLayout {
  MatrixView view;              // without pointers
  int64_t code_row_bytes = 0;   // of the codes plane
  int64_t scale_row_bytes = 0;  // 0 for floats and f8
  int64_t min_row_bytes = 0;
  int64_t scales_at = 0, mins_at = 0, bytes = 0;  // offsets of the planes, and of their end
};
// `integers`: formats with an integer view are stored as integers; else decoded to f32.
PlaneLayout plane_layout(const Tensor& stored, bool integers);
// Row `row` of `stored` into its places of the three planes.
void repack_row(const Tensor& stored, const PlaneLayout& layout, int64_t row, std::byte* codes,
                std::byte* scales, std::byte* mins);

}  // namespace hearth::cuda
