// See matcher.h.
#include "hearth/text/grammar/matcher.h"

#include <utility>

namespace hearth::grammar {

CompiledGrammar::CompiledGrammar(Automaton automaton, std::shared_ptr<const TokenTrie> tokens,
                                 const StateLimits& limits)
    : automaton_(std::move(automaton)),
      tokens_(std::move(tokens)),
      limits_(limits),
      states_(std::make_shared<States>(automaton_, *tokens_, limits_)) {}

Result<std::shared_ptr<CompiledGrammar>> CompiledGrammar::compile(
    Grammar grammar, std::shared_ptr<const TokenTrie> tokens, const StateLimits& limits) {
  const RuleId root = grammar.root;
  const RuleId after_breaks = grammar.declare("the answer");
  const ExprId breaks = grammar.repeat(grammar.literal("\n"), 0, 2);
  grammar.define(after_breaks, grammar.sequence({breaks, grammar.call(root)}));
  TRY_ASSIGN(Automaton automaton, build_automaton(grammar));
  std::shared_ptr<CompiledGrammar> out(
      new CompiledGrammar(std::move(automaton), std::move(tokens), limits));
  out->root_ = root;
  out->root_after_breaks_ = after_breaks;
  return out;
}

int64_t CompiledGrammar::bytes() const {
  std::lock_guard lock(mutex_);
  return automaton_.bytes() + states_->bytes();
}

Matcher::Matcher(std::shared_ptr<CompiledGrammar> grammar, bool after_breaks)
    : grammar_(std::move(grammar)), after_breaks_(after_breaks) {}

void Matcher::move_to(std::shared_ptr<States> states) {
  for (StateId& id : history_) id = states->import(*states_, id);
  states_ = std::move(states);
  if (!history_.empty()) return;
  history_.push_back(
      states_->start(after_breaks_ ? grammar_->root_after_breaks_ : grammar_->root_));
}

// Runs `f`, which says whether it could stay within the bounds, on the states that all matchers of
// the grammar share; where it couldn't, once more on new ones. Equal requests so end equally.
template <typename F>
Status Matcher::operate(const F& f) {
  CompiledGrammar& g = *grammar_;
  std::lock_guard lock(g.mutex_);
  const auto renew = [&] {
    g.states_ = std::make_shared<States>(g.automaton_, *g.tokens_, g.limits_);
  };
  if (g.states_->bytes() > g.limits_.bytes_max / 2) renew();
  for (int attempt = 0; attempt < 2; ++attempt) {
    g.states_->begin_operation();
    if (states_ != g.states_) move_to(g.states_);
    if (f()) return Status::ok();
    renew();
  }
  return error(Code::unsupported, "the grammar is too ambiguous to be followed");
}

Result<bool> Matcher::advance(std::string_view bytes) {
  StateId at = kLost;
  TRY(operate([&] {
    at = history_.back();
    for (char c : bytes) {
      at = states_->next(at, static_cast<uint8_t>(c));
      if (at <= kLost) break;
    }
    return at != kLost;
  }));
  if (at == kDead) return false;
  if (history_.size() > kRollbackMax) history_.erase(history_.begin());
  history_.push_back(at);
  ++steps_;
  return true;
}

void Matcher::rollback(size_t steps) {
  CHECK(steps == 0 || steps < history_.size());
  history_.resize(history_.size() - steps);
  steps_ -= steps;
}

Status Matcher::mask(std::span<uint64_t> out) {
  return operate([&] { return states_->mask(history_.back(), out); });
}

bool Matcher::complete() {
  bool accepts = false;
  const Status status = operate([&] {
    accepts = states_->accepts(history_.back());
    return true;
  });
  CHECK(status.is_ok());
  return accepts;
}

}  // namespace hearth::grammar
