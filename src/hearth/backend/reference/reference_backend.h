// The reference backend: every verb as plain scalar loops with double accumulators. It is the
// executable specification; other backends, instruction sets and rank counts are tested against it.
// It also specifies the mode of activations in eight bits: what `eight_bits` makes of a row is what
// every backend multiplies a weight by whose format has integer kernels.
#pragma once

#include "hearth/backend/arena.h"
#include "hearth/backend/backend.h"
#include "hearth/backend/quantized_bytes.h"

namespace hearth {

class ReferenceBackend : public Backend {
 public:
  explicit ReferenceBackend(Activation activation = Activation::automatic)
      : activation_(activation) {}

  std::string_view name() const override { return "reference"; }
  void begin_step() override { arena_.reset(); }
  Tensor scratch(const Shape& shape) override { return arena_.take_f32(shape); }
  std::byte* scratch_bytes(int64_t bytes) override { return arena_.take(bytes); }
  Arena::Mark scratch_mark() const override { return arena_.mark(); }
  void scratch_release(const Arena::Mark& mark) override { arena_.release(mark); }
  int64_t scratch_used_max() const override { return arena_.used_max(); }

  Result<Weight> prepare(Weight weight, WeightUse use) override;

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
  Activation activation_;
  Arena arena_;
};

}  // namespace hearth
