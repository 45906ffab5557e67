// UTF-8 text whose every byte knows whether the template's author wrote it (trusted) or it came
// with the request (untrusted). The mark travels through slicing, joining and changing of case, so
// that the tokenizer later makes control tokens of the author's bytes only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hearth/text/byte_range.h"

namespace hearth::jinja {

class MarkedText {
 public:
  MarkedText() = default;
  MarkedText(std::string_view bytes, bool trusted)
      : bytes_(bytes), marks_(bytes.size(), mark(trusted)) {}

  const std::string& bytes() const { return bytes_; }
  std::string_view view() const { return bytes_; }
  size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  bool trusted_at(size_t byte) const { return marks_[byte] != mark(false); }

  void append(std::string_view bytes, bool trusted);
  void append(const MarkedText& other);
  // Bytes [begin, end) of `other`.
  void append(const MarkedText& other, size_t begin, size_t end);

  // Bytes [begin, end); the caller cuts between characters.
  MarkedText slice(size_t begin, size_t end) const;

  // Maximal runs of trusted bytes, in order.
  std::vector<ByteRange> trusted_ranges() const;

 private:
  static constexpr char mark(bool trusted) { return trusted ? '\1' : '\0'; }

  std::string bytes_;
  std::string marks_;  // one byte for each byte of bytes_
};

}  // namespace hearth::jinja
