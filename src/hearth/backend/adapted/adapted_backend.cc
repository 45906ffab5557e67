// See adapted_backend.h.
#include "hearth/backend/adapted/adapted_backend.h"

#include <algorithm>

namespace hearth {

void AdaptedBackend::extend(std::vector<Run>& runs, const AdapterDeltas* adapter, int64_t row,
                            int64_t rows) {
  if (!adapter || rows == 0) return;
  if (!runs.empty()) {
    Run& last = runs.back();
    if (last.adapter == adapter && last.first_row + last.rows == row) {
      last.rows += rows;
      return;
    }
  }
  runs.push_back({adapter, row, rows});
}

void AdaptedBackend::set_adapters(const Batch& batch,
                                  std::span<const AdapterDeltas* const> adapters) {
  CHECK_EQ(batch.sequences.size(), adapters.size());
  runs_.clear();
  logits_runs_.clear();
  parts_.clear();
  auto wanted = batch.logits_rows.begin();
  for (size_t i = 0; i < adapters.size(); ++i) {
    const SequenceRows& rows = batch.sequences[i];
    extend(runs_, adapters[i], rows.first_row, rows.rows);
    const auto first = wanted - batch.logits_rows.begin();
    while (wanted != batch.logits_rows.end() && *wanted < rows.first_row + rows.rows) ++wanted;
    extend(logits_runs_, adapters[i], first, wanted - batch.logits_rows.begin() - first);
  }
  split(batch, adapters);
}

// Attention reads an adapter's latents and nothing else of it.
void AdaptedBackend::split(const Batch& batch, std::span<const AdapterDeltas* const> adapters) {
  const auto changed_by = [](const AdapterDeltas* a) {
    return a && !a->latents.empty() ? a : nullptr;
  };
  if (std::ranges::none_of(adapters, changed_by)) return;
  for (size_t i = 0; i < adapters.size(); ++i) {
    const AdapterDeltas* adapter = changed_by(adapters[i]);
    auto part = std::ranges::find(parts_, adapter, &Part::adapter);
    if (part == parts_.end()) part = parts_.insert(part, {adapter, {batch.tokens, {}, {}, {}}});
    part->batch.sequences.push_back(batch.sequences[i]);
  }
}

bool AdaptedBackend::changes(const Linear& linear) const {
  return std::ranges::any_of(
      runs_, [&](const Run& run) { return run.adapter->find(linear.weight) != nullptr; });
}

// The adds of one linear, one for each run of rows whose adapter changes it.
void AdaptedBackend::collect(const Linear& linear, std::span<const Run> runs, Tensor out) {
  for (const Run& run : runs) {
    const LowRank* delta = run.adapter->find(linear.weight);
    if (delta) adds_.push_back({delta, run.first_row, run.rows, out});
  }
}

void AdaptedBackend::add_collected(Tensor x, const Norm& norm) {
  if (!adds_.empty()) child_.add_low_rank(x, norm, adds_);
  adds_.clear();
}

void AdaptedBackend::norm_linear(Tensor x, const Norm& norm, std::span<const LinearOut> outs) {
  child_.norm_linear(x, norm, outs);
  for (const LinearOut& to : outs) collect(*to.linear, runs_, to.out);
  add_collected(x, norm);
}

void AdaptedBackend::linear_add(Tensor x, const Linear& linear, Tensor residual) {
  child_.linear_add(x, linear, residual);
  collect(linear, runs_, residual);
  add_collected(x, Norm{});
}

// The deltas belong between the products and the SwiGLU, which the fused verb can't let in.
void AdaptedBackend::norm_linear_swiglu(Tensor x, const Norm& norm, const Linear& gate,
                                        const Linear& up, Tensor out) {
  if (!changes(gate) && !changes(up)) return child_.norm_linear_swiglu(x, norm, gate, up, out);
  const Tensor raised = child_.scratch(out.shape);
  const LinearOut both[] = {{&gate, out}, {&up, raised}};
  norm_linear(x, norm, both);
  child_.swiglu(out, raised);
}

void AdaptedBackend::head_logits(Tensor x, const Norm& norm, const Linear& head, Tensor logits) {
  child_.head_logits(x, norm, head, logits);
  collect(head, logits_runs_, logits);
  add_collected(x, norm);
}

void AdaptedBackend::attend_mla(const AttendMla& args, const Batch& batch, KvCache& cache) {
  if (parts_.empty()) return child_.attend_mla(args, batch, cache);
  for (const Part& part : parts_) {
    AttendMla own = args;
    const ChangedLatents* changed =
        part.adapter ? part.adapter->find_latents(*args.k_b.weight) : nullptr;
    if (changed) {
      own.k_b.weight = &changed->kv_b;
      own.v_b.weight = &changed->kv_b;
      own.maps = changed->maps.get();
    }
    child_.attend_mla(own, part.batch, cache);
  }
}

void AdaptedBackend::embed_rows(const Weight& table, std::span<const int32_t> ids, Tensor out) {
  child_.embed_rows(table, ids, out);
}

void AdaptedBackend::qk_norm(Tensor x, const Norm& norm, int64_t head_dim) {
  child_.qk_norm(x, norm, head_dim);
}

void AdaptedBackend::attend_gqa(const AttendGqa& args, const Batch& batch, KvCache& cache) {
  child_.attend_gqa(args, batch, cache);
}

void AdaptedBackend::add_low_rank(Tensor x, const Norm& norm, std::span<const LowRankAdd> adds) {
  child_.add_low_rank(x, norm, adds);
}

void AdaptedBackend::swiglu(Tensor gate, Tensor up) {
  child_.swiglu(gate, up);
}

void AdaptedBackend::route_experts(const RouteExperts& args) {
  child_.route_experts(args);
}

void AdaptedBackend::moe_ffn(const MoeFfn& args) {
  child_.moe_ffn(args);
}

void AdaptedBackend::gather_rows(Tensor x, std::span<const int64_t> rows, Tensor out) {
  child_.gather_rows(x, rows, out);
}

}  // namespace hearth
