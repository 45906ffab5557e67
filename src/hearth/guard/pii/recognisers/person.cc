// Names of persons, guessed: a dictionary of given names, titles, and what people say before a
// name, for English and languages written like it; family names with titles or forms of address for
// Chinese. Off unless a policy asks: capitals and two characters are weak evidence.
#include <algorithm>
#include <unordered_set>

#include "hearth/guard/pii/characters.h"
#include "hearth/guard/pii/recognisers/list.h"
#include "hearth/guard/pii/recognisers/name_lists.h"

namespace hearth::pii {
namespace {

using WordSet = std::unordered_set<std::string_view>;

WordSet words_of(std::string_view list) {
  WordSet out;
  while (!list.empty()) {
    const size_t space = std::min(list.find(' '), list.size());
    out.insert(list.substr(0, space));
    list.remove_prefix(std::min(space + 1, list.size()));
  }
  return out;
}

struct Lists {
  WordSet given = words_of(kGivenNames), titles = words_of(kTitles), no_names = words_of(kNoNames);
};
const Lists& lists() {
  static const Lists made;
  return made;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), to_lower);
  return out;
}

// A word of letters: é and Ж are letters, Chinese characters are not.
struct Word {
  size_t begin = 0, end = 0;
  bool capital = false;
};

class Words {
 public:
  explicit Words(std::string_view text) : text_(text) {}

  // The word at or after `at`, hyphens and apostrophes inside it included.
  bool next(size_t at, Word& out) const {
    while (at < text_.size() && letter(at) == 0) ++at;
    if (at == text_.size()) return false;
    out.begin = at;
    while (at < text_.size()) {
      size_t n = letter(at);
      const bool joins = text_[at] == '-' || text_[at] == '\'';
      if (n == 0 && joins && at > out.begin && at + 1 < text_.size() && letter(at + 1) > 0) n = 1;
      if (n == 0) break;
      at += n;
    }
    out.end = at;
    out.capital = is_capital(out.begin);
    return true;
  }
  std::string_view of(const Word& w) const { return text_.substr(w.begin, w.end - w.begin); }

 private:
  size_t letter(size_t at) const {  // its bytes; 0: none
    if (is_ascii(text_[at])) return is_letter(text_[at]) ? 1 : 0;
    const CodePoint point = code_point_at(text_, at);
    return is_foreign_letter(point.value) ? point.length : 0;
  }
  bool is_capital(size_t at) const {
    if (is_ascii(text_[at])) return is_upper(text_[at]);
    const uint32_t c = code_point_at(text_, at).value;
    if (c >= 0xc0 && c <= 0xde) return true;
    if (c >= 0x100 && c < 0x180) return c >= 0x139 && c <= 0x148 ? c % 2 == 1 : c % 2 == 0;
    return (c >= 0x391 && c <= 0x3a9) || (c >= 0x400 && c <= 0x42f);
  }

  std::string_view text_;
};

class LatinNames {
 public:
  LatinNames(std::string_view text, Proposals& out) : text_(text), words_(text), out_(out) {}

  void find() {
    Word word;
    for (size_t at = 0; words_.next(at, word); at = std::max(at, word.end)) {
      const std::string low = lower(words_.of(word));
      if (lists().titles.contains(low)) {
        at = after_title(word);
      } else if (lists().given.contains(low)) {
        at = name(word, word.capital ? 0.7 : 0.52);
      } else if (word.capital && announced(word.begin) && !lists().no_names.contains(low)) {
        at = name(word, 0.65);
      }
    }
  }

 private:
  // The name that begins with `first`: as many words with a capital as follow. Its end.
  size_t name(const Word& first, double score) {
    size_t end = first.end;
    Word next;
    int words = 1;
    while (words < 4 && words_.next(end, next)) {
      std::string_view between = text_.substr(end, next.begin - end);
      const bool initial = between == ". " && end - first.begin == 1;
      if (between != " " && !initial && !after_initial(end, between)) break;
      const std::string low = lower(words_.of(next));
      const bool particle = low == "van" || low == "von" || low == "de" || low == "der" ||
                            low == "den" || low == "da" || low == "di" || low == "bin" ||
                            low == "al";
      if ((!next.capital && !particle) || lists().no_names.contains(low)) break;
      if (particle && !followed_by_capital(next.end)) break;
      end = next.end;
      ++words;
    }
    out_.add(first.begin, end, words > 1 ? std::min(score + 0.15, 0.85) : score);
    return end;
  }
  bool after_initial(size_t end, std::string_view between) const {
    return between == ". " && end >= 2 && text_[end - 2] == ' ' && is_upper(text_[end - 1]);
  }
  bool followed_by_capital(size_t at) const {
    Word next;
    return words_.next(at, next) && next.begin == at + 1 && next.capital;
  }

