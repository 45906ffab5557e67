// Matcher: where one answer stands in a grammar, and which tokens may come next. Many matchers
// share one compiled grammar and what each of them has found out about it.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include "hearth/text/grammar/automaton.h"
#include "hearth/text/grammar/states.h"
#include "hearth/text/grammar/token_trie.h"

namespace hearth::grammar {

inline constexpr size_t kRollbackMax = 64;  // steps that can be taken back

// Thread-safe.
class CompiledGrammar {
 public:
  // Errors are those of build_automaton.
  static Result<std::shared_ptr<CompiledGrammar>> compile(Grammar grammar,
                                                          std::shared_ptr<const TokenTrie> tokens,
                                                          const StateLimits& limits = {});

  const TokenTrie& tokens() const { return *tokens_; }
  int64_t bytes() const;  // what it takes now

 private:
  friend class Matcher;
  CompiledGrammar(Automaton automaton, std::shared_ptr<const TokenTrie> tokens,
                  const StateLimits& limits);

  const Automaton automaton_;
  const std::shared_ptr<const TokenTrie> tokens_;
  const StateLimits limits_;
  RuleId root_ = 0, root_after_breaks_ = 0;
  mutable std::mutex mutex_;
  // Given up for a new one when it has grown too large; matchers move to that one.
  std::shared_ptr<States> states_;
};

// Of one answer, for one thread. A copy is cheap and goes its own way.
class Matcher {
 public:
  // `after_breaks`: up to two line breaks may come first, as models write them after a thought.
  Matcher(std::shared_ptr<CompiledGrammar> grammar, bool after_breaks);

  // One step: these bytes come next. False: they may not, and nothing happened.
  // unsupported: the grammar is too ambiguous to be followed within the bounds.
  Result<bool> advance(std::string_view bytes);
  // Takes back the last `steps`, at most kRollbackMax.
  void rollback(size_t steps);
  size_t steps() const { return steps_; }

  // Tokens that may come next, to `out` [TokenTrie::words]; none where only the end is left.
  Status mask(std::span<uint64_t> out);
  // The text may end here.
  bool complete();

 private:
  template <typename F>
  Status operate(const F& f);
  void move_to(std::shared_ptr<States> states);

  std::shared_ptr<CompiledGrammar> grammar_;
  std::shared_ptr<States> states_;
  std::vector<StateId> history_;  // the last of them is where it stands; empty: not begun
  size_t steps_ = 0;
  bool after_breaks_;
};

}  // namespace hearth::grammar
