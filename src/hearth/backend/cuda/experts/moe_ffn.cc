// The routed experts of the CUDA backend. Which experts a token has is known on the device alone: a
// table of all experts' matrices lies there, and grids are as large as tokens * experts of each.
#include <algorithm>

#include "hearth/backend/cuda/cuda_backend.h"
#include "hearth/backend/cuda/linear/rows.h"
#include "hearth/backend/cuda/linear/tiles.h"

namespace hearth {

using cuda::ExpertJob;
using cuda::ExpertMatrices;
using cuda::ExpertViews;
using cuda::Storage;
using cuda::view_of;

const CudaBackend::ExpertTable& CudaBackend::expert_table(std::span<const Expert> experts) {
  ExpertTable& table = expert_tables_[experts.data()];
  if (mode_ == Mode::replaying) return table;  // what is launched is dropped
  // Another model may have come to lie where one was freed.
  const bool known = std::ranges::equal(table.views, experts, [](const auto& v, const auto& e) {
    return v.gate == view_of(e.gate_proj.weight) && v.up == view_of(e.up_proj.weight) &&
           v.down == view_of(e.down_proj.weight);
  });
  if (known) return table;
  table = {};
  const auto note = [](std::vector<Storage>& storages, Storage storage) {
    if (std::ranges::find(storages, storage) == storages.end()) storages.push_back(storage);
  };
  for (const Expert& e : experts) {
    const ExpertViews& v = table.views.emplace_back(ExpertViews{
        view_of(e.gate_proj.weight), view_of(e.up_proj.weight), view_of(e.down_proj.weight)});
    note(table.gate, v.gate.storage);
    note(table.up, v.up.storage);
    note(table.down, v.down.storage);
    table.paired = table.paired && v.gate.storage == v.up.storage;
  }
  table.device = constant(std::span<const ExpertViews>(table.views));
  return table;
}

bool CudaBackend::any_takes_integers(std::span<const Storage> storages, int64_t rows) const {
  return std::ranges::any_of(storages, [&](Storage s) { return takes_integers(s, rows, true); });
}

// Generated rows pair by pair; prompt rows in tiles of the pairs that share an expert.
void CudaBackend::moe_ffn(const MoeFfn& args) {
  const ExpertTable& table = expert_table(args.experts);
  const auto tokens = static_cast<int32_t>(args.x.rows());
  const auto per_token = static_cast<int32_t>(args.num_experts_per_tok);
  const int64_t pairs = int64_t{tokens} * per_token;
  const int32_t inter = table.views.front().gate.rows;
  const int32_t dim = table.views.front().down.rows;
  ExpertJob job;
  job.experts = table.device;
  job.ids = args.ids;
  job.per_token = per_token;
  const PromptPairs prompt = sort_prompt_pairs(job, tokens, std::ssize(args.experts));

  const bool integers =
      any_takes_integers(table.gate, tokens) || any_takes_integers(table.up, tokens);
  job.x = activations(args.x, *args.norm, integers);
  job.per_row = per_token;
  job.rows = inter;
  const Tensor hidden = scratch({pairs, inter});
  job.out = hidden.f32_row(0);
  if (table.paired) {
    multiply_experts(job, table.gate, tokens, prompt);
  } else {
    job.which = ExpertMatrices::gate;
    multiply_experts(job, table.gate, tokens, prompt);
    const Tensor up = scratch(hidden.shape);
    job.out = up.f32_row(0);
    job.which = ExpertMatrices::up;
    multiply_experts(job, table.up, tokens, prompt);
    cuda::swiglu(*stream_, hidden.f32_row(0), up.f32_row(0), hidden.shape.elements());
  }

  job.x = activations(hidden, Norm{}, any_takes_integers(table.down, tokens));
  job.per_row = 1;
  job.rows = dim;
  job.which = ExpertMatrices::down;
  const Tensor y = scratch({pairs, dim});
  job.out = y.f32_row(0);
  multiply_experts(job, table.down, tokens, prompt);
  cuda::mix_experts(*stream_, y.f32_row(0), args.weights, tokens, per_token, dim,
                    args.x.f32_row(0));
}

void CudaBackend::multiply_experts(ExpertJob& job, std::span<const Storage> storages,
                                   int32_t tokens, const PromptPairs& prompt) {
  for (const Storage storage : storages) {
    job.storage = storage;
    multiply_experts(job, tokens, prompt);
  }
}

CudaBackend::PromptPairs CudaBackend::sort_prompt_pairs(ExpertJob job, int32_t tokens,
                                                        int64_t experts) {
  PromptPairs prompt;
  if (!has_prompts(tokens)) return prompt;
  CHECK(experts <= cuda::kSortedExperts);
  job.token_ids = roles_->prompt_rows;
  job.pairs = roles_->prompt_count * job.per_token;
  prompt.tile_count = cuda::expert_tiles_max(job.pairs, static_cast<int32_t>(experts));
  auto* sorted = reinterpret_cast<int32_t*>(scratch_bytes(int64_t{job.pairs} * 4));
  auto* tiles = reinterpret_cast<cuda::ExpertTile*>(
      scratch_bytes(int64_t{prompt.tile_count} * int64_t{sizeof(cuda::ExpertTile)}));
  cuda::sort_pairs(*stream_, job, static_cast<int32_t>(experts), sorted, tiles);
  prompt.sorted = sorted;
  prompt.tiles = tiles;
  return prompt;
}

void CudaBackend::multiply_experts(ExpertJob& job, int32_t tokens, const PromptPairs& prompt) {
  job.token_ids = nullptr;
  if (prompt.tile_count == 0) {
    job.pairs = tokens * job.per_token;
    return cuda::expert_matvec(*stream_, job);
  }
  if (roles_->generated_count > 0) {
    job.token_ids = roles_->generated_rows;
    job.pairs = roles_->generated_count * job.per_token;
    cuda::expert_matvec(*stream_, job);
  }
  job.pairs = roles_->prompt_count * job.per_token;
  if (cuda::has_byte_blocks(job.storage)) {
    return cuda::byte_expert_tiles(*stream_, job, prompt.sorted, prompt.tiles, prompt.tile_count);
  }
  const int64_t rows = int64_t{tokens} * job.per_token / job.per_row;
  auto* halves = reinterpret_cast<uint16_t*>(
      scratch_bytes(rows * cuda::rounded_columns(job.x.columns) * int64_t{sizeof(uint16_t)}));
  cuda::round_rows(*stream_, job.x.floats, halves, rows, job.x.columns);
  cuda::expert_tiles(*stream_, job, halves, prompt.sorted, prompt.tiles, prompt.tile_count);
}

}  // namespace hearth
