// Postal addresses, guessed by their parts: a chain of Chinese places from large to small that ends
// in a number; in English a number, a street with its kind, and what follows of flat, city, state
// and code. Off unless a policy asks.
#include <algorithm>
#include <array>

#include "hearth/guard/pii/characters.h"
#include "hearth/guard/pii/recognisers/list.h"

namespace hearth::pii {
namespace {

// Kinds of places from large to small; a chain goes down this list.
constexpr auto kPlaces = std::to_array<std::string_view>(
    {"自治区", "省",   "市",   "自治县", "区", "县",   "旗", "镇",   "乡",   "街道", "社区",
     "村",     "大道", "大街", "路",     "街", "胡同", "巷", "弄",   "小区", "花园", "大厦",
     "广场",   "号院", "号楼", "号",     "栋", "幢",   "座", "单元", "楼",   "层",   "室"});
constexpr size_t kRoad = 12;     // from here on a place is in a town
constexpr size_t kNumber = 23;   // from here on it is a number
constexpr size_t kNameMax = 30;  // bytes of a place's own name

bool in_place_name(std::string_view text, size_t at, size_t& length) {
  if (is_alnum(text[at]) || text[at] == '-') {
    length = 1;
    return true;
  }
  const CodePoint point = code_point_at(text, at);
  length = point.length;
  return is_han(point.value);
}

// The kind of place whose name begins at `at` and ends at `end`; -1: none within reach.
int place_at(std::string_view text, size_t at, size_t& end) {
  size_t k = at, length = 0;
  while (k < text.size() && k - at <= kNameMax && in_place_name(text, k, length)) {
    for (size_t kind = 0; k > at && kind < kPlaces.size(); ++kind) {
      if (!text.substr(k).starts_with(kPlaces[kind])) continue;
      end = k + kPlaces[kind].size();
      return static_cast<int>(kind);
    }
    k += length;
  }
  return -1;
}

// A chain is tried from each character that no chain has taken yet.
void find_chinese(std::string_view text, Proposals& out) {
  constexpr std::array<std::string_view, 8> kBefore = {
      "住在", "地址是", "地址：", "地址:", "位于", "住址", "寄到", "送到"};
  size_t at = 0;
  while (at < text.size()) {
    if (is_ascii(text[at])) {
      ++at;
      continue;
    }
    for (std::string_view word : kBefore) {
      if (text.substr(at).starts_with(word)) at += word.size();
    }
    if (at >= text.size()) return;
    size_t end = at, stop = 0, parts = 0;
    int last = -1;
    bool road = false, number = false;
    for (int kind = place_at(text, end, stop); kind > last; kind = place_at(text, end, stop)) {
      last = kind;
      end = stop;
      ++parts;
      road = road || kind >= static_cast<int>(kRoad);
      number = number || kind >= static_cast<int>(kNumber);
    }
    if (parts >= 3 && road) {
      out.add(at, end, number ? 0.85 : 0.6);
    } else if (parts == 2 && number) {
      out.add(at, end, 0.55);
    }
    at = std::max(end, at + code_point_at(text, at).length);
  }
}

constexpr auto kStreets = std::to_array<std::string_view>(
    {"street",   "st",      "road",    "rd",      "avenue", "ave",     "boulevard",
     "blvd",     "lane",    "ln",      "drive",   "dr",     "court",   "ct",
     "place",    "pl",      "way",     "terrace", "square", "parkway", "close",
     "crescent", "highway", "strasse", "straße",  "platz",  "weg"});

bool is_street(std::string_view word) {
  std::string low(word);
  std::transform(low.begin(), low.end(), low.begin(), to_lower);
  return std::find(kStreets.begin(), kStreets.end(), low) != kStreets.end();
}

// What stands inside a word: King's, King’s, Martin-Luther, also with the hyphens of typesetters.
bool joins(uint32_t c) {
  return c == '\'' || c == '-' || c == 0x2019 || c == 0x2011 || c == 0xad;
}

size_t word_end(std::string_view text, size_t at) {
  size_t end = at;
  while (at < text.size()) {
    const CodePoint point = code_point_at(text, at);
    const bool letter = is_alnum(text[at]) || is_foreign_letter(point.value);
    if (!letter && !joins(point.value)) break;
    at += point.length;
    if (letter) end = at;  // a quotation mark behind a word is none of it
  }
  return end;
}

// "Apt. 5", ", Springfield", ", IL 62704" after a street; where they end.
size_t after_street(std::string_view text, size_t end) {
  for (int parts = 0; parts < 8; ++parts) {
    size_t at = end;
    while (at < text.size() && std::string_view(" ,.\n#").find(text[at]) != text.npos &&
           at - end < 3)
      ++at;
    const size_t stop = word_end(text, at);
    const bool place = stop > at && at > end && (is_upper(text[at]) || is_digit(text[at]));
    const bool sentence = text.substr(end, at - end).find(". ") != std::string_view::npos;
    if (!place || (sentence && !is_digit(text[at]))) break;
    end = stop;
  }
  return end;
}

// 12 Main Street: a number at the word before, up to four words, a kind of street.
void find_english(std::string_view text, Proposals& out) {
  for (size_t at = 0; at < text.size(); ++at) {
    if (!is_digit(text[at]) || (at > 0 && (is_alnum(text[at - 1]) || text[at - 1] == '.')))
      continue;
    size_t end = word_end(text, at);
    if (end - at > 6) {
      at = end;
      continue;
    }
    for (int words = 0; words < 5 && end < text.size() && text[end] == ' '; ++words) {
      const size_t stop = word_end(text, end + 1);
      const std::string_view word = text.substr(end + 1, stop - end - 1);
      if (word.empty() || (is_lower(word[0]) && words > 0 && !is_street(word))) break;
      end = stop;
      if (words > 0 && is_street(word)) {
        end = after_street(text, end);
        out.add(at, end, 0.7);
        at = end;
        break;
      }
    }
  }
}

}  // namespace

void find_addresses(std::string_view text, Proposals& out) {
  find_chinese(text, out);
  find_english(text, out);
}

}  // namespace hearth::pii
