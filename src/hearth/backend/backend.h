// Backend: the waist of Hearth. About a dozen math verbs of the size of the fused kernels that a
// GPU wants; every model is straight-line code over them, every device implements them once.
//
// Activations are f32 [tokens, dim] tensors from `scratch`, weights any Format. A verb cannot fail:
// what can go wrong is checked at load (`supports`, the memory plan). Rows are independent in every
// verb: a row's result has the same bits whatever the batch around it and the number of threads.
// Threads: one step at a time per backend.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "hearth/backend/arena.h"
#include "hearth/backend/batch.h"
#include "hearth/backend/expert_cache.h"
#include "hearth/backend/kv_cache.h"
#include "hearth/backend/rope.h"
#include "hearth/base/checked_math.h"
#include "hearth/base/file_range.h"
#include "hearth/base/status.h"
#include "hearth/tensor/tensor.h"

namespace hearth {

// What a backend makes of a weight for its own verbs; only that backend looks inside.
struct BackendForm {
  virtual ~BackendForm() = default;
};

// A tensor of a model as a backend holds it: the logical view and what keeps it alive.
struct Weight {
  Tensor tensor;                // [out, in], or [n] f32 for norms and biases
  std::shared_ptr<void> owner;  // a buffer or a mapping; shared by slices of one file
  // Where it is set, verbs multiply by it; `tensor` then may have no data of its own.
  std::shared_ptr<const BackendForm> form;

