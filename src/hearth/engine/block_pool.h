// BlockPool: hands out the numbers of KV cache blocks. It never sees memory.
#pragma once

#include <cstdint>
#include <vector>

#include "hearth/base/check.h"

namespace hearth {

class BlockPool {
 public:
  explicit BlockPool(int64_t blocks) {
    for (int64_t i = blocks; i-- > 0;) free_.push_back(static_cast<int32_t>(i));
  }

  int64_t available() const { return static_cast<int64_t>(free_.size()); }

  int32_t take() {
    CHECK(!free_.empty());
    const int32_t block = free_.back();
    free_.pop_back();
    return block;
  }

  void give_back(std::vector<int32_t>& blocks) {
    free_.insert(free_.end(), blocks.rbegin(), blocks.rend());
    blocks.clear();
  }

 private:
  std::vector<int32_t> free_;
};

}  // namespace hearth
