// Which experts are in memory: arithmetic on bytes, without a byte of theirs. Experts of a layer
// share what the layer is entitled to, an equal part of the budget; a layer takes more while there
// is room, and gives it back first.
//
// An equal part for each layer, because a step walks the layers in a circle: with one order of age
// for all of them, a cache that is smaller than a walk would always let go what is needed next.
// Inside a layer the expert with the lowest rank goes: uses that fade with the tokens that have
// passed since (LRFU, Lee et al. 2001).
//
// Threads: one at a time, the owner's.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace hearth::cpu {

class ExpertLedger {
 public:
  // `half_life`: tokens after which a use counts half.
  explicit ExpertLedger(int64_t budget, double half_life = kHalfLife);

  // Experts of one more layer, by what each takes of the budget; returns the number of the first,
  // the others follow. None is held.
  int64_t add_layer(std::span<const int64_t> expert_bytes);

  // `rows` tokens were given to a layer's experts, `uses[i]` of them to expert `first + i`.
  void use(int64_t first, std::span<const int64_t> uses, int64_t rows);

  // Makes room for an expert that is not held, and holds it, pinned once. `let_go` gets those that
  // had to go: unpinned ones, lowest rank first. false, and nothing happens: there is no room.
  bool admit(int64_t expert, std::vector<int64_t>& let_go);
  void let_go(int64_t expert);  // held and unpinned

  void pin(int64_t expert);  // a held one; it stays until it is unpinned as often
  void unpin(int64_t expert);

  bool is_held(int64_t expert) const { return of(expert).held; }
  int64_t pins(int64_t expert) const { return of(expert).pins; }
  int64_t bytes(int64_t expert) const { return of(expert).bytes; }
  int64_t used_bytes() const { return used_; }
  int64_t budget() const { return budget_; }
  int64_t size() const { return static_cast<int64_t>(experts_.size()); }

 private:
  static constexpr double kHalfLife = 24;
  struct Item {
    int32_t layer;
    bool held = false;
    int64_t bytes = 0;
    int64_t pins = 0;
    double uses = 0;     // faded, as of `at`
    double at = 0;       // time of its layer
    double rank = -1e9;  // log2(uses) + at / half_life: comparable without fading anything
  };
  struct Layer {
    int64_t first = 0, end = 0;
    int64_t used = 0;  // bytes held
    double time = 0;   // tokens it has seen
  };

  const Item& of(int64_t expert) const { return experts_[static_cast<size_t>(expert)]; }
  Item& of(int64_t expert) { return experts_[static_cast<size_t>(expert)]; }
  int64_t entitled() const;
  // The held expert of a layer that goes first; -1: all are pinned.
  int64_t lowest(const Layer& layer) const;
  int64_t next_victim(const Item& newcomer) const;

  int64_t budget_;
  double half_life_;
  int64_t used_ = 0;
  int64_t pinned_ = 0;  // of used_
  std::vector<Item> experts_;
  std::vector<Layer> layers_;
};

}  // namespace hearth::cpu