  size_t after_title(const Word& title) {
    Word next;
    size_t at = title.end;
    if (text_.substr(at, 1) == ".") ++at;
    if (!words_.next(at, next) || text_.substr(at, next.begin - at) != " ") return title.end;
    const std::string low = lower(words_.of(next));
    if (lists().no_names.contains(low)) return title.end;
    if (!next.capital && !lists().given.contains(low)) return title.end;
    return name(next, 0.8);
  }

  bool announced(size_t begin) const {
    const size_t from = begin > 24 ? begin - 24 : 0;
    std::string before = lower(text_.substr(from, begin - from));
    while (!before.empty() && (before.back() == ' ' || before.back() == '\n')) before.pop_back();
    for (std::string_view phrase : kBeforeName) {
      if (!before.ends_with(phrase)) continue;
      const size_t rest = before.size() - phrase.size();
      if (rest == 0 || !is_letter(before[rest - 1])) return true;
    }
    return false;
  }

  std::string_view text_;
  Words words_;
  Proposals& out_;
};

constexpr size_t kHan = 3;  // bytes of a character of the lists

bool one_of(std::string_view set, std::string_view item) {
  for (size_t at = 0; at + item.size() <= set.size(); at += item.size()) {
    if (set.substr(at, item.size()) == item) return true;
  }
  return false;
}

// Bytes of the family name at `at`; 0: none.
size_t family_name(std::string_view text, size_t at) {
  const std::string_view two = text.substr(at, 2 * kHan);
  if (two.size() == 2 * kHan && one_of(kLongFamilyNames, two)) return 2 * kHan;
  const std::string_view one = text.substr(at, kHan);
  return one.size() == kHan && one_of(kFamilyNames, one) ? kHan : 0;
}

bool han_at(std::string_view text, size_t at) {
  return at + kHan <= text.size() && is_han(code_point_at(text, at).value) &&
         code_point_at(text, at).length == kHan;
}

bool begins_form(std::string_view rest) {
  return std::any_of(kAfterChineseName.begin(), kAfterChineseName.end(),
                     [&](std::string_view form) { return rest.starts_with(form); });
}

// "姓名：张伟", "我叫欧阳娜娜"
void after_announcement(std::string_view text, Proposals& out) {
  constexpr std::array<std::string_view, 5> kStops = {"的", "是", "在", "住", "和"};
  for (std::string_view phrase : kBeforeChineseName) {
    for (size_t at = text.find(phrase); at != text.npos; at = text.find(phrase, at + 1)) {
      size_t begin = at + phrase.size();
      for (std::string_view mark : {"：", ":", " "}) {
        if (text.substr(begin).starts_with(mark)) begin += mark.size();
      }
      const size_t family = family_name(text, begin);
      if (family == 0) continue;
      size_t end = begin + family;
      for (int given = 0; given < 2 && han_at(text, end); ++given) {
        const std::string_view next = text.substr(end, kHan);
        if (std::find(kStops.begin(), kStops.end(), next) != kStops.end()) break;
        if (begins_form(text.substr(end))) break;
        end += kHan;
      }
      if (end > begin + family) out.add(begin, end, 0.75);
    }
  }
}

// "张伟先生", "欧阳老师"
void before_form(std::string_view text, Proposals& out) {
  for (std::string_view form : kAfterChineseName) {
    for (size_t at = text.find(form); at != text.npos; at = text.find(form, at + 1)) {
      for (size_t length : {size_t{3}, size_t{2}, size_t{4}, size_t{1}}) {
        if (at < length * kHan) continue;
        const size_t begin = at - length * kHan;
        const size_t family = family_name(text, begin);
        if (family == 0 || length * kHan < family || (family == kHan && length > 3)) continue;
        bool han = true;
        for (size_t k = begin; k < at; k += kHan) han = han && han_at(text, k);
        if (!han) continue;
        out.add(begin, at, length == 1 ? 0.6 : 0.7);
        break;
      }
    }
  }
}

}  // namespace

void find_persons(std::string_view text, Proposals& out) {
  LatinNames(text, out).find();
  after_announcement(text, out);
  before_form(text, out);
}

}  // namespace hearth::pii
