// Arena: step-long memory. Grows in the first steps, then allocates nothing; reset is free. The
// addresses it hands out are the same in every step that asks for the same sizes, as recorded
// graphs of a device need, until `generation` changes.
// Owner: a backend. Pointers are valid until reset().
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "hearth/base/checked_math.h"
#include "hearth/tensor/tensor.h"

namespace hearth {

class Arena {
 public:
  static constexpr int64_t kLeastChunk = 1 << 20;
  static constexpr int64_t kUnit = 64;  // what requests are rounded up to in host memory

  // Where chunks come from, of at least `chunk_bytes`; requests are rounded up to `unit`.
  struct Source {
    // Null: there is not so much.
    std::function<std::shared_ptr<std::byte>(int64_t bytes)> allocate = host_memory;
    int64_t unit = kUnit;
    int64_t chunk_bytes = 1 << 20;
  };

  Arena() = default;
  explicit Arena(Source source) : source_(std::move(source)) {}

  std::byte* take(int64_t bytes) {
    const int64_t size = round_up(bytes, source_.unit);
    used_ += size;
    used_max_ = std::max(used_max_, used_);
    while (chunk_ < chunks_.size() && offset_ + size > chunks_[chunk_].bytes) {
      ++chunk_;
      offset_ = 0;
    }
    if (chunk_ == chunks_.size()) add_chunk(std::max(size, source_.chunk_bytes), size);
    std::byte* data = chunks_[chunk_].memory.get() + offset_;
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

  // Forgets everything; several chunks are merged into one of the size that was needed, which
  // moves what comes.
  void reset() {
    if (chunks_.size() > 1) {
      chunks_.clear();
      ++generation_;
      add_chunk(used_max_, used_max_);
    }
    release({0, 0, 0});
  }

  int64_t generation() const { return generation_; }
  // Most bytes held at once in a step so far, each request rounded up to the unit.
  int64_t used_max() const { return used_max_; }

 private:
  struct Chunk {
    std::shared_ptr<std::byte> memory;
    int64_t bytes;
  };
  // Of `least` bytes where more are refused.
  void add_chunk(int64_t bytes, int64_t least) {
    std::shared_ptr<std::byte> memory = source_.allocate(bytes);
    if (!memory) {
      bytes = std::max(least, std::min(bytes, kLeastChunk));
      memory = source_.allocate(bytes);
    }
    CHECK(memory != nullptr);  // the memory plan was checked before: a true shortage
    chunks_.push_back({std::move(memory), bytes});
  }

  Source source_;
  std::vector<Chunk> chunks_;
  size_t chunk_ = 0;
  int64_t offset_ = 0;
  int64_t used_ = 0;
  int64_t used_max_ = 0;
  int64_t generation_ = 0;
};

}  // namespace hearth
