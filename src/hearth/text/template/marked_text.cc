// Bytes and marks move together; every function below keeps the two strings equally long.
#include "hearth/text/template/marked_text.h"

namespace hearth::jinja {

void MarkedText::append(std::string_view bytes, bool trusted) {
  bytes_.append(bytes);
  marks_.append(bytes.size(), mark(trusted));
}

void MarkedText::append(const MarkedText& other) {
  bytes_.append(other.bytes_);
  marks_.append(other.marks_);
}

void MarkedText::append(const MarkedText& other, size_t begin, size_t end) {
  bytes_.append(other.bytes_, begin, end - begin);
  marks_.append(other.marks_, begin, end - begin);
}

MarkedText MarkedText::slice(size_t begin, size_t end) const {
  MarkedText out;
  out.append(*this, begin, end);
  return out;
}

std::vector<ByteRange> MarkedText::trusted_ranges() const {
  std::vector<ByteRange> ranges;
  for (size_t i = 0; i < marks_.size();) {
    const size_t begin = marks_.find(mark(true), i);
    if (begin == std::string::npos) break;
    const size_t end = std::min(marks_.find(mark(false), begin), marks_.size());
    ranges.push_back({static_cast<int64_t>(begin), static_cast<int64_t>(end)});
    i = end;
  }
  return ranges;
}

}  // namespace hearth::jinja
