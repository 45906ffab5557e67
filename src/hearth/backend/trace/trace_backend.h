// A backend that computes nothing: it runs a model's forward pass and writes down what each verb
// would read, compute and take. The memory plan and the predicted speed come from it.
//
// Scratch is counted as the CPU backend takes it, inner scratch of its verbs included; a test of
// the memory plan holds the two together, byte for byte. The tensors that it hands out have shapes
// and no memory: their pointers must not be followed.
#pragma once

#include <vector>

#include "hearth/backend/backend.h"
#include "hearth/backend/quantized_bytes.h"

namespace hearth {

// What a verb, or a whole step, costs.
struct Work {
  int64_t weight_bytes = 0;  // read; each weight once a step, experts by how many are chosen
  int64_t kv_bytes = 0;      // of the cache, read and written
  double flops = 0;          // a multiplication and an addition count as two

  Work& operator+=(const Work& other);
};

struct TracedVerb {
  std::string_view verb;
  Shape in;   // activations [rows, dim]
  Shape out;  // [rows, dim]; of several outputs, all their columns together
  Work work;
  double rounded = 0;          // elements of activations that are rounded to eight bits
  double normed = 0;           // and of those that are normed
  int64_t generated_rows = 0;  // of attention, where all rows are generated tokens
  int64_t map_elements = 0;    // of MLA's kv_b
  int64_t heads = 0;           // of MLA
  double pairs = 0;            // of MLA: a row's head and a position that it sees, all together
  int64_t segments = 0;        // of MLA: parts of generated rows' histories, a thread each
  bool alone = false;          // generated rows are too few for MLA's maps to be shared by threads
  int64_t experts = 0;         // routed experts that the rows choose, as expected
  int64_t expert_bytes = 0;    // of work.weight_bytes, theirs
};

class TraceBackend : public Backend {
 public:
  explicit TraceBackend(Activation activation = Activation::automatic) : activation_(activation) {}

  std::string_view name() const override { return "trace"; }

  // Of the current step.
  const std::vector<TracedVerb>& verbs() const { return verbs_; }
  Work work() const;
  Arena::Mark scratch_mark() const override { return {0, 0, used_}; }
  void scratch_release(const Arena::Mark& mark) override { used_ = mark.used; }
  int64_t scratch_used_max() const override { return used_max_; }

  // Takes nothing, and counts what the CPU backend would take.
  Result<std::shared_ptr<const BackendForm>> prepare_latents(const AttendMla& shape) override;
  int64_t latent_bytes() const { return latent_bytes_; }

  void begin_step() override;
  Tensor scratch(const Shape& shape) override;
  std::byte* scratch_bytes(int64_t bytes) override;

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
  void record(std::string_view verb, const Shape& in, const Shape& out, const Work& work);
  void take_activations(const Tensor& x, const Norm& norm, bool quantized);
  void take_quantized(int64_t rows, int64_t columns, bool quantized);
  bool is_integer(const Linear& linear) const;

  Activation activation_;
  std::vector<TracedVerb> verbs_;
  double rounded_ = 0;  // elements, of the next verb
  double normed_ = 0;
  int64_t latent_bytes_ = 0;  // of all layers
  int64_t used_ = 0;
  int64_t used_max_ = 0;
};

// How many of `experts` at least one of `rows` tokens chooses, if each chooses `chosen` evenly.
int64_t expected_experts(int64_t experts, int64_t chosen, int64_t rows);

}  // namespace hearth