  bool present() const { return tensor.data != nullptr || form != nullptr; }
  const float* vector() const { return reinterpret_cast<const float*>(tensor.data); }
  int64_t out() const { return tensor.rows(); }
  int64_t in() const { return tensor.columns(); }
  int64_t bytes() const {  // the f32 scales of FP8 tiles included
    if (!tensor.scales) return tensor.bytes();
    const int64_t tiles =
        ceil_div(tensor.rows(), kScaleTile) * ceil_div(tensor.columns(), kScaleTile);
    return tensor.bytes() + tiles * 4;
  }
};

// A weight that stays in its file until it is needed.
struct FileWeight {
  Tensor tensor;     // its format and shape; `data` is never followed
  FileRange data;    // tensor.bytes()
  FileRange scales;  // f8_e4m3: f32, row by row; else empty
};

// What verbs do with a weight.
enum class WeightUse : uint8_t {
  rows,      // its rows are read: vectors, embeddings, the router, MLA's expansion
  multiply,  // it is multiplied by
  both,      // an embedding that is the head too
};

// y = W x + b; the only thing that models multiply by.
struct Linear {
  Weight weight;  // [out, in]
  Weight bias;    // [out], may be absent
};

// RMS norm, x / sqrt(mean(x^2) + eps) * weight; an absent weight means: no norm, x as it is.
struct Norm {
  Weight weight;  // [dim]
  double eps = 1e-6;
};

// What an adapter adds to a linear: y += b (a x) (LoRA, arXiv 2106.09685, section 4.1).
struct LowRank {
  Weight a;  // [rank, in]
  Weight b;  // [out, rank], the adapter's scale in it
};

// A delta for rows [first_row, first_row + rows) of a verb's input and output.
struct LowRankAdd {
  const LowRank* delta;
  int64_t first_row;
  int64_t rows;
  Tensor out;  // [tokens, delta->b.out]
};

struct LinearOut {
  const Linear* linear;
  Tensor out;  // [tokens, linear.out]
};

// Grouped-query attention of one layer: rotates q and k, writes k and v to the cache, attends.
struct AttendGqa {
  Tensor q;    // [tokens, heads * head_dim]; may be rotated in place
  Tensor k;    // [tokens, kv_heads * head_dim]; may be rotated in place
  Tensor v;    // [tokens, kv_heads * head_dim]
  Tensor out;  // [tokens, heads * head_dim]
  int64_t layer = 0;
  int64_t heads = 0;
  int64_t kv_heads = 0;
  int64_t head_dim = 0;
  double scale = 0;  // of the scores, head_dim^-0.5
  const Rope* rope = nullptr;
};

// Rows of a weight that belong to one head: row(h, i) = h * head_stride + offset + i.
struct HeadRows {
  const Weight* weight = nullptr;
  int64_t head_stride = 0;
  int64_t offset = 0;
  int64_t row(int64_t head, int64_t i) const { return head * head_stride + offset + i; }
};

// Multi-head latent attention of one layer (DeepSeek-V2, section 2.1): the cache keeps one latent
// and one rotated key a token for all heads. Prompt rows expand keys and values from the latents;
// generated rows absorb the expansion into the query and the output.
struct AttendMla {
  Tensor q;   // [tokens, heads * (qk_nope_head_dim + qk_rope_head_dim)]; rope part rotated in place
  Tensor kv;  // [tokens, kv_lora_rank + qk_rope_head_dim]; normed and rotated in place
  Tensor out;  // [tokens, heads * v_head_dim]
  int64_t layer = 0;
  int64_t heads = 0;
  int64_t qk_nope_head_dim = 0;
  int64_t qk_rope_head_dim = 0;
  int64_t v_head_dim = 0;
  int64_t kv_lora_rank = 0;
  const Norm* kv_a_norm = nullptr;    // [kv_lora_rank]
  HeadRows k_b;                       // row i: [kv_lora_rank], key dimension i of the head
  bool k_b_transposed = false;        // row r: [qk_nope_head_dim], latent dimension r (new GGUF)
  HeadRows v_b;                       // row i: [kv_lora_rank], value dimension i of the head
  const BackendForm* maps = nullptr;  // of `prepare_latents`
  double scale = 0;                   // of the scores, YaRN's mscale^2 included
  const Rope* rope = nullptr;
};

enum class ExpertScoring : uint8_t { softmax, sigmoid };
// How the best groups are found: by their best member (V2), or their two best (V3, "noaux_tc").
enum class GroupScore : uint8_t { best, best_two };

// The router of one layer (DeepSeek-V3, section 2.1.2). The correction bias decides which experts
// are chosen and never how they are mixed.
struct RouteExperts {
  Tensor x;  // [tokens, dim]
  const Norm* norm = nullptr;
  const Weight* gate = nullptr;             // [experts, dim]
  const Weight* correction_bias = nullptr;  // e_score_correction_bias [experts], may be absent
  ExpertScoring scoring = ExpertScoring::sigmoid;
  GroupScore group_score = GroupScore::best_two;
  int64_t n_group = 1;
  int64_t topk_group = 1;
  bool norm_topk_prob = true;
  double routed_scaling_factor = 1;
  int64_t num_experts_per_tok = 0;
  int32_t* ids = nullptr;    // out: [tokens, num_experts_per_tok], descending choice score
  float* weights = nullptr;  // out: [tokens, num_experts_per_tok]
};

struct Expert {
  Linear gate_proj, up_proj, down_proj;
};

// x += sum over chosen experts of weight * down(silu(gate(n)) * up(n)), n = norm(x).
struct MoeFfn {
  Tensor x;  // [tokens, dim]
  const Norm* norm = nullptr;
  std::span<const Expert> experts;
  int64_t num_experts_per_tok = 0;
  const int32_t* ids = nullptr;
  const float* weights = nullptr;
};

// What a model's forward gives, in the order of the batch's wanted rows.
struct Outputs {
  Tensor logits;  // f32 [logits_rows, vocab_size]
  Tensor hidden;  // f32 [hidden_rows, hidden_size], behind the final norm; no data where none are
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string_view name() const = 0;

  // Memory. Scratch lives until the next begin_step, or the end of a ScratchScope; its content is
  // undefined.
  virtual void begin_step() = 0;
  // The same before a model's forward over `batch`. A device may record the forward and replay it
  // when a batch of the same shape comes again.
  virtual void begin_forward(const Batch& /*batch*/, const KvCache& /*cache*/) { begin_step(); }
  // After that forward: waits for it and brings its outputs to the host, where they stay until the
  // next step. internal: the device failed; it stays failed.
  virtual Result<Outputs> end_forward(Outputs outputs) { return outputs; }
  // Zeroed memory of the device for a KvCache.  no_memory: it doesn't fit.
  virtual Result<std::shared_ptr<std::byte>> cache_memory(int64_t bytes) {
    return host_memory(bytes);
  }
  virtual Tensor scratch(const Shape& shape) = 0;  // f32
  virtual std::byte* scratch_bytes(int64_t bytes) = 0;
  // A layer's scratch is free for the next layer: see ScratchScope.
  virtual Arena::Mark scratch_mark() const = 0;
  virtual void scratch_release(const Arena::Mark& mark) = 0;
  // Most scratch held at once in a step so far; what the memory plan must foretell.
  virtual int64_t scratch_used_max() const { return 0; }

