// The automaton finds what a plain search finds, at the same places.
#include "hearth/guard/pii/automaton.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>

#include "hearth/guard/pii/characters.h"

namespace hearth::pii {
namespace {

using Places = std::multiset<std::pair<size_t, size_t>>;  // end, literal

Places by_automaton(const Automaton& automaton, std::string_view text) {
  Places out;
  Automaton::State state = Automaton::kStart;
  for (size_t i = 0; i < text.size(); ++i) {
    state = automaton.next(state, text[i]);
    if (!automaton.reports(state)) continue;
    for (uint16_t literal : automaton.found(state)) out.emplace(i + 1, literal);
  }
  return out;
}

Places by_search(const std::vector<std::string_view>& literals, std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), to_lower);
  Places out;
  for (size_t i = 0; i < literals.size(); ++i) {
    for (size_t at = text.find(literals[i]); at != text.npos; at = text.find(literals[i], at + 1)) {
      out.emplace(at + literals[i].size(), i);
    }
  }
  return out;
}

TEST(Automaton, FindsWhatASearchFinds) {
  const std::vector<std::string_view> literals = {"a", "ab", "bab", "bc", "bca", "号", "编号", "@"};
  const Automaton automaton(literals);
  std::mt19937 random(7);
  const std::vector<std::string> letters = {"a", "B", "c", "号", "编", "@", "x"};
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    for (size_t n = random() % 12; n > 0; --n) text += letters[random() % letters.size()];
    EXPECT_EQ(by_automaton(automaton, text), by_search(literals, text)) << text;
  }
}

}  // namespace
}  // namespace hearth::pii
