// The routed experts of the CUDA backend. Which experts a token has is known on the device alone: a
// table of all experts' matrices lies there, and grids are as large as tokens * experts of each.
#include <algorithm>

#include "hearth/backend/cuda/cuda_backend.h"
#include "hearth/backend/cuda/linear/rows.h"
#include "hearth/backend/cuda/linear/tiles.h"

namespace hearth {

using cuda::ExpertJob;
using cuda::ExpertViews;
using cuda::view_of;

const ExpertViews* CudaBackend::expert_table(std::span<const Expert> experts) {
  ExpertTable& table = expert_tables_[experts.data()];
  if (mode_ == Mode::replaying) return table.device;  // what is launched is dropped
  // Another model may have come to lie where one was freed.
  const bool known = std::ranges::equal(table.views, experts, [](const auto& v, const auto& e) {
    return v.gate == view_of(e.gate_proj.weight) && v.up == view_of(e.up_proj.weight) &&
           v.down == view_of(e.down_proj.weight);
  });
  if (!known) {
    table.views.clear();
    for (const Expert& e : experts) {
      table.views.push_back(
          {view_of(e.gate_proj.weight), view_of(e.up_proj.weight), view_of(e.down_proj.weight)});
    }
    table.device = constant(std::span<const ExpertViews>(table.views));
  }
  return table.device;
}

// Generated rows pair by pair; prompt rows in tiles of the pairs that share an expert.
void CudaBackend::moe_ffn(const MoeFfn& args) {
  const Expert& first = args.experts.front();
  const cuda::MatrixView& gate = view_of(first.gate_proj.weight);
  const cuda::MatrixView& down = view_of(first.down_proj.weight);
  const auto tokens = static_cast<int32_t>(args.x.rows());
  const auto per_token = static_cast<int32_t>(args.num_experts_per_tok);
  const int64_t pairs = int64_t{tokens} * per_token;
  ExpertJob job;
  job.experts = expert_table(args.experts);
  job.ids = args.ids;
  job.per_token = per_token;
  const PromptPairs prompt = sort_prompt_pairs(job, tokens, std::ssize(args.experts));

  job.x = activations(args.x, *args.norm, takes_integers(gate.storage, tokens, true));
  job.per_row = per_token;
  job.rows = gate.rows;
  job.storage = gate.storage;
  const Tensor hidden = scratch({pairs, gate.rows});
  job.out = hidden.f32_row(0);
  multiply_experts(job, tokens, prompt);

  job.x = activations(hidden, Norm{}, takes_integers(down.storage, tokens, true));
  job.per_row = 1;
  job.rows = down.rows;
  job.storage = down.storage;
  job.down = true;
  const Tensor y = scratch({pairs, down.rows});
  job.out = y.f32_row(0);
  multiply_experts(job, tokens, prompt);
  cuda::mix_experts(*stream_, y.f32_row(0), args.weights, tokens, per_token, down.rows,
                    args.x.f32_row(0));
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
  if (cuda::has_byte_tiles(job.storage)) {
    return cuda::byte_expert_tiles(*stream_, job, prompt.sorted, prompt.tiles, prompt.tile_count);
  }
  const int64_t rows = int64_t{tokens} * job.per_token / job.per_row;
  auto* halves = reinterpret_cast<uint16_t*>(
      scratch_bytes(rows * cuda::rounded_columns(job.x.columns) * int64_t{sizeof(uint16_t)}));
  cuda::round_rows(*stream_, job.x.floats, halves, rows, job.x.columns);
  cuda::expert_tiles(*stream_, job, halves, prompt.sorted, prompt.tiles, prompt.tile_count);
}

}  // namespace hearth
