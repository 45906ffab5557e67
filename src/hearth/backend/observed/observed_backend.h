// A backend that tells what is multiplied by what: it hands each verb to another backend and, on
// the way, shows an observer the activations that each weight is about to be multiplied by. The
// importance matrix is collected so, and models know nothing of it.
#pragma once

#include "hearth/backend/backend.h"

namespace hearth {

class ActivationObserver {
 public:
  virtual ~ActivationObserver() = default;
  // x: f32 [rows, weight.in()], normed where the verb norms.
  virtual void on_linear(const Weight& weight, Tensor x) = 0;
  // Of MLA, before the verb: args.q, and the normed latents, f32 [tokens, kv_lora_rank], that
  // kv_b is multiplied by.
  virtual void on_mla(const AttendMla& args, Tensor latents) = 0;
};

// Child and observer outlive it. What a fused verb keeps to itself (normed rows, hidden rows of the
// experts) is worked out once more: slower than the child, with the same results.
class ObservedBackend : public Backend {
 public:
  ObservedBackend(Backend& child, ActivationObserver& observer)
      : child_(child), observer_(observer) {}

  std::string_view name() const override { return "observed"; }
  void begin_step() override { child_.begin_step(); }
  Tensor scratch(const Shape& shape) override { return child_.scratch(shape); }
  std::byte* scratch_bytes(int64_t bytes) override { return child_.scratch_bytes(bytes); }
  Arena::Mark scratch_mark() const override { return child_.scratch_mark(); }
  void scratch_release(const Arena::Mark& mark) override { child_.scratch_release(mark); }
  int64_t scratch_used_max() const override { return child_.scratch_used_max(); }
  Result<Weight> prepare(Weight weight, WeightUse use) override {
    return child_.prepare(std::move(weight), use);
  }
  Result<std::shared_ptr<const BackendForm>> prepare_latents(const AttendMla& shape) override {
    return child_.prepare_latents(shape);
  }

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
  Tensor normed(Tensor x, const Norm& norm, int64_t columns);
  void observe_expert(const Expert& expert, Tensor inputs);

  Backend& child_;
  ActivationObserver& observer_;
};

}  // namespace hearth
