// See regex.h. Recursive descent; what it returns is kept apart by whether it is tied to the
// beginning or the end of the text, since only the ends of a pattern may be.
#include "hearth/text/grammar/regex.h"

#include <array>
#include <utility>

#include "hearth/text/grammar/character_class.h"
#include "hearth/text/grammar/text_cursor.h"

namespace hearth::grammar {
namespace {

// Alternatives of a part, by (tied to the beginning) * 2 + (tied to the end).
using Part = std::array<std::vector<ExprId>, 4>;

constexpr size_t kFree = 0, kAtEnd = 1, kAtBegin = 2;

Part free_part(ExprId expr) {
  Part out;
  out[kFree] = {expr};
  return out;
}

class RegexParser {
 public:
  RegexParser(std::string_view text, Grammar& grammar, const CharacterForm& form)
      : in_(text), g_(grammar), form_(form) {}

  Result<Part> run() {
    TRY_ASSIGN(Part part, alternatives(0));
    if (!in_.at_end()) return in_.wrong("the end, since no group is open");
    return part;
  }

 private:
  Result<Part> alternatives(int depth) {
    if (depth > kNestingMax) {
      return error(Code::unsupported, "byte {}: expected groups nested at most {} deep, found more",
                   in_.position(), kNestingMax);
    }
    Part out;
    do {
      TRY_ASSIGN(const Part one, sequence(depth));
      for (size_t i = 0; i < out.size(); ++i) {
        out[i].insert(out[i].end(), one[i].begin(), one[i].end());
      }
    } while (in_.take("|"));
    return out;
  }

  Result<Part> sequence(int depth) {
    std::vector<Part> terms;
    while (!in_.at_end() && in_.peek() != '|' && in_.peek() != ')') {
      const size_t begin = in_.position();
      TRY_ASSIGN(Part next, term(depth));
      const bool at_begin = !next[kAtBegin].empty() || !next[kAtBegin | kAtEnd].empty();
      const bool ended = !terms.empty() &&
                         !(terms.back()[kAtEnd].empty() && terms.back()[kAtBegin | kAtEnd].empty());
      if ((at_begin && !terms.empty()) || ended) {
        return error(Code::unsupported, "byte {}: ^ and $ are offered at the ends only", begin);
      }
      terms.push_back(std::move(next));
    }
    if (terms.empty()) return free_part(g_.empty());
    if (terms.size() == 1) return std::move(terms[0]);
    return joined(terms);
  }

  // The first may be tied to the beginning, the last to the end, the others to neither.
  Part joined(std::vector<Part>& terms) {
    std::vector<ExprId> middle;
    for (size_t i = 1; i + 1 < terms.size(); ++i) middle.push_back(g_.choice(terms[i][kFree]));
    Part out;
    for (size_t at_begin : {kFree, kAtBegin}) {
      for (size_t at_end : {kFree, kAtEnd}) {
        const auto& first = terms.front()[at_begin];
        const auto& last = terms.back()[at_end];
        if (first.empty() || last.empty()) continue;
        std::vector<ExprId> all = {g_.choice(first)};
        all.insert(all.end(), middle.begin(), middle.end());
        all.push_back(g_.choice(last));
        out[at_begin | at_end] = {g_.sequence(std::move(all))};
      }
    }
    return out;
  }

  Result<Part> term(int depth) {
    const size_t begin = in_.position();
    Part part;
    if (in_.take("^")) {
      part[kAtBegin] = {g_.empty()};
    } else if (in_.take("$")) {
      part[kAtEnd] = {g_.empty()};
    } else if (in_.take("(")) {
      TRY(group_kind());
      TRY_ASSIGN(part, alternatives(depth + 1));
      if (!in_.take(")")) return in_.wrong("`)`");
    } else {
      TRY_ASSIGN(const ExprId one, character());
      part = free_part(one);
    }
    return repeated(std::move(part), begin);
  }

  // (?:, (?<name> and (?P<name> group as ( does; the others look around or set flags.
  Status group_kind() {
    if (in_.peek() != '?') return Status::ok();
    if (in_.take("?:")) return Status::ok();
    const size_t begin = in_.position();
    const bool named =
        in_.take("?P<") || (in_.peek(2) != '=' && in_.peek(2) != '!' && in_.take("?<"));
    if (!named) {
      return error(Code::unsupported, "byte {}: `({}` is not offered, only plain groups are", begin,
                   excerpt(in_.ahead(2)));
    }
    while (!in_.at_end() && in_.peek() != '>') in_.take_code_point();
    return in_.take(">") ? Status::ok() : in_.wrong("`>`");
  }

