// Where a JSON value that comes in pieces ends, without building it: brackets and strings are
// counted. Of text that is no JSON it only says where the outermost bracket closes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hearth {

class JsonValueEnd {
 public:
  // How many bytes of `text` belong to the value; white space before it counts. Fewer than all:
  // the value ended there. A value that is no object, array or string ends where the caller says.
  size_t take(std::string_view text) {
    for (size_t i = 0; i < text.size(); ++i) {
      if (ended_ || !read(text[i])) return i;
    }
    return text.size();
  }
  bool ended() const { return ended_; }
  bool in_string() const { return in_string_; }

 private:
  // False: `c` is not part of the value.
  bool read(char c) {
    if (in_string_) {
      in_string_ = escaped_ || c != '"';
      escaped_ = !escaped_ && c == '\\';
      ended_ = !in_string_ && depth_ == 0;
      return true;
    }
    if (c == '"') in_string_ = true;
    if (c == '{' || c == '[') ++depth_;
    if (c == '}' || c == ']') {
      if (depth_ == 0) return false;  // the bracket of what is around the value
      ended_ = --depth_ == 0;
    }
    return true;
  }

  int64_t depth_ = 0;
  bool in_string_ = false, escaped_ = false, ended_ = false;
};

}  // namespace hearth
