// The pairs (token, choice) of a step in the order of their experts: each expert's weights are read
// once, for all tokens that chose it.
#pragma once

#include <vector>

#include "hearth/backend/backend.h"
#include "hearth/backend/cpu/ops/matmul.h"

namespace hearth::cpu {

struct ExpertGroup {
  const Expert* expert;
  int64_t first, count;  // rows [first, first + count) of the sorted pairs
};

// Rows of pairs on their way through the experts.
struct PairRows {
  Activations x;       // [pairs, dim]
  Activations hidden;  // [pairs, inter]
  Tensor y;            // [pairs, dim]
};

// Its vectors keep their memory from step to step.
class ExpertGroups {
 public:
  void fill(const MoeFfn& args) {
    const auto experts = args.experts.size();
    const int64_t total = args.x.rows() * args.num_experts_per_tok;
    start_.assign(experts + 1, 0);
    for (int64_t s = 0; s < total; ++s) ++start_[static_cast<size_t>(args.ids[s]) + 1];
    groups_.clear();
    group_of_pair_.clear();
    for (size_t e = 0; e < experts; ++e) {
      const int64_t count = start_[e + 1];
      if (count > 0) {
        group_of_pair_.resize(static_cast<size_t>(start_[e] + count), groups_.size());
        groups_.push_back({&args.experts[e], start_[e], count});
      }
      start_[e + 1] += start_[e];
    }
    slots_.resize(static_cast<size_t>(total));
    pair_of_slot_.resize(slots_.size());
    for (int64_t s = 0; s < total; ++s) {
      const int64_t pair = start_[static_cast<size_t>(args.ids[s])]++;
      slots_[static_cast<size_t>(pair)] = s;
      pair_of_slot_[static_cast<size_t>(s)] = pair;
    }
  }

  int64_t pairs() const { return static_cast<int64_t>(slots_.size()); }
  int64_t size() const { return static_cast<int64_t>(groups_.size()); }
  std::span<const ExpertGroup> all() const { return groups_; }
  const ExpertGroup& operator[](int64_t g) const { return groups_[static_cast<size_t>(g)]; }
  const ExpertGroup& of_pair(int64_t pair) const {
    return groups_[group_of_pair_[static_cast<size_t>(pair)]];
  }
  // token * num_experts_per_tok + choice of a pair, and the inverse.
  int64_t slot(int64_t pair) const { return slots_[static_cast<size_t>(pair)]; }
  int64_t pair(int64_t slot) const { return pair_of_slot_[static_cast<size_t>(slot)]; }

 private:
  std::vector<ExpertGroup> groups_;
  std::vector<size_t> group_of_pair_;
  std::vector<int64_t> slots_;
  std::vector<int64_t> pair_of_slot_;
  std::vector<int64_t> start_;  // of each expert's pairs
};

}  // namespace hearth::cpu
