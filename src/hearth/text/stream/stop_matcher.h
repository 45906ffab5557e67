// Stop strings across token borders: text leaves as soon as it can't be the beginning of a stop any
// more, and nothing from a stop on ever leaves. Aho-Corasick: linear in the text, whatever the
// number of stops.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace hearth {

class StopMatcher {
 public:
  explicit StopMatcher(const std::vector<std::string>& stops);  // empty strings are ignored

  // The text that is certain. After a match nothing more comes.
  std::string push(std::string_view text);
  // The end of a text without a match: what was held back. Another text may follow.
  std::string finish();

  bool matched() const { return matched_; }

 private:
  struct Node {
    std::map<char, int32_t> next;
    int32_t fail = 0;
    size_t depth = 0;   // characters of the stop read so far
    size_t length = 0;  // of the longest stop that ends here; 0: none
  };
  int32_t step(int32_t node, char c) const;

  std::vector<Node> nodes_;
  int32_t at_ = 0;
  std::string held_;
  bool matched_ = false;
};

}  // namespace hearth
