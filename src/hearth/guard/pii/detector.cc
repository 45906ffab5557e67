// See detector.h.
#include "hearth/guard/pii/detector.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>

#include "hearth/base/check.h"
#include "hearth/guard/pii/automaton.h"
#include "hearth/guard/pii/characters.h"
#include "hearth/guard/pii/recogniser.h"

namespace hearth::pii {
namespace {

constexpr size_t kNumeralsToBegin = 6;  // Chinese numerals in a row that make a number of it
constexpr size_t kRunMin = 5;           // characters of a run that are worth a look

constexpr auto kFullWidth =
    std::to_array<std::string_view>({"０", "１", "２", "３", "４", "５", "６", "７", "８", "９"});
// Beginnings of what may be a digit: numerals, JSON escapes.
constexpr auto kDisguises = std::to_array<std::string_view>(
    {"〇", "零", "一", "二", "三", "四", "五", "六", "七", "八", "九", "幺", "壹",
     "贰", "貳", "叁", "參", "肆", "伍", "陆", "陸", "柒", "捌", "玖", "○",  "\\uff1"});

// What a literal of the automaton stands for.
struct Meaning {
  enum class Kind : uint8_t { digit, disguise, context, literal } kind = Kind::digit;
  uint32_t length = 0;
  Topics topics = 0;                     // context
  bool bounded_before = false;           // context: a letter before it makes it another word
  bool bounded_after = false;            // and one after it
  std::vector<size_t> recognisers = {};  // literal
};

struct Lexicon {
  std::vector<std::string_view> literals;
  std::vector<Meaning> meanings;

  void add(std::string_view literal, Meaning meaning) {
    meaning.length = static_cast<uint32_t>(literal.size());
    literals.push_back(literal);
    meanings.push_back(std::move(meaning));
  }
  void add_digits() {
    static constexpr std::string_view kDigits = "0123456789";
    for (size_t i = 0; i < kDigits.size(); ++i) {
      add(kDigits.substr(i, 1), {.kind = Meaning::Kind::digit});
    }
    for (std::string_view d : kFullWidth) add(d, {.kind = Meaning::Kind::digit});
    for (std::string_view d : kDisguises) add(d, {.kind = Meaning::Kind::disguise});
  }
  // Words and literals of several topics or recognisers are one literal of the automaton.
  void add_words() {
    std::map<std::string_view, Meaning> words;
    for (const ContextWord& c : context_words()) {
      const bool open = c.word.ends_with('*');
      const std::string_view word = c.word.substr(0, c.word.size() - (open ? 1 : 0));
      Meaning& m = words.try_emplace(word, Meaning{Meaning::Kind::context, 0}).first->second;
      m.topics |= topic(c.topic);
      m.bounded_before = is_letter(word.front());
      m.bounded_after = is_letter(word.back()) && !open;
    }
    for (auto& [word, meaning] : words) add(word, std::move(meaning));
    std::map<std::string_view, Meaning> found;
    for (size_t i = 0; i < recognisers().size(); ++i) {
      for (std::string_view literal : recognisers()[i].literals) {
        found.try_emplace(literal, Meaning{Meaning::Kind::literal, 0})
            .first->second.recognisers.push_back(i);
      }
    }
    for (auto& [literal, meaning] : found) add(literal, std::move(meaning));
  }
};

const Lexicon& lexicon() {
  static const Lexicon made = [] {
    Lexicon out;
    out.add_digits();
    out.add_words();
    return out;
  }();
  return made;
}

const Automaton& automaton() {
  static const Automaton made(lexicon().literals);
  return made;
}

// One walk over one text.
class Scan {
 public:
  Scan(std::string_view text, const DetectOptions& options)
      : text_(text), options_(options), proposals_(candidates_) {}

  std::vector<Entity> run() {
    walk();
    const auto table = recognisers();
    for (size_t i = 0; i < table.size(); ++i) {
      if (!table[i].in_text || !options_.types.has(table[i].type)) continue;
      proposals_.of(i, table[i].type);
      table[i].in_text(text_, proposals_);
    }
    weigh();
    return best();
  }

 private:
  struct Heard {
    size_t start, end;
    Topics topics;
  };

  void walk() {
    const Automaton& a = automaton();
    const std::vector<Meaning>& meanings = lexicon().meanings;
    Automaton::State state = Automaton::kStart;
    for (size_t i = 0; i < text_.size(); ++i) {
      state = a.next(state, text_[i]);
      if (!a.reports(state) || (i < run_end_ && is_digit(text_[i]))) continue;
      for (uint16_t found : a.found(state)) meet(meanings[found], i + 1);
    }
  }

