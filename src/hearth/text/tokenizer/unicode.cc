// The class table is 1.1 MB, of which text touches a few pages; it costs some milliseconds once.
#include "hearth/text/tokenizer/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <vector>

#include "hearth/base/check.h"

namespace hearth {
namespace {

bool is_white_space(uint32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

uint8_t category_class(utf8proc_propval_t category) {
  if (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO) return kLetter;
  if (category >= UTF8PROC_CATEGORY_MN && category <= UTF8PROC_CATEGORY_ME) return kMark;
  if (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO) return kNumber;
  if (category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO) return kPunctuation;
  if (category >= UTF8PROC_CATEGORY_SM && category <= UTF8PROC_CATEGORY_SO) return kSymbol;
  return 0;
}

// Does NFC spell this code point, alone, in another way?
bool changes_alone(uint32_t code_point) {
  utf8proc_int32_t decomposed[32];
  const utf8proc_ssize_t count = utf8proc_decompose_char(
      static_cast<utf8proc_int32_t>(code_point), decomposed, 32,
      static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | UTF8PROC_STABLE), nullptr);
  if (count < 1 || count > 32) return true;
  const utf8proc_ssize_t composed = utf8proc_normalize_utf32(
      decomposed, count, static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
  return composed != 1 || static_cast<uint32_t>(decomposed[0]) != code_point;
}

bool not_inert(uint32_t code_point, const utf8proc_property_t& property) {
  if (code_point < 0x300) return false;  // stable before anything that is not flagged itself
  if (property.combining_class != 0) return true;
  if (code_point >= 0x1161 && code_point <= 0x11FF) return true;  // jamo that join a syllable
  if (property.comb_index != UINT16_MAX && property.comb_index >= 0x8000) return true;
  if (code_point >= 0xAC00 && code_point <= 0xD7A3) return false;  // whole syllables
  return property.decomp_seqindex != UINT16_MAX && changes_alone(code_point);
}

std::vector<uint8_t> build_classes() {
  std::vector<uint8_t> classes(kCodePointsEnd);
  for (uint32_t c = 0; c < kCodePointsEnd; ++c) {
    const utf8proc_property_t& property = *utf8proc_get_property(static_cast<utf8proc_int32_t>(c));
    uint8_t bits = category_class(property.category);
    if (is_white_space(c)) bits |= kSpace;
    if (c == '\r' || c == '\n') bits |= kNewline;
    if (not_inert(c, property)) bits |= kNotInert;
    classes[c] = bits;
  }
  return classes;
}

// Canonical decomposition of all of `text` (valid UTF-8), marks in canonical order.
std::vector<utf8proc_int32_t> decompose(std::string_view text) {
  std::vector<utf8proc_int32_t> out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const DecodedChar c = decode_utf8(text, at);
    at += c.bytes;
    utf8proc_int32_t parts[32];
    const utf8proc_ssize_t count = utf8proc_decompose_char(
        static_cast<utf8proc_int32_t>(c.code_point), parts, 32,
        static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | UTF8PROC_STABLE), nullptr);
    CHECK(count >= 0 && count <= 32);  // the longest canonical decomposition has 4
    out.insert(out.end(), parts, parts + count);
  }
  // utf8proc sorts marks by insertion, which is quadratic on a long run of them.
  const auto combining_class = [](utf8proc_int32_t c) {
    return utf8proc_get_property(c)->combining_class;
  };
  for (size_t i = 0; i < out.size();) {
    if (combining_class(out[i]) == 0) {
      ++i;
      continue;
    }
    size_t end = i;
    while (end < out.size() && combining_class(out[end]) != 0) ++end;
    std::stable_sort(out.begin() + static_cast<ptrdiff_t>(i),
                     out.begin() + static_cast<ptrdiff_t>(end),
                     [&](auto a, auto b) { return combining_class(a) < combining_class(b); });
    i = end;
  }
  return out;
}

void append_nfc(std::string_view text, std::string& out) {
  std::vector<utf8proc_int32_t> chars = decompose(text);
  const utf8proc_ssize_t count =
      utf8proc_normalize_utf32(chars.data(), static_cast<utf8proc_ssize_t>(chars.size()),
                               static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
  CHECK(count >= 0);
  for (utf8proc_ssize_t i = 0; i < count; ++i) {
    append_utf8(static_cast<uint32_t>(chars[static_cast<size_t>(i)]), out);
  }
}

}  // namespace

uint8_t unicode_classes(uint32_t code_point) {
  static const std::vector<uint8_t> classes = build_classes();
  return code_point < kCodePointsEnd ? classes[code_point] : uint8_t{0};
}

DecodedChar decode_utf8(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[at + i]); };
  const uint32_t first = byte(0);
  if (first < 0x80) return {first, 1};
  const DecodedChar invalid{kCodePointsEnd + first, 1};
  const uint32_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() - at < length) return invalid;
  uint32_t code_point = first & (0x7Fu >> length);
  for (uint32_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return invalid;
    code_point = (code_point << 6) | (byte(i) & 0x3Fu);
  }
  const bool overlong =
      (length == 3 && code_point < 0x800) || (length == 4 && code_point < 0x10000);
  const bool surrogate = code_point >= 0xD800 && code_point <= 0xDFFF;
  if (overlong || surrogate || code_point >= kCodePointsEnd) return invalid;
  return {code_point, length};
}

void append_utf8(uint32_t c, std::string& out) {
  const auto put = [&](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | (c >> 6));
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | (c >> 12));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | (c >> 18));
    put(0x80 | ((c >> 12) & 0x3F));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  }
}

bool is_word_char(uint32_t code_point) {
  if (code_point >= kCodePointsEnd) return false;
  if (unicode_classes(code_point) & (kLetter | kMark)) return true;
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(code_point));
  return category == UTF8PROC_CATEGORY_ND || category == UTF8PROC_CATEGORY_NL ||
         category == UTF8PROC_CATEGORY_PC;
}

std::string to_nfc(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  size_t valid = 0;  // start of the valid stretch that ends at `at`
  bool stable = true;
  const auto flush = [&](size_t end) {
    const std::string_view stretch = text.substr(valid, end - valid);
    if (stable) {
      out += stretch;
    } else {
      append_nfc(stretch, out);
    }
    stable = true;
  };
  for (size_t at = 0; at < text.size();) {
    const DecodedChar c = decode_utf8(text, at);
    if (c.code_point >= kCodePointsEnd) {
      flush(at);
      out.push_back(text[at]);
      valid = at + 1;
    } else if (unicode_classes(c.code_point) & kNotInert) {
      stable = false;
    }
    at += c.bytes;
  }
  flush(text.size());
  return out;
}

}  // namespace hearth
