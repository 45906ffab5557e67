// Experts that come from disk while a step runs: computed as they arrive, each pair in its own row,
// so that the sum of a token is the same whatever came first.
#include <algorithm>

#include "hearth/backend/cpu/cpu_backend.h"

namespace hearth {

void CpuBackend::begin_step() {
  arena_.reset();
  if (experts_) static_cast<void>(experts_->take_failure());  // of a step that nobody asked about
}

Result<Outputs> CpuBackend::end_forward(Outputs outputs) {
  if (experts_) TRY(experts_->take_failure());
  return outputs;
}

Result<Weight> CpuBackend::prepare_from_file(const FileWeight& weight) {
  if (expert_options_.bytes <= 0) return Backend::prepare_from_file(weight);
  if (!experts_) experts_ = std::make_unique<cpu::ExpertStore>(expert_options_);
  return experts_->add(weight, has_packed_form(weight.tensor.format, activation_));
}

ExpertCacheStats CpuBackend::expert_cache_stats() const {
  return experts_ ? experts_->stats() : ExpertCacheStats{};
}

bool CpuBackend::run_stored_experts(const MoeFfn& args, const cpu::ExpertGroups& groups,
                                    const cpu::PairRows& rows) {
  thread_local std::vector<int64_t> tokens;
  thread_local std::vector<cpu::ExpertGroup> come;
  thread_local std::vector<int64_t> group_of;  // of an expert, in `groups`
  tokens.assign(args.experts.size(), 0);
  group_of.assign(args.experts.size(), -1);
  for (int64_t g = 0; g < groups.size(); ++g) {
    const auto expert = static_cast<size_t>(groups[g].expert - args.experts.data());
    tokens[expert] = groups[g].count;
    group_of[expert] = g;
  }
  const int64_t layer = experts_->layer_of(args.experts);
  read_ahead_.saw_layer(layer);
  experts_->begin(layer, tokens, args.x.rows());
  read_ahead(args, layer);
  int64_t done = 0;
  while (true) {
    const std::span<const int64_t> numbers = experts_->next();
    if (numbers.empty()) break;
    come.clear();
    for (const int64_t expert : numbers) {
      come.push_back(groups[group_of[static_cast<size_t>(expert)]]);
      come.back().expert = &experts_->held(expert);
    }
    std::ranges::sort(come, {}, &cpu::ExpertGroup::first);
    run_experts(come, rows);
    done += std::ssize(numbers);
  }
  const bool all = done == groups.size();
  CHECK(all || experts_->has_failed());
  return all;
}

void CpuBackend::read_ahead(const MoeFfn& args, int64_t layer) {
  const int64_t next = experts_->layer_after(layer);
  const bool pays = expert_options_.reads_ahead && args.x.rows() <= cpu::ReadAhead::kRowsMax;
  if (!pays || next < 0 || next == layer || experts_->holds_all(next)) return;
  const auto tokens = read_ahead_.guess(kernels_, pool_, next, args.x);
  if (!tokens.empty()) experts_->read_ahead(next, tokens);
}

}  // namespace hearth
