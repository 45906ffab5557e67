// CodeRun: what identifiers are written in. A run of digits and letters, in groups that separators
// may part, folded so that a recogniser sees plain ASCII whatever the disguise: full-width forms,
// Chinese numerals, JSON escapes, zero-width characters between digits. Each character remembers
// where it stands in the text and what stood before it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::pii {

// What lies between two characters of a run; bits, several may come together (") ").
enum Gap : uint8_t {
  kNothing = 0,
  kZeroWidth = 1,  // parts nothing: the characters belong together
  kSpace = 2,
  kDash = 4,  // and underscore
  kDot = 8,   // and the middle dot of plates
  kSlash = 16,
  kColon = 32,
  kComma = 64,
  kBracket = 128,  // and plus
};
using Gaps = uint8_t;
inline constexpr Gaps kSoft = kZeroWidth | kSpace | kDash | kDot;

class CodeRun {
 public:
  static constexpr size_t kNone = static_cast<size_t>(-1);

  // Reads the run around the digit at `at`; characters before `floor` belong to an earlier one.
  void read(std::string_view text, size_t at, size_t floor);
  // How many characters of a run stand at `at` one after the other, counted no further than `most`.
  static size_t numerals_at(std::string_view text, size_t at, size_t most);

  std::string_view text() const { return text_; }
  size_t size() const { return code_.size(); }
  // Character i, '0'..'9' or 'A'..'Z'. Recognisers look a few ahead: behind the end there is '\0',
  // which is no digit, nothing lies before it, and a group ends there.
  char operator[](size_t i) const { return i < code_.size() ? code_[i] : '\0'; }
  // Letters as they were written.
  std::string_view exact() const { return exact_; }
  std::string_view code() const { return code_; }
  // Before character i.
  Gaps gap(size_t i) const { return i < places_.size() ? places_[i].gap : Gaps{kNothing}; }
  size_t begin(size_t i) const { return places_[i].begin; }
  size_t end(size_t i) const { return places_[i].end; }  // of character i: the byte after it
  size_t text_end() const { return places_.empty() ? 0 : places_.back().end; }
  bool has_letters() const { return has_letters_; }
  size_t groups() const { return groups_; }
  Gaps all_gaps() const { return all_gaps_; }

  // Where an identifier may begin: at a group, or at the first digit after letters that begin one.
  const std::vector<uint32_t>& starts() const { return starts_; }
  // An identifier may end before character i: a group ends there.
  bool ends(size_t i) const { return border(i); }
  // The same, or letters follow a digit ("…21号" is a group's end anyway; this is "…21abc").
  bool ends_loosely(size_t i) const { return ends(i) || (is_digit(i - 1) && !is_digit(i)); }
  // A group begins at character i.
  bool border(size_t i) const { return i >= places_.size() || places_[i].border; }

  bool is_digit(size_t i) const { return (*this)[i] >= '0' && (*this)[i] <= '9'; }
  int digit(size_t i) const { return (*this)[i] - '0'; }
  // `count` characters from i on, gaps between them within `gaps`: the index after them, or kNone.
  size_t take(size_t i, size_t count, Gaps gaps) const;
  size_t take_digits(size_t i, size_t count, Gaps gaps) const;
  bool all_digits(size_t i, size_t end) const;
  uint64_t number(size_t i, size_t end) const;  // of at most 18 digits
  // The lengths of the groups in [i, end), as digits of a number: 3-4-4 is 344; 0: more than 9
  // groups, or one of more than 9 characters. A single group gives 0 as well: see one_group.
  uint64_t shape(size_t i, size_t end) const;
  bool one_group(size_t i, size_t end) const;
  // Each character is a group of its own.
  bool spelled(size_t i, size_t end) const;

 private:
  struct Unit;
  static Unit unit_at(std::string_view text, size_t at);
  size_t group_begin(size_t at, size_t floor) const;
  size_t first_of(size_t at, size_t floor) const;
  bool goes_on(size_t at) const;
  void append(const Unit& unit, size_t at, Gaps gap, bool new_group);
  void clear();

  std::string_view text_;
  std::string code_, exact_;
  struct Place {
    uint32_t begin, end;  // bytes of the text
    Gaps gap;
    bool border;
  };
  std::vector<Place> places_;  // of each character
  std::vector<uint32_t> starts_;
  size_t groups_ = 0;
  Gaps all_gaps_ = 0;
  bool has_letters_ = false;
  bool only_letters_ = true;  // in the group that is being read
  int numerals_ = 0;          // system of the last character
};

}  // namespace hearth::pii
