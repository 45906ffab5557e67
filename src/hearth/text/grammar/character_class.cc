// See character_class.h.
#include "hearth/text/grammar/character_class.h"

#include <optional>
#include <utility>

namespace hearth::grammar {
namespace {

constexpr uint32_t kBackspace = 8;

bool is_punctuation(char c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
         (c >= '{' && c <= '~') || c == ' ';
}

// One end of a range, or a whole named class.
struct Member {
  std::vector<CodeRange> named;  // empty: it is `code`
  uint32_t code = 0;
};

Result<Member> take_member(TextCursor& in) {
  Member out;
  if (!in.take("\\")) {
    out.code = in.take_code_point();
    return out;
  }
  out.named = named_class(in.peek());
  if (!out.named.empty()) {
    in.take_code_point();
  } else if (in.take("b")) {
    out.code = kBackspace;
  } else {
    TRY_ASSIGN(out.code, take_escaped(in));
  }
  return out;
}

// \uD83D\uDE00 is one character.
Result<uint32_t> take_utf16(TextCursor& in, size_t begin) {
  const auto unit = in.take_hex(4);
  if (!unit) return in.wrong("four hexadecimal digits");
  if (*unit < 0xD800 || *unit > 0xDFFF) return *unit;
  if (*unit <= 0xDBFF && in.take("\\u")) {
    const auto low = in.take_hex(4);
    if (low && *low >= 0xDC00 && *low <= 0xDFFF) {
      return 0x10000 + ((*unit - 0xD800) << 10) + (*low - 0xDC00);
    }
  }
  return in.wrong("a character, or both surrogates of one", begin);
}

}  // namespace

std::vector<CodeRange> named_class(char letter) {
  switch (letter) {
    case 'd':
      return {{'0', '9'}};
    case 'w':
      return {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
    case 's':
      return {{0x09, 0x0D},     {' ', ' '},       {0xA0, 0xA0},     {0x1680, 0x1680},
              {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F},
              {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
    case 'D':
      return complement(named_class('d'));
    case 'W':
      return complement(named_class('w'));
    case 'S':
      return complement(named_class('s'));
    default:
      return {};
  }
}

Result<uint32_t> take_escaped(TextCursor& in) {
  constexpr std::pair<char, uint32_t> kControls[] = {
      {'n', '\n'}, {'r', '\r'}, {'t', '\t'}, {'f', '\f'}, {'v', '\v'}};
  const size_t begin = in.position();
  const char c = in.peek();
  for (const auto& [letter, code] : kControls) {
    if (c != letter) continue;
    in.take_code_point();
    return code;
  }
  if (c == '0' && !(in.peek(1) >= '0' && in.peek(1) <= '9')) {
    in.take_code_point();
    return uint32_t{0};
  }
  std::optional<uint32_t> code;
  if (in.take("x")) {
    code = in.take_hex(2);
  } else if (in.take("u{")) {
    for (size_t digits = 1; digits <= 6 && !code; ++digits) {
      if (in.peek(digits) == '}') code = in.take_hex(digits);
    }
    if (code) in.take("}");
  } else if (in.take("u")) {
    return take_utf16(in, begin);
  } else if (in.take("U")) {
    code = in.take_hex(8);
  } else if (is_punctuation(c)) {
    return in.take_code_point();
  }
  if (code && *code <= kCodePointMax && !(*code >= 0xD800 && *code <= 0xDFFF)) return *code;
  return in.wrong("an escape that is known here", begin);
}

Result<std::vector<CodeRange>> take_class(TextCursor& in) {
  std::vector<CodeRange> out;
  const bool negated = in.take("^");
  while (!in.take("]")) {
    if (in.at_end()) return in.wrong("`]`");
    const size_t begin = in.position();
    TRY_ASSIGN(Member first, take_member(in));
    if (!first.named.empty()) {
      out.insert(out.end(), first.named.begin(), first.named.end());
      continue;
    }
    Member last = first;
    if (in.peek() == '-' && in.peek(1) != ']' && in.take("-")) {
      if (in.at_end()) return in.wrong("the end of a range");
      TRY_ASSIGN(last, take_member(in));
      if (!last.named.empty() || last.code < first.code) {
        return in.wrong("a range whose end is not before its beginning", begin);
      }
    }
    out.push_back({first.code, last.code});
  }
  return negated ? complement(std::move(out)) : normalised(std::move(out));
}

}  // namespace hearth::grammar
