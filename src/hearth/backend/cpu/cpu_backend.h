// The fast backend for CPUs: the same verbs on a thread pool and the kernels of one instruction
// set. Quantised weights are packed on load and multiplied in integers with activations of eight
// bits; float and FP8 weights are packed too and multiplied in float32; what is not packed is
// decoded a few rows at a time.
//
// Work is cut by weight rows, heads and tokens, never by thread: results have the same bits for
// every number of threads, every batch and every instruction set.
#pragma once

#include <memory>

#include "hearth/backend/arena.h"
#include "hearth/backend/backend.h"
#include "hearth/backend/cpu/experts/expert_store.h"
#include "hearth/backend/cpu/experts/read_ahead.h"
#include "hearth/backend/cpu/isa/kernel_table.h"
#include "hearth/backend/cpu/ops/expert_groups.h"
#include "hearth/backend/cpu/ops/latent_maps.h"
#include "hearth/backend/cpu/ops/matmul.h"
#include "hearth/backend/cpu/ops/mla.h"
#include "hearth/backend/cpu/pack/packed_matrix.h"
#include "hearth/backend/cpu/scratch_source.h"
#include "hearth/backend/latent_layout.h"
#include "hearth/base/thread_pool.h"

namespace hearth {

class CpuBackend : public Backend {
 public:
  CpuBackend(int threads, const cpu::KernelTable& kernels,
             Activation activation = Activation::automatic, const ExpertCacheOptions& experts = {},
             bool keeps_mapping = false)
      : kernels_(kernels),
        activation_(activation),
        keeps_mapping_(keeps_mapping),
        expert_options_(experts),
        pool_(threads) {}

  std::string_view name() const override { return kernels_.name; }
  void begin_step() override;
  // corrupt: an expert could not be read; the next step may do better.
  Result<Outputs> end_forward(Outputs outputs) override;
  Tensor scratch(const Shape& shape) override { return arena_.take_f32(shape); }
  std::byte* scratch_bytes(int64_t bytes) override { return arena_.take(bytes); }
  Arena::Mark scratch_mark() const override { return arena_.mark(); }
  void scratch_release(const Arena::Mark& mark) override { arena_.release(mark); }
  int64_t scratch_used_max() const override { return arena_.used_max(); }

  Result<Weight> prepare(Weight weight, WeightUse use) override;
  Result<Weight> prepare_from_file(const FileWeight& weight) override;
  ExpertCacheStats expert_cache_stats() const override;
  Result<std::shared_ptr<const BackendForm>> prepare_latents(const AttendMla& shape) override;

  void embed_rows(const Weight& table, std::span<const int32_t> ids, Tensor out) override;
  void norm_linear(Tensor x, const Norm& norm, std::span<const LinearOut> outs) override;
  void qk_norm(Tensor x, const Norm& norm, int64_t head_dim) override;
  void attend_gqa(const AttendGqa& args, const Batch& batch, KvCache& cache) override;
  void attend_mla(const AttendMla& args, const Batch& batch, KvCache& cache) override;
  void linear_add(Tensor x, const Linear& linear, Tensor residual) override;
  void norm_linear_swiglu(Tensor x, const Norm& norm, const Linear& gate, const Linear& up,
                          Tensor out) override;
  void add_low_rank(Tensor x, const Norm& norm, std::span<const LowRankAdd> adds) override;
  void swiglu(Tensor gate, Tensor up) override;
  void route_experts(const RouteExperts& args) override;
  void moe_ffn(const MoeFfn& args) override;
  void gather_rows(Tensor x, std::span<const int64_t> rows, Tensor out) override;
  void head_logits(Tensor x, const Norm& norm, const Linear& head, Tensor logits) override;

 private:
  cpu::TaskCut cut(const Weight& weight) const { return {weight.out(), pool_.threads()}; }
  // `mapped`: the stored bytes belong to a file, whose pages are let go.
  Result<std::shared_ptr<cpu::PackedMatrix>> pack(const Tensor& stored, bool mapped);

  // The matrices of latent_maps.h from rows of a weight, or from its columns.
  Result<cpu::HeadMap> build_map(const LatentLayout& layout, int64_t heads,
                                 const FunctionRef<void(int64_t head, float* map)>& map_of);
  Result<cpu::HeadMap> map_of_rows(const HeadRows& rows, const LatentLayout& layout, int64_t heads);
  Result<cpu::HeadMap> map_of_columns(const HeadRows& rows, const LatentLayout& layout,
                                      int64_t heads);

  // norm(x) in scratch (x itself without a norm), quantised where asked.
  cpu::Activations activations(Tensor x, const Norm& norm, bool quantized);
  void quantize(const cpu::Activations& x, int64_t row) const;
  cpu::Activations pair_rows(int64_t pairs, int64_t columns, bool quantized);
  void quantize_pair(const cpu::Activations& x, const cpu::ExpertGroup& group, int64_t pair) const;
  // y = the outputs of some experts for their pairs.
  void run_experts(std::span<const cpu::ExpertGroup> groups, const cpu::PairRows& rows);
  // The same for experts that come from disk, in the order in which they come. false: some can't.
  bool run_stored_experts(const MoeFfn& args, const cpu::ExpertGroups& groups,
                          const cpu::PairRows& rows);
  void read_ahead(const MoeFfn& args, int64_t layer);

  const cpu::KernelTable& kernels_;
  Activation activation_;
  bool keeps_mapping_;  // weights that are views of a file are packed as they are multiplied
  ExpertCacheOptions expert_options_;
  cpu::PackMemory pack_memory_;
  ThreadPool pool_;
  cpu::AbsorbedAttention absorbed_;
  std::unique_ptr<cpu::ExpertStore> experts_;  // null: all experts are in memory
  cpu::ReadAhead read_ahead_;
  std::vector<Tensor> low_rank_rows_;  // of add_low_rank
  Arena arena_{cpu::scratch_source()};
};

}  // namespace hearth
