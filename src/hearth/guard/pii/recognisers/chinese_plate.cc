// Number plates of mainland China (GA 36-2018): the province's character, the city's letter, five
// places without I and O, six for electric cars; with the dot of the plate or without.
#include <array>

#include "hearth/guard/pii/characters.h"
#include "hearth/guard/pii/recognisers/list.h"

namespace hearth::pii {
namespace {

constexpr std::string_view kProvinces =
    "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使";
constexpr std::string_view kLastCharacters = "学警港澳挂领试超";
constexpr size_t kHan = 3;  // bytes of one of these

bool one_of(std::string_view set, std::string_view character) {
  for (size_t at = 0; at < set.size(); at += kHan) {
    if (set.substr(at, kHan) == character) return true;
  }
  return false;
}

bool places(const CodeRun& run, size_t i, size_t end) {
  size_t digits = 0;
  for (size_t k = i; k < end; ++k) {
    if (run[k] == 'I' || run[k] == 'O') return false;
    if (run.is_digit(k)) ++digits;
  }
  return digits + 2 >= end - i;  // at most two letters
}

}  // namespace

void find_plate(const CodeRun& run, Proposals& out) {
  for (size_t i = 0; i + 5 <= run.size(); ++i) {
    if (run.is_digit(i) || !run.border(i) || run.begin(i) < kHan) continue;
    const size_t province = run.begin(i) - kHan;
    if (!one_of(kProvinces, run.text().substr(province, kHan))) continue;
    for (size_t count : {size_t{6}, size_t{5}}) {
      const size_t end = run.take(i, count + 1, kZeroWidth | kDot | kSpace | kDash);
      if (end != CodeRun::kNone && run.ends(end) && places(run, i + 1, end)) {
        out.add(province, run.end(end - 1), 0.85);
        break;
      }
    }
    // Four places and a character: learners, police, cars from Hong Kong and Macao.
    const size_t end = run.take(i, 5, kZeroWidth | kDot | kSpace | kDash);
    if (end == CodeRun::kNone || !run.ends(end) || !places(run, i + 1, end)) continue;
    const size_t last = run.end(end - 1);
    if (one_of(kLastCharacters, run.text().substr(last, kHan)))
      out.add(province, last + kHan, 0.85);
  }
}

}  // namespace hearth::pii