  Result<ExprId> character() {
    const size_t begin = in_.position();
    if (in_.take(".")) {
      return form_(g_, complement({{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}}));
    }
    if (in_.take("[")) {
      TRY_ASSIGN(std::vector<CodeRange> ranges, take_class(in_));
      return form_(g_, std::move(ranges));
    }
    const char c = in_.peek();
    if (c == '*' || c == '+' || c == '?' || c == '{') return in_.wrong("something to repeat");
    if (!in_.take("\\")) {
      const uint32_t code = in_.take_code_point();
      return form_(g_, {{code, code}});
    }
    const char letter = in_.peek();
    if (std::vector<CodeRange> named = named_class(letter); !named.empty()) {
      in_.take_code_point();
      return form_(g_, std::move(named));
    }
    const bool refused = letter == 'b' || letter == 'B' || letter == 'p' || letter == 'P' ||
                         letter == 'k' || (letter >= '1' && letter <= '9');
    if (refused) {
      return error(Code::unsupported, "byte {}: `\\{}` is not offered", begin, letter);
    }
    TRY_ASSIGN(const uint32_t code, take_escaped(in_));
    return form_(g_, {{code, code}});
  }

  Result<Part> repeated(Part part, size_t begin) {
    int64_t min = 0, max = kUnlimited;
    if (in_.take("+")) {
      min = 1;
    } else if (in_.take("?")) {
      max = 1;
    } else if (in_.take("{")) {
      TRY(counts(min, max));
    } else if (!in_.take("*")) {
      return part;
    }
    in_.take("?");  // lazy or not, the same texts match
    if (in_.peek() == '*' || in_.peek() == '+' || in_.peek() == '?' || in_.peek() == '{') {
      return in_.wrong("one repetition");
    }
    for (size_t i = 1; i < part.size(); ++i) {
      if (!part[i].empty()) {
        return error(Code::unsupported, "byte {}: ^ and $ can't be repeated", begin);
      }
    }
    return free_part(g_.repeat(g_.choice(part[kFree]), min, max));
  }

  // After the brace: {m}, {m,}, {m,n}.
  Status counts(int64_t& min, int64_t& max) {
    const size_t begin = in_.position();
    const auto low = in_.take_number(kRepeatMax);
    if (!low) return in_.wrong("a count");
    min = max = *low;
    if (in_.take(",")) {
      const auto high = in_.take_number(kRepeatMax);
      max = high ? *high : kUnlimited;
    }
    if (!in_.take("}")) return in_.wrong("`}`");
    if (min > kRepeatMax || max > kRepeatMax || (max != kUnlimited && max < min)) {
      return error(Code::invalid, "byte {}: expected counts in order and up to {}", begin,
                   kRepeatMax);
    }
    return Status::ok();
  }

  TextCursor in_;
  Grammar& g_;
  const CharacterForm& form_;
};

}  // namespace

ExprId plain_character(Grammar& grammar, std::vector<CodeRange> ranges) {
  return grammar.character(std::move(ranges));
}

Result<ExprId> parse_regex(std::string_view text, Anchoring anchoring, Grammar& grammar,
                           const CharacterForm& form) {
  if (text.size() > kRegexBytesMax) {
    return error(Code::unsupported, "expected at most {} bytes, found {}", kRegexBytesMax,
                 text.size());
  }
  if (!is_utf8(text)) return error(Code::invalid, "expected UTF-8");
  TRY_ASSIGN(const Part part, RegexParser(text, grammar, form).run());
  const ExprId any = form(grammar, {{0, kCodePointMax}});
  const ExprId anything = grammar.repeat(any, 0, kUnlimited);
  std::vector<ExprId> ways;
  for (size_t tied = 0; tied < part.size(); ++tied) {
    if (part[tied].empty()) continue;
    std::vector<ExprId> way;
    if (anchoring == Anchoring::search && !(tied & kAtBegin)) way.push_back(anything);
    way.push_back(grammar.choice(part[tied]));
    if (anchoring == Anchoring::search && !(tied & kAtEnd)) way.push_back(anything);
    ways.push_back(grammar.sequence(std::move(way)));
  }
  return grammar.choice(std::move(ways));
}

}  // namespace hearth::grammar
