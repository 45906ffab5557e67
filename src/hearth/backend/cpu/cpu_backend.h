// The fast backend for CPUs: the same verbs on a thread pool and the kernels of one instruction
// set, in float32. Weights of any format are decoded a few rows at a time into thread-local scratch
// and multiplied with all rows of the step.
//
// Work is cut by weight rows, heads and tokens, never by thread: results have the same bits for
// every number of threads, every batch and every instruction set.
#pragma once

#include <memory>

#include "hearth/backend/arena.h"
#include "hearth/backend/backend.h"
#include "hearth/backend/cpu/isa/kernel_table.h"
#include "hearth/base/thread_pool.h"

namespace hearth {

class CpuBackend : public Backend {
 public:
  CpuBackend(int threads, const cpu::KernelTable& kernels) : kernels_(kernels), pool_(threads) {}

  std::string_view name() const override { return kernels_.name; }
  void begin_step() override { arena_.reset(); }
  Tensor scratch(const Shape& shape) override { return arena_.take_f32(shape); }
  std::byte* scratch_bytes(int64_t bytes) override { return arena_.take(bytes); }
  Arena::Mark scratch_mark() const override { return arena_.mark(); }
  void scratch_release(const Arena::Mark& mark) override { arena_.release(mark); }
  int64_t scratch_used_max() const override { return arena_.used_max(); }

  void embed_rows(const Weight& table, std::span<const int32_t> ids, Tensor out) override;
  void norm_linear(Tensor x, const Norm& norm, std::span<const LinearOut> outs) override;
  void qk_norm(Tensor x, const Norm& norm, int64_t head_dim) override;
  void attend_gqa(const AttendGqa& args, const Batch& batch, KvCache& cache) override;
  void attend_mla(const AttendMla& args, const Batch& batch, KvCache& cache) override;
  void linear_add(Tensor x, const Linear& linear, Tensor residual) override;
  void norm_linear_swiglu(Tensor x, const Norm& norm, const Linear& gate, const Linear& up,
                          Tensor out) override;
  void route_experts(const RouteExperts& args) override;
  void moe_ffn(const MoeFfn& args) override;
  void gather_rows(Tensor x, std::span<const int64_t> rows, Tensor out) override;
  void head_logits(Tensor x, const Norm& norm, const Linear& head, Tensor logits) override;

 private:
  Tensor normed(Tensor x, const Norm& norm);

  const cpu::KernelTable& kernels_;
  ThreadPool pool_;
  Arena arena_;
};

}  // namespace hearth