  // Takes a weight of a model; a backend may repack it or move it to its device, and lets go of
  // the stored bytes of a weight that is only multiplied by. no_memory: it doesn't fit.
  virtual Result<Weight> prepare(Weight weight, WeightUse) { return weight; }
  // A matrix of a routed expert that is read when it is chosen (see expert_cache.h).  unsupported:
  // this backend keeps all experts.
  virtual Result<Weight> prepare_from_file(const FileWeight&) {
    return error(Code::unsupported, "device {}: routed experts are read from disk on the CPU only",
                 name());
  }
  // Of experts that are read from disk; all zero where none are.
  virtual ExpertCacheStats expert_cache_stats() const { return {}; }
  // What a backend makes of a layer's k_b and v_b, to be handed to attend_mla as `maps`; of `shape`
  // only the weights and sizes count.
  virtual Result<std::shared_ptr<const BackendForm>> prepare_latents(const AttendMla&) {
    return std::shared_ptr<const BackendForm>();
  }

  virtual void embed_rows(const Weight& table, std::span<const int32_t> ids, Tensor out) = 0;
  // Each out = linear(norm(x)); several linears share one norm.
  virtual void norm_linear(Tensor x, const Norm& norm, std::span<const LinearOut> outs) = 0;
  // Norms each head_dim slice of x [tokens, heads * head_dim] in place: Qwen3's heads, or whole
  // rows.
  virtual void qk_norm(Tensor x, const Norm& norm, int64_t head_dim) = 0;
  virtual void attend_gqa(const AttendGqa& args, const Batch& batch, KvCache& cache) = 0;
  virtual void attend_mla(const AttendMla& args, const Batch& batch, KvCache& cache) = 0;
  virtual void linear_add(Tensor x, const Linear& linear, Tensor residual) = 0;
  // out = silu(gate(n)) * up(n), n = norm(x); out [tokens, gate.out]
  virtual void norm_linear_swiglu(Tensor x, const Norm& norm, const Linear& gate, const Linear& up,
                                  Tensor out) = 0;
  // The two verbs that adapters need (see adapted/). Of each add, for its rows: out += b (a n), n =
  // norm(x) in float, whatever the linears of these inputs round it to. No element of an output
  // belongs to two adds.
  virtual void add_low_rank(Tensor x, const Norm& norm, std::span<const LowRankAdd> adds) = 0;
  // gate = silu(gate) * up, with the bits that norm_linear_swiglu makes of the same two.
  virtual void swiglu(Tensor gate, Tensor up) = 0;
  // Whether attend_mla may be called for a step's sequences in several parts: where adapters change
  // MLA's expansion, each has maps of its own.
  virtual bool attends_in_parts() const { return true; }
  virtual void route_experts(const RouteExperts& args) = 0;
  virtual void moe_ffn(const MoeFfn& args) = 0;
  virtual void gather_rows(Tensor x, std::span<const int64_t> rows, Tensor out) = 0;
  // logits [rows, vocab] = head(norm(x))
  virtual void head_logits(Tensor x, const Norm& norm, const Linear& head, Tensor logits) = 0;
};

// A cache of `blocks` in the backend's memory.  no_memory: it doesn't fit.
inline Result<KvCache> make_cache(Backend& backend, const KvSpec& spec, int64_t blocks) {
  TRY_ASSIGN(auto memory, backend.cache_memory(spec.block_bytes() * blocks));
  return KvCache(spec, blocks, std::move(memory));
}

// Gives back at its end what scratch was taken during its life.
class ScratchScope {
 public:
  explicit ScratchScope(Backend& backend) : backend_(backend), mark_(backend.scratch_mark()) {}
  ~ScratchScope() { backend_.scratch_release(mark_); }
  ScratchScope(const ScratchScope&) = delete;
  ScratchScope& operator=(const ScratchScope&) = delete;

 private:
  Backend& backend_;
  Arena::Mark mark_;
};

}  // namespace hearth