  void meet(const Meaning& meaning, size_t end) {
    const size_t at = end - meaning.length;
    switch (meaning.kind) {
      case Meaning::Kind::digit:
        if (at >= run_end_) meet_digit(at);
        return;
      case Meaning::Kind::disguise:
        if (at >= run_end_ && begins_number(at)) read_run(at);
        return;
      case Meaning::Kind::context:
        hear(meaning, at, end);
        return;
      case Meaning::Kind::literal:
        for (size_t i : meaning.recognisers) {
          const Recogniser& r = recognisers()[i];
          if (!options_.types.has(r.type)) continue;
          proposals_.of(i, r.type);
          r.at_literal(text_, at, end, proposals_);
        }
    }
  }

  bool begins_number(size_t at) const {
    return CodeRun::numerals_at(text_, at, kNumeralsToBegin) == kNumeralsToBegin;
  }

  // The digits of \u0031 are no digits, it may be one.
  void meet_digit(size_t at) {
    if (at < 2 || text_[at - 1] != 'u' || json_escape(text_, at - 2) == 0) return read_run(at);
    if (begins_number(at - 2)) return read_run(at - 2);
    run_end_ = at - 2 + kJsonEscapeBytes;
  }

  void hear(const Meaning& meaning, size_t at, size_t end) {
    if (meaning.bounded_before && at > 0 && is_letter(text_[at - 1])) {
      // "homePhone" is two words, "did" is one.
      if (!(is_lower(text_[at - 1]) && is_upper(text_[at]))) return;
    }
    if (meaning.bounded_after && end < text_.size() && is_lower(text_[end])) return;
    heard_.push_back({at, end, meaning.topics});
  }

  void read_run(size_t at) {
    run_.read(text_, at, run_end_);
    run_end_ = std::max(run_.text_end(), at + 1);
    if (run_.size() < kRunMin && run_.groups() < 4) return;
    const auto table = recognisers();
    for (size_t i = 0; i < table.size(); ++i) {
      const Recogniser& r = table[i];
      if (!r.in_run || run_.size() < r.characters || (r.letters && !run_.has_letters())) continue;
      if (!options_.types.has(r.type)) continue;
      proposals_.of(i, r.type);
      r.in_run(run_, proposals_);
    }
  }

  // "ID" speaks of every country's document: a word for the country's own says more, a word for
  // another country's alone that this is none.
  static double of_country(const Recogniser& r, Topics around) {
    if ((r.context & topic(Topic::identity)) == 0) return 0;
    const Topics own = r.context & ~topic(Topic::identity);
    if (own == 0) return 0;
    if ((around & own) != 0) return kOwnCountryGain;
    return (around & kCountryTopics) != 0 ? -kOtherCountryLoss : 0;
  }

  // Scores with the words around each candidate; drops those that stay below the least.
  void weigh() {
    std::stable_sort(candidates_.begin(), candidates_.end(),
                     [](const Candidate& a, const Candidate& b) { return a.start < b.start; });
    // Words come in the order of their ends.
    size_t first = 0;
    for (Candidate& c : candidates_) {
      while (first < heard_.size() && heard_[first].end + kContextBefore < c.start) ++first;
      Topics around = 0;
      for (size_t k = first; k < heard_.size() && heard_[k].start < c.end + kContextAfter; ++k) {
        const Heard& h = heard_[k];
        if (h.end <= c.start || h.start >= c.end) around |= h.topics;
      }
      const Recogniser& r = recognisers()[c.recogniser];
      if ((around & r.context) != 0) {
        c.score += r.gain + of_country(r, around);
      } else if ((around & topic(Topic::unrelated)) != 0 && c.score < kCertain) {
        c.score -= kUnrelatedLoss;
      }
      c.score = std::min(c.score, 1.0);
    }
    std::erase_if(candidates_, [&](const Candidate& c) { return c.score < options_.score_min; });
  }

  std::vector<Entity> best() {
    std::stable_sort(candidates_.begin(), candidates_.end(),
                     [](const Candidate& a, const Candidate& b) {
                       if (a.score != b.score) return a.score > b.score;
                       return a.end - a.start > b.end - b.start;
                     });
    std::map<size_t, Entity> kept;  // by start
    for (const Candidate& c : candidates_) {
      if (!options_.types.has(c.type)) continue;
      const auto after = kept.lower_bound(c.start);
      if (after != kept.end() && after->first < c.end) continue;
      if (after != kept.begin() && std::prev(after)->second.end > c.start) continue;
      kept.emplace(c.start,
                   Entity{c.type, c.start, c.end, c.score, recognisers()[c.recogniser].name});
    }
    std::vector<Entity> out;
    out.reserve(kept.size());
    for (const auto& [start, entity] : kept) out.push_back(entity);
    return out;
  }

  const std::string_view text_;
  const DetectOptions options_;
  std::vector<Candidate> candidates_;
  Proposals proposals_;
  std::vector<Heard> heard_;
  CodeRun run_;
  size_t run_end_ = 0;
};

}  // namespace

std::vector<Entity> detect(std::string_view text, const DetectOptions& options) {
  CHECK_LT(text.size(), size_t{std::numeric_limits<uint32_t>::max()});
  return Scan(text, options).run();
}

}  // namespace hearth::pii
