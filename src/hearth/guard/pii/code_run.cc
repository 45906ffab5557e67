// See code_run.h.
#include "hearth/guard/pii/code_run.h"

#include <algorithm>
#include <iterator>

#include "hearth/guard/pii/characters.h"

namespace hearth::pii {
namespace {

constexpr size_t kSeparatorsMax = 3;   // between two groups
constexpr size_t kZeroWidthsMax = 64;  // between two characters

// The digit of a Chinese numeral, plain or as banks write it; 0: it is none.
char numeral(uint32_t c) {
  static constexpr std::u32string_view kNumerals[] = {U"〇零○", U"一幺壹", U"二贰貳", U"三叁參",
                                                      U"四肆",  U"五伍",   U"六陆陸", U"七柒",
                                                      U"八捌",  U"九玖"};
  if (c < U'○' || c > U'零') return 0;  // the first and the last of them
  for (size_t digit = 0; digit < std::size(kNumerals); ++digit) {
    if (kNumerals[digit].find(static_cast<char32_t>(c)) != std::u32string_view::npos) {
      return static_cast<char>('0' + digit);
    }
  }
  return 0;
}

// Separators beyond ASCII.
Gap wide_gap(uint32_t c) {
  switch (c) {
    case 0x00a0:
    case 0x2009:
    case 0x202f:
    case 0x3000:
      return kSpace;
    case 0x2010:
    case 0x2011:
    case 0x2012:
    case 0x2013:
    case 0x2014:
    case 0x2212:
    case U'－':
      return kDash;
    case U'·':
    case U'•':
    case U'．':
      return kDot;
    case U'：':
      return kColon;
    case U'，':
      return kComma;
    case U'（':
    case U'）':
      return kBracket;
    case U'／':
      return kSlash;
    case 0x00ad:
    case 0x200b:
    case 0x200c:
    case 0x200d:
    case 0x2060:
    case 0xfeff:
      return kZeroWidth;
    default:
      return kNothing;
  }
}

Gap ascii_gap(char c) {
  switch (c) {
    case ' ':
    case '\t':
      return kSpace;
    case '-':
    case '_':
      return kDash;
    case '.':
      return kDot;
    case '/':
      return kSlash;
    case ':':
      return kColon;
    case ',':
      return kComma;
    case '(':
    case ')':
    case '+':
      return kBracket;
    default:
      return kNothing;
  }
}

}  // namespace

// One character of the text as a run sees it.
struct CodeRun::Unit {
  size_t length = 0;  // bytes; 0: nothing of a run
  char code = 0;      // a digit or letter; else
  Gap gap = kNothing;
  int numerals = 0;  // 1: a Chinese numeral
};

CodeRun::Unit CodeRun::unit_at(std::string_view text, size_t at) {
  if (at >= text.size()) return {};
  const char c = text[at];
  if (static_cast<uint8_t>(c) < 0x80 && c != '\\') {
    if (is_alnum(c)) return {1, c, kNothing, 0};
    const Gap gap = ascii_gap(c);
    return gap == kNothing ? Unit{} : Unit{1, 0, gap, 0};
  }
  if (c == '\\') {  // a JSON escape of one of the others
    const uint32_t point = json_escape(text, at);
    if (point == 0) return {};
    const std::string inner = utf8(point);
    Unit unit = inner == "\\" ? Unit{} : unit_at(inner, 0);
    if (unit.length > 0) unit.length = kJsonEscapeBytes;
    return unit;
  }
  if (const char folded = full_width_ascii(text.substr(at, 3)); is_alnum(folded)) {
    return {3, folded, kNothing, 0};
  }
  const CodePoint point = code_point_at(text, at);
  if (const char digit = numeral(point.value)) return {point.length, digit, kNothing, 1};
  if (const Gap gap = wide_gap(point.value); gap != kNothing) return {point.length, 0, gap, 0};
  return {};
}

size_t CodeRun::numerals_at(std::string_view text, size_t at, size_t most) {
  size_t count = 0, gaps = 0;
  while (count < most) {
    const Unit unit = unit_at(text, at);
    if (unit.length == 0) break;
    if (unit.code == 0 && ++gaps > 1 && unit.gap != kZeroWidth) break;
    if (unit.code != 0 && !pii::is_digit(unit.code)) break;
    if (unit.code != 0) ++count, gaps = 0;
    at += unit.length;
  }
  return count;
}

void CodeRun::clear() {
  code_.clear();
  exact_.clear();
  places_.clear();
  starts_.clear();
  groups_ = 0;
  all_gaps_ = 0;
  has_letters_ = false;
  only_letters_ = true;
  numerals_ = 0;
}

// Where the group that `at` stands in begins: digits and letters before it, full-width ones too,
// and what of zero width stands between them.
size_t CodeRun::group_begin(size_t at, size_t floor) const {
  size_t zero_widths = 0;
  for (size_t begin = at; begin > floor;) {
    const size_t before = is_alnum(text_[begin - 1]) ? begin - 1 : previous_character(text_, begin);
    const Unit unit = unit_at(text_, before);
    if (unit.length == 0 || before + unit.length != begin || before < floor) break;
    begin = before;
    if (unit.code == 0) {
      if (unit.gap != kZeroWidth || ++zero_widths > kZeroWidthsMax) break;
    } else {
      if (unit.numerals != 0) break;
      at = begin;
      zero_widths = 0;
    }
  }
  return at;
}

// That, and a short word of letters before it ("AB 12 34 56 C").
size_t CodeRun::first_of(size_t at, size_t floor) const {
  at = group_begin(at, floor);
  size_t separator = 0;
  for (std::string_view mark : {" ", "-", "·"}) {
    if (text_.substr(floor, at - floor).ends_with(mark)) separator = mark.size();
  }
  if (separator == 0) return at;
  size_t word = at - separator;
  while (word > floor && is_letter(text_[word - 1]) && at - word < 5) --word;
  const size_t length = at - separator - word;
  const bool bounded = word == floor || !is_alnum(text_[word - 1]);
  return length > 0 && length <= 2 && bounded ? word : at;
}

// Whether a group that begins at `at` may belong to the run: it has digits, or is a short word.
bool CodeRun::goes_on(size_t at) const {
  size_t letters = 0;
  bool upper = true;
  while (at + letters < text_.size() && is_letter(text_[at + letters]) && letters < 8) {
    upper = upper && is_upper(text_[at + letters]);
    ++letters;
  }
  if (at + letters < text_.size() && pii::is_digit(text_[at + letters])) return true;
  return letters <= 2 || (letters <= 4 && upper);
}

void CodeRun::append(const Unit& unit, size_t at, Gaps gap, bool new_group) {
  if (new_group) {
    ++groups_;
    only_letters_ = true;
  }
  const bool digit = pii::is_digit(unit.code);
  // The first digit after letters that begin a group: "tel13800138000".
  const bool after_letters = digit && !new_group && only_letters_;
  if (new_group || after_letters) starts_.push_back(static_cast<uint32_t>(code_.size()));
  if (digit) only_letters_ = false;
  has_letters_ = has_letters_ || !digit;
  code_.push_back(to_upper(unit.code));
  exact_.push_back(unit.code);
  places_.push_back(
      {static_cast<uint32_t>(at), static_cast<uint32_t>(at + unit.length), gap, new_group});
  all_gaps_ = static_cast<Gaps>(all_gaps_ | gap);
  numerals_ = unit.numerals;
}

void CodeRun::read(std::string_view text, size_t at, size_t floor) {
  text_ = text;
  clear();
  at = first_of(at, floor);
  Gaps gap = kNothing;
  size_t separators = 0, zero_widths = 0;
  for (;;) {
    const Unit unit = unit_at(text, at);
    if (unit.length == 0) return;
    if (unit.code == 0) {
      (unit.gap == kZeroWidth ? zero_widths : separators) += 1;
      if (separators > kSeparatorsMax || zero_widths > kZeroWidthsMax) return;
      gap = static_cast<Gaps>(gap | unit.gap);
    } else {
      // A change between digits and Chinese numerals may be a border ("…0021一共"), or a disguise.
      const bool new_group = code_.empty() || (gap & ~kZeroWidth) != 0 ||
                             (unit.numerals != numerals_ && !code_.empty());
      if (new_group && !code_.empty() && !goes_on(at)) return;
      append(unit, at, code_.empty() ? Gaps{kNothing} : gap, new_group);
      gap = kNothing;
      separators = zero_widths = 0;
    }
    at += unit.length;
  }
}

size_t CodeRun::take(size_t i, size_t count, Gaps gaps) const {
  if (i + count > size()) return kNone;
  for (size_t k = i + 1; k < i + count; ++k) {
    if ((places_[k].gap & ~gaps) != 0) return kNone;
  }
  return i + count;
}

size_t CodeRun::take_digits(size_t i, size_t count, Gaps gaps) const {
  const size_t end = take(i, count, gaps);
  return end != kNone && all_digits(i, end) ? end : kNone;
}

bool CodeRun::all_digits(size_t i, size_t end) const {
  for (; i < end; ++i) {
    if (!is_digit(i)) return false;
  }
  return true;
}

uint64_t CodeRun::number(size_t i, size_t end) const {
  uint64_t value = 0;
  for (; i < end; ++i) value = value * 10 + static_cast<uint64_t>(digit(i));
  return value;
}

uint64_t CodeRun::shape(size_t i, size_t end) const {
  uint64_t out = 0;
  size_t groups = 0;
  for (size_t at = i; at < end;) {
    size_t next = at + 1;
    while (next < end && !border(next)) ++next;
    if (next - at > 9 || ++groups > 9) return 0;
    out = out * 10 + (next - at);
    at = next;
  }
  return groups > 1 ? out : 0;
}

bool CodeRun::one_group(size_t i, size_t end) const {
  for (size_t k = i + 1; k < end; ++k) {
    if (border(k)) return false;
  }
  return true;
}

bool CodeRun::spelled(size_t i, size_t end) const {
  for (size_t k = i + 1; k < end; ++k) {
    if (!border(k)) return false;
  }
  return true;
}

}  // namespace hearth::pii
