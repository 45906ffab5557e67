// Recogniser: one row of the table. It proposes spans with a base score; words around them raise or
// lower it (context.h), and the best of what overlaps is kept (detector.h).
//
// A recogniser is tried on every CodeRun that is long enough, or wherever one of its literals
// stands, or both. A new one is one file in recognisers/ and one line in recognisers.cc.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "hearth/guard/pii/code_run.h"
#include "hearth/guard/pii/context.h"
#include "hearth/guard/pii/entity.h"

namespace hearth::pii {

struct Candidate {
  size_t start = 0, end = 0;
  double score = 0;
  size_t recogniser = 0;  // row of the table
  Type type = Type::cn_id;
};

// What a recogniser writes into.
class Proposals {
 public:
  explicit Proposals(std::vector<Candidate>& out) : out_(out) {}
  void of(size_t recogniser, Type type) {
    recogniser_ = recogniser;
    type_ = type;
  }

  void add(size_t start, size_t end, double score) {
    out_.push_back({start, end, score, recogniser_, type_});
  }
  // Characters [i, end) of a run.
  void add(const CodeRun& run, size_t i, size_t end, double score) {
    add(run.begin(i), run.end(end - 1), score);
  }

 private:
  std::vector<Candidate>& out_;
  size_t recogniser_ = 0;
  Type type_ = Type::cn_id;
};

// A score from here on stands by itself: words that speak of something else don't lower it.
inline constexpr double kCertain = 0.9;
// What such words take from the others.
inline constexpr double kUnrelatedLoss = 0.35;
// What a word for a country's own document adds to "ID", and a word for another country's takes.
inline constexpr double kOwnCountryGain = 0.1;
inline constexpr double kOtherCountryLoss = 0.4;

// What a recogniser is, by what it looks at: a run of digits and letters; a text where a literal
// stands at [at, end); a whole text, only where its type is wanted, for types that no literal
// announces.
using InRun = void(const CodeRun& run, Proposals& out);
using AtLiteral = void(std::string_view text, size_t at, size_t end, Proposals& out);
using InText = void(std::string_view text, Proposals& out);
using Literals = std::span<const std::string_view>;  // lower case

struct Recogniser {
  std::string_view name;
  Type type;
  Topics context = 0;  // one of these near it adds `gain`
  double gain = 0;
  size_t characters = 0;  // a run of fewer holds none
  bool letters = false;   // neither does one without letters
  InRun* in_run = nullptr;
  Literals literals = {};
  AtLiteral* at_literal = nullptr;
  InText* in_text = nullptr;
};

std::span<const Recogniser> recognisers();

}  // namespace hearth::pii
