// The backend for NVIDIA GPUs. Every verb enqueues kernels on one stream, so that the whole pass of
// a step that only generates can be recorded as a graph once and replayed: its verbs then only
// refresh what they hand over from the host.
//
// Determinism: no float atomics, fixed orders of summation. Rows of different roles take different
// kernels, so that a row's result depends on its role and never on the batch around it. Generated
// rows: a matrix-vector kernel, and for several rows of q8_0, q4_0 and q4_k one of integer tensor
// cores with the same bits. Prompt rows: tiles, of integer tensor cores for those storages, in bf16
// for others.
#pragma once

#include <compare>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "hearth/backend/backend.h"
#include "hearth/backend/cuda/linear/device_matrix.h"
#include "hearth/backend/cuda/linear/matvec.h"
#include "hearth/backend/cuda/linear/tiles.h"
#include "hearth/backend/cuda/runtime/stream.h"
#include "hearth/backend/cuda/step_rows.h"
#include "hearth/backend/quantized_bytes.h"

namespace hearth {

struct CudaOptions {
  Activation activation = Activation::automatic;
  // Both can be switched off to see what they gain.
  bool graphs = true;      // steps that only generate are recorded and replayed
  bool overlap = true;     // a kernel may start while the one before it ends (sm_90)
  int64_t memory_max = 0;  // bytes in use on the device, by all; 0: what it has
};

class CudaBackend : public Backend {
 public:
  // unsupported: no driver or device.
  static Result<std::unique_ptr<CudaBackend>> open(const CudaOptions& options = {});
  explicit CudaBackend(std::unique_ptr<cuda::Stream> stream, const CudaOptions& options = {});
  ~CudaBackend() override;

  std::string_view name() const override { return "cuda"; }
  const cuda::DeviceFacts& facts() const { return stream_->facts(); }

  void begin_step() override;
  void begin_forward(const Batch& batch, const KvCache& cache) override;
  Result<Outputs> end_forward(Outputs outputs) override;
  Result<std::shared_ptr<std::byte>> cache_memory(int64_t bytes) override;
  Tensor scratch(const Shape& shape) override;
  std::byte* scratch_bytes(int64_t bytes) override { return arena_.take(bytes); }
  Arena::Mark scratch_mark() const override { return arena_.mark(); }
  void scratch_release(const Arena::Mark& mark) override { arena_.release(mark); }
  int64_t scratch_used_max() const override { return arena_.used_max(); }

  Result<Weight> prepare(Weight weight, WeightUse use) override;
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
  // The sequences of a step are handed over to the device once.
  bool attends_in_parts() const override { return false; }
  void route_experts(const RouteExperts& args) override;
  void moe_ffn(const MoeFfn& args) override;
  void gather_rows(Tensor x, std::span<const int64_t> rows, Tensor out) override;
  void head_logits(Tensor x, const Norm& norm, const Linear& head, Tensor logits) override;

  cuda::Stream& stream() { return *stream_; }

 private:
  // What the forward of one kind of step looks like to a recorded graph.
  struct StepKey {
    const void* cache;
    int32_t rows, sequence_count, table_width, generated_end, logits_rows;
    auto operator<=>(const StepKey&) const = default;
  };
  struct Recorded {
    std::unique_ptr<cuda::Graph> graph;  // absent: seen once, not yet recorded
  };
  enum class Mode : uint8_t { direct, recording, replaying };

  Arena device_arena();
  Arena host_arena();
  std::shared_ptr<std::byte> step_memory(Result<std::shared_ptr<std::byte>> memory);
  Status forget_step();
  // `count` values of the host in device memory, until the next step.
  template <typename T>
  const T* handed_over(const T* values, int64_t count) {
    return reinterpret_cast<const T*>(hand_over(values, count * static_cast<int64_t>(sizeof(T))));
  }
  const std::byte* hand_over(const void* values, int64_t bytes);
  // The batch on the device; made once a step.
  const cuda::StepRows& step_rows(const Batch& batch);
  void choose_mode(const StepKey& key);
  // Values that never change, such as a rope's frequencies, by the address they are read from.
  template <typename T>
  const T* constant(std::span<const T> values) {
    return reinterpret_cast<const T*>(
        constant_bytes(values.data(), static_cast<int64_t>(values.size_bytes())));
  }
  const std::byte* constant_bytes(const void* values, int64_t bytes);

  // Whether `rows` are those of the batch, and some, or all, of them prompt rows.
  bool has_prompts(int64_t rows) const {
    return roles_ != nullptr && roles_->rows == rows && roles_->prompt_count > 0;
  }
  bool only_prompts(int64_t rows) const {
    return has_prompts(rows) && roles_->generated_count == 0;
  }
  bool takes_integers(cuda::Storage storage, int64_t rows, bool by_role) const;
  // norm(x) as matrices of a kind want it, in scratch; x itself without a norm.
  cuda::RowsView activations(Tensor x, const Norm& norm, bool integers);
  // Sets job.x, and what the kernel does to it itself; job's matrices are set.
  bool set_input(cuda::MatvecJob& job, Tensor x, const Norm& norm, bool by_role);
  cuda::RowsView rounded_rows(int64_t rows, int64_t columns);
  // Each kind of row by its kernel. `by_role`: x has the rows of the batch.
  void multiply(cuda::MatvecJob& job, int64_t rows, bool by_role);
  void multiply_all(Tensor x, const Norm& norm, std::span<const LinearOut> outs, bool by_role);
  struct ExpertTable;
  const ExpertTable& expert_table(std::span<const Expert> experts);
  // A prompt's pairs of token and expert, sorted by expert, on the device.
  struct PromptPairs {
    const int32_t* sorted = nullptr;
    const cuda::ExpertTile* tiles = nullptr;
    int32_t tile_count = 0;  // 0: no prompt rows
  };
  PromptPairs sort_prompt_pairs(cuda::ExpertJob job, int32_t tokens, int64_t experts);
  // Of all experts, one storage after the other.
  void multiply_experts(cuda::ExpertJob& job, std::span<const cuda::Storage> storages,
                        int32_t tokens, const PromptPairs& prompt);
  void multiply_experts(cuda::ExpertJob& job, int32_t tokens, const PromptPairs& prompt);
  bool any_takes_integers(std::span<const cuda::Storage> storages, int64_t rows) const;

  std::unique_ptr<cuda::Stream> stream_;
  CudaOptions options_;
  Status refused_;                      // what the step had no memory for
  std::shared_ptr<std::byte> staging_;  // of uploads
  Arena arena_;                         // device memory of the step
  Arena pinned_;                        // host memory that the step's copies run from
  cuda::StepRows rows_;
  bool rows_made_ = false;
  const cuda::StepRows* roles_ = nullptr;  // rows_ where the step's roles are known, else all rows
                                           // are taken as generated

  Mode mode_ = Mode::direct;
  StepKey key_{};
  std::map<StepKey, Recorded> recorded_;
  int64_t recorded_generation_ = 0;  // of both arenas, that recorded_ is good for

  struct Constant {
    std::vector<std::byte> values;
    std::shared_ptr<std::byte> memory;
  };
  std::map<const void*, Constant> constants_;
  // A layer's experts, and the storages that their matrices have.
  struct ExpertTable {
    std::vector<cuda::ExpertViews> views;
    const cuda::ExpertViews* device;
    std::vector<cuda::Storage> gate, up, down;
    bool paired = true;  // gate and up of each expert are of one storage
  };
  std::map<const Expert*, ExpertTable> expert_tables_;
  std::shared_ptr<std::byte> host_outputs_;
  int64_t host_outputs_bytes_ = 0;
};

}  // namespace hearth
