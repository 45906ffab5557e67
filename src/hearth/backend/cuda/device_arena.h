// DeviceArena: step-long memory of a Stream, in chunks as Arena has them. The addresses it hands
// out are the same in every step that asks for the same sizes, as recorded graphs need, until
// `generation` changes.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "hearth/backend/arena.h"
#include "hearth/base/status.h"

namespace hearth::cuda {

class DeviceArena {
 public:
  using Allocate = std::function<Result<std::shared_ptr<std::byte>>(int64_t bytes)>;
  explicit DeviceArena(Allocate allocate) : allocate_(std::move(allocate)) {}

  std::byte* take(int64_t bytes) {
    const int64_t size = round_up(bytes, kUnit);
    used_ += size;
    used_max_ = std::max(used_max_, used_);
    while (chunk_ < chunks_.size() && offset_ + size > chunks_[chunk_].bytes) {
      ++chunk_;
      offset_ = 0;
    }
    if (chunk_ == chunks_.size()) add_chunk(std::max(size, kChunkBytes));
    std::byte* data = chunks_[chunk_].memory.get() + offset_;
    offset_ += size;
    return data;
  }

  Arena::Mark mark() const { return {chunk_, offset_, used_}; }
  void release(const Arena::Mark& mark) {
    chunk_ = mark.chunk;
    offset_ = mark.offset;
    used_ = mark.used;
  }

  // Forgets everything; several chunks are merged into one, which moves what comes.
  void reset() {
    if (chunks_.size() > 1) {
      chunks_.clear();
      ++generation_;
      add_chunk(used_max_);
    }
    release({0, 0, 0});
  }

  int64_t generation() const { return generation_; }
  int64_t used_max() const { return used_max_; }

 private:
  static constexpr int64_t kUnit = 256;
  static constexpr int64_t kChunkBytes = int64_t{4} << 20;
  struct Chunk {
    std::shared_ptr<std::byte> memory;
    int64_t bytes;
  };

  // The memory plan has set room aside: no room is our bug.
  void add_chunk(int64_t bytes) {
    auto memory = allocate_(bytes);
    if (!memory) CHECK_EQ(memory.status().message(), std::string());
    chunks_.push_back({*std::move(memory), bytes});
  }

  Allocate allocate_;
  std::vector<Chunk> chunks_;
  size_t chunk_ = 0;
  int64_t offset_ = 0;
  int64_t used_ = 0;
  int64_t used_max_ = 0;
  int64_t generation_ = 0;
};

}  // namespace hearth::cuda
