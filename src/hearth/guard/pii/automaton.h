// Automaton: all literals that the recognisers look for, as one table that is walked once over the
// text, a load a byte (Aho and Corasick 1975, made deterministic). ASCII letters match in either
// case.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace hearth::pii {

class Automaton {
 public:
  using State = uint32_t;

  // Literal i of the list is reported as i. No literal is empty.
  explicit Automaton(std::span<const std::string_view> literals);

  static constexpr State kStart = 0;
  State next(State state, char c) const {
    return table_[state * kStride + class_of_[static_cast<uint8_t>(c)]];
  }
  bool reports(State state) const { return state >= first_reporting_; }
  // The literals that end where this state was entered, the longest first.
  std::span<const uint16_t> found(State state) const {
    return {&found_[spans_[state]], spans_[state + 1] - spans_[state]};
  }

 private:
  struct Trie;
  void classify(std::span<const std::string_view> literals);

  static constexpr uint32_t kStride = 128;  // classes of bytes, at most
  uint8_t class_of_[256] = {};              // 0: in no literal
  std::vector<uint16_t> table_;
  State first_reporting_ = 0;
  std::vector<uint32_t> spans_;  // of found_, for each state
  std::vector<uint16_t> found_;
};

}  // namespace hearth::pii
