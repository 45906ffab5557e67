// LockedMemory: where clear values live while a conversation needs them. Its pages are never
// written to swap (mlock), stay out of core files, and are overwritten before they are given back.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "hearth/base/status.h"

namespace hearth::pii {

class LockedMemory {
 public:
  LockedMemory() = default;
  LockedMemory(const LockedMemory&) = delete;
  LockedMemory& operator=(const LockedMemory&) = delete;
  ~LockedMemory();

  // A copy of `bytes` that stays where it is until this ends. no_memory: the system locks no more
  // for this process (`ulimit -l`); nothing is kept unlocked instead.
  Result<std::string_view> keep(std::string_view bytes);

 private:
  struct Block {
    char* data;
    size_t size, used;
  };
  Status add_block(size_t bytes);

  std::vector<Block> blocks_;
};

}  // namespace hearth::pii
