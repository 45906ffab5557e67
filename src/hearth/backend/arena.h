// Arena: step-long memory. Grows in the first steps, then allocates nothing; reset is free.
// Owner: a backend. Pointers are valid until reset().
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "hearth/base/checked_math.h"
#include "hearth/tensor/tensor.h"

namespace hearth {

class Arena {
 public:
  static constexpr int64_t kUnit = 64;  // what requests are rounded up to

  std::byte* take(int64_t bytes) {
    const int64_t size = round_up(bytes, kUnit);
    used_ += size;
    used_max_ = std::max(used_max_, used_);
    while (chunk_ < chunks_.size() && offset_ + size > chunks_[chunk_].bytes()) {
      ++chunk_;
      offset_ = 0;
    }
    if (chunk_ == chunks_.size()) chunks_.emplace_back(std::max(size, kChunkBytes));
    std::byte* data = chunks_[chunk_].data() + offset_;
    offset_ += size;
    return data;
  }

  Tensor take_f32(const Shape& shape) {
    return Tensor::packed(Format::f32, shape, take(shape.elements() * 4));
  }

  // What was taken after `mark` may be handed out again from `release` on.
  struct Mark {
    size_t chunk;
    int64_t offset, used;
  };
  Mark mark() const { return {chunk_, offset_, used_}; }
  void release(const Mark& mark) {
    chunk_ = mark.chunk;
    offset_ = mark.offset;
    used_ = mark.used;
  }

  // Forgets everything; several chunks are merged into one of the size that was needed.
  void reset() {
    if (chunks_.size() > 1) {
      chunks_.clear();
      chunks_.emplace_back(used_max_);
    }
    chunk_ = 0;
    offset_ = 0;
    used_ = 0;
  }

  // Most bytes held at once in a step so far, each request rounded up to kUnit.
  int64_t used_max() const { return used_max_; }

 private:
  static constexpr int64_t kChunkBytes = 1 << 20;
  std::vector<Buffer> chunks_;
  size_t chunk_ = 0;
  int64_t offset_ = 0;
  int64_t used_ = 0;
  int64_t used_max_ = 0;
};

}  // namespace hearth
