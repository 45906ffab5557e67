// A backend for steps in which some rows have adapters: it hands each verb to another backend and
// then adds to the outputs what the adapters of the rows bring (S-LoRA, arXiv 2311.03285, has the
// idea of one base product for all). Models know nothing of adapters, and a step without any never
// comes here.
//
// The deltas read the normed row in float, worked out once more: the fused verbs keep theirs to
// themselves, perhaps rounded to eight bits. Rows without an adapter keep their bits.
#pragma once

#include <span>
#include <vector>

#include "hearth/backend/adapted/adapter_deltas.h"
#include "hearth/backend/backend.h"

namespace hearth {

// The child outlives it. Keeps its memory from step to step.
class AdaptedBackend : public Backend {
 public:
  explicit AdaptedBackend(Backend& child) : child_(child) {}

  // Before a forward over `batch`; adapters[i] is that of batch.sequences[i], or null. What they
  // point to must live until the next call.
  void set_adapters(const Batch& batch, std::span<const AdapterDeltas* const> adapters);

  std::string_view name() const override { return "adapted"; }
  void begin_step() override { child_.begin_step(); }
  Tensor scratch(const Shape& shape) override { return child_.scratch(shape); }
  std::byte* scratch_bytes(int64_t bytes) override { return child_.scratch_bytes(bytes); }
  Arena::Mark scratch_mark() const override { return child_.scratch_mark(); }
  void scratch_release(const Arena::Mark& mark) override { child_.scratch_release(mark); }
  int64_t scratch_used_max() const override { return child_.scratch_used_max(); }

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
  // Neighbouring rows of one adapter.
  struct Run {
    const AdapterDeltas* adapter;
    int64_t first_row, rows;
  };
  // The sequences of one adapter that changes latents, or of all that don't.
  struct Part {
    const AdapterDeltas* adapter;
    Batch batch;
  };

  static void extend(std::vector<Run>& runs, const AdapterDeltas* adapter, int64_t row,
                     int64_t rows);
  void split(const Batch& batch, std::span<const AdapterDeltas* const> adapters);
  bool changes(const Linear& linear) const;
  void collect(const Linear& linear, std::span<const Run> runs, Tensor out);
  void add_collected(Tensor x, const Norm& norm);

  Backend& child_;
  std::vector<Run> runs_;         // rows of the batch, ascending
  std::vector<Run> logits_runs_;  // the same among the rows whose logits are wanted
  std::vector<Part> parts_;       // empty where no adapter changes latents
  std::vector<LowRankAdd> adds_;
};

}  // namespace hearth
