// The bytes of each token by id, and ids by bytes. One arena and one open-addressing table, because
// a vocabulary has 100,000 short strings. The hash is seeded per process, so that no file can be
// made to collide.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hearth {

uint64_t seeded_hash(std::string_view bytes);
uint64_t seeded_hash(uint64_t key);

class TokenTable {
 public:
  // Appends the token with the next id.
  void add(std::string_view bytes);
  // Makes find() know this id; of equal bytes the id indexed last is found.
  void index(int32_t id);

  std::string_view bytes(int32_t id) const {
    const auto i = static_cast<size_t>(id);
    const size_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::string_view(arena_).substr(begin, ends_[i] - begin);
  }
  int32_t find(std::string_view bytes) const;  // -1: none
  int32_t size() const { return static_cast<int32_t>(ends_.size()); }

 private:
  void grow();

  std::string arena_;
  std::vector<size_t> ends_;
  std::vector<int32_t> slots_;  // -1: free; a power of two
  size_t used_ = 0;
};

}  // namespace hearth
