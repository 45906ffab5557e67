// Telephone numbers of mainland China: mobile (eleven digits of an allotted range) and landline
// (area code and seven or eight digits), with or without +86.
#include <algorithm>
#include <array>

#include "hearth/guard/pii/recognisers/list.h"

namespace hearth::pii {
namespace {

constexpr size_t kMobile = 11;

// Ranges that the ministry has allotted to persons (numbering plan of 2024).
bool is_allotted(uint64_t prefix) {
  const uint64_t ten = prefix / 10, unit = prefix % 10;
  switch (ten) {
    case 13:
    case 18:
      return true;
    case 14:
      return unit >= 5;
    case 15:
      return unit != 4;
    case 16:
      return unit == 2 || (unit >= 5 && unit <= 7);
    case 17:
      return unit != 9;
    case 19:
      return unit != 4;
    default:
      return false;
  }
}

// Groups as people write the eleven digits.
bool usual_shape(const CodeRun& run, size_t i, size_t end) {
  static constexpr std::array<uint64_t, 5> kShapes = {344, 443, 335, 38, 74};
  if (run.one_group(i, end) || run.spelled(i, end)) return true;
  const uint64_t shape = run.shape(i, end);
  if (std::find(kShapes.begin(), kShapes.end(), shape) != kShapes.end()) return true;
  // Digits and Chinese numerals mixed: a disguise, whatever its groups.
  for (size_t k = i + 1; k < end; ++k) {
    if (run.border(k) && run.gap(k) != kNothing) return false;
  }
  return true;
}

// The number begins after the country's code: +86, 0086, 86.
bool after_country_code(const CodeRun& run, size_t i) {
  if (i < 2 || i >= run.size() || run[i - 2] != '8' || run[i - 1] != '6') return false;
  if (i == 2) return true;
  return (i == 4 && run[0] == '0' && run[1] == '0') || run.border(i - 2);
}

size_t with_country_code(const CodeRun& run, size_t i) {
  return i >= 4 && run[i - 3] == '0' && run[i - 4] == '0' ? i - 4 : i - 2;
}

// A leading + belongs to the number.
void propose(const CodeRun& run, size_t first, size_t end, double score, Proposals& out) {
  size_t begin = run.begin(first);
  if (begin > 0 && run.text()[begin - 1] == '+') --begin;
  out.add(begin, run.end(end - 1), score);
}

}  // namespace

void find_cn_mobile(const CodeRun& run, Proposals& out) {
  for (size_t k : run.starts()) {
    // 8613800138000 begins eleven digits later than it stands.
    for (size_t i : {k, k + 2, k + 4}) {
      const bool coded = i > k;
      if (coded && !after_country_code(run, i)) continue;
      const size_t end = run.take_digits(i, kMobile, kSoft | kBracket);
      if (end == CodeRun::kNone || !is_allotted(run.number(i, i + 3))) continue;
      // Letters glued to the end of a group of its own are a disguise; inside a word they are a
      // code.
      if (!run.ends(end) && !(run.border(k) && run.ends_loosely(end))) continue;
      if (!usual_shape(run, i, end)) continue;
      if (coded) {
        propose(run, with_country_code(run, i), end, 0.92, out);
      } else {
        out.add(run, i, end, 0.7);
      }
    }
  }
}

void find_cn_landline(const CodeRun& run, Proposals& out) {
  for (size_t i : run.starts()) {
    if (run[i] != '0') continue;
    for (size_t area : {size_t{3}, size_t{4}}) {
      if (i + area >= run.size() || !run.all_digits(i, i + area)) continue;
      const bool three = run[i + 1] == '1' ? run[i + 2] == '0' : run[i + 1] == '2';
      if (three != (area == 3) || run[i + 1] == '0') continue;
      for (size_t local : {size_t{8}, size_t{7}}) {
        const size_t end = run.take_digits(i, area + local, kSoft | kBracket);
        if (end == CodeRun::kNone || !run.ends(end)) continue;
        if (run[i + area] < '2' || run[i + area] > '8') continue;
        const bool parted = run.border(i + area);
        if (parted && !run.one_group(i + area, end) && run.shape(i + area, end) % 10 != 4) continue;
        const bool bracket = run.begin(i) > 0 && run.text()[run.begin(i) - 1] == '(';
        out.add(run.begin(i) - (bracket ? 1 : 0), run.end(end - 1), parted ? 0.6 : 0.3);
        break;
      }
    }
  }
}

}  // namespace hearth::pii
