// See incremental_detokenizer.h. Table 3-7 of the Unicode standard: well-formed byte sequences.
#include "hearth/text/stream/incremental_detokenizer.h"

#include <cstdint>

namespace hearth {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

// What a lead byte promises: length, and the range of the second byte.
struct Lead {
  int length;  // 0: no lead byte
  uint8_t low, high;
};

Lead lead_of(uint8_t byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte >= 0xc2 && byte <= 0xdf) return {2, 0x80, 0xbf};
  if (byte == 0xe0) return {3, 0xa0, 0xbf};
  if (byte == 0xed) return {3, 0x80, 0x9f};  // no surrogates
  if (byte >= 0xe1 && byte <= 0xef) return {3, 0x80, 0xbf};
  if (byte == 0xf0) return {4, 0x90, 0xbf};
  if (byte >= 0xf1 && byte <= 0xf3) return {4, 0x80, 0xbf};
  if (byte == 0xf4) return {4, 0x80, 0x8f};
  return {0, 0, 0};
}

// How many bytes from `at` on follow the rules of the character that begins there.
int well_formed(std::string_view text, size_t at, const Lead& lead) {
  int count = 1;
  while (count < lead.length && at + static_cast<size_t>(count) < text.size()) {
    const auto byte = static_cast<uint8_t>(text[at + static_cast<size_t>(count)]);
    const uint8_t low = count == 1 ? lead.low : 0x80;
    const uint8_t high = count == 1 ? lead.high : 0xbf;
    if (byte < low || byte > high) break;
    ++count;
  }
  return count;
}

}  // namespace

std::string IncrementalDetokenizer::push(std::string_view bytes) {
  pending_ += bytes;
  const std::string_view text = pending_;
  std::string out;
  size_t at = 0;
  while (at < text.size()) {
    const Lead lead = lead_of(static_cast<uint8_t>(text[at]));
    const int count = lead.length == 0 ? 1 : well_formed(text, at, lead);
    if (lead.length != 0 && count == lead.length) {
      out += text.substr(at, static_cast<size_t>(count));
    } else if (lead.length != 0 && at + static_cast<size_t>(count) == text.size()) {
      break;  // a good beginning: the next token may finish it
    } else {
      out += kReplacement;
    }
    at += static_cast<size_t>(count);
  }
  pending_.erase(0, at);
  return out;
}

std::string IncrementalDetokenizer::finish() {
  if (pending_.empty()) return {};
  pending_.clear();
  return std::string(kReplacement);
}

}  // namespace hearth
