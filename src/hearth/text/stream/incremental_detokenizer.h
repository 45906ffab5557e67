// Bytes of tokens to text that can be shown: only whole UTF-8 characters leave, the rest waits for
// the next token. What can never become a character leaves as U+FFFD, one for each maximal bad part
// (Unicode 15, section 3.9), as browsers and Python do it.
#pragma once

#include <string>
#include <string_view>

namespace hearth {

class IncrementalDetokenizer {
 public:
  // The text that became certain with these bytes; may be empty.
  std::string push(std::string_view bytes);
  // The end: an unfinished character becomes one U+FFFD.
  std::string finish();

 private:
  std::string pending_;  // at most three bytes: the beginning of a character
};

}  // namespace hearth
