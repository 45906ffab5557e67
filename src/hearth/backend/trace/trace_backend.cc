// See trace_backend.h. Attention's work depends on positions and roles, the rest on rows alone.
#include "hearth/backend/trace/trace_backend.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "hearth/backend/arena.h"
#include "hearth/backend/latent_layout.h"
#include "hearth/base/thread_pool.h"

namespace hearth {
namespace {

double real(int64_t n) {
  return static_cast<double>(n);
}

int64_t saturated_add(int64_t a, int64_t b) {
  return checked_add(a, b).value_or(INT64_MAX);
}

Work of_norm(const Norm& norm, const Tensor& x) {
  if (!norm.weight.present()) return {};
  return {norm.weight.bytes(), 0, 4 * real(x.shape.elements())};
}

Work of_linear(const Linear& linear, int64_t rows) {
  const int64_t bias = linear.bias.present() ? linear.bias.bytes() : 0;
  const double flops = 2 * real(rows) * real(linear.weight.out()) * real(linear.weight.in());
  return {linear.weight.bytes() + bias, 0, flops};
}

// Positions that the rows of a sequence look at, all rows together.
double positions_seen(const SequenceRows& rows) {
  return real(rows.rows) * real(rows.start) + real(rows.rows) * real(rows.rows + 1) / 2;
}

// Each row of the cache is read once for a sequence, and its new rows are written.
int64_t cache_bytes(const KvCache& cache, const Batch& batch) {
  int64_t rows = 0;
  for (const SequenceRows& s : batch.sequences) rows += s.end() + s.rows;
  return rows * cache.spec().row_bytes();
}

// 0: some belong to a prompt.
int64_t generated_rows(const Batch& batch) {
  const bool all = std::ranges::all_of(
      batch.sequences, [](const SequenceRows& s) { return s.role == Role::generated; });
  return all ? batch.rows() : 0;
}

double mla_flops(const AttendMla& a, const SequenceRows& rows) {
  const double seen = positions_seen(rows);
  const int64_t rank = a.kv_lora_rank;
  const int64_t expansion = 2 * rank * (a.qk_nope_head_dim + a.v_head_dim);
  double per_head = 0;
  if (rows.role == Role::prompt) {
    // Keys and values of all positions are expanded once for the rows of a chunk.
    const int64_t position = 2 * (a.qk_nope_head_dim + a.qk_rope_head_dim + a.v_head_dim);
    per_head = real(rows.end()) * real(expansion) + seen * real(position);
  } else {
    // Absorbed: the same matrices once a row, then attention in the space of the latents.
    const int64_t position = 2 * (rank + a.qk_rope_head_dim) + 2 * rank;
    per_head = real(rows.rows) * real(expansion) + seen * real(position);
  }
  return real(a.heads) * per_head;
}

}  // namespace

Work& Work::operator+=(const Work& other) {
  weight_bytes = saturated_add(weight_bytes, other.weight_bytes);
  kv_bytes = saturated_add(kv_bytes, other.kv_bytes);
  flops += other.flops;
  return *this;
}

int64_t expected_experts(int64_t experts, int64_t chosen, int64_t rows) {
  const double missed = std::pow(1 - real(chosen) / real(experts), real(rows));
  const auto expected = static_cast<int64_t>(std::lround(real(experts) * (1 - missed)));
  return std::clamp(expected, std::min(chosen, experts), experts);
}

Work TraceBackend::work() const {
  Work sum;
  for (const TracedVerb& verb : verbs_) sum += verb.work;
  return sum;
}

void TraceBackend::record(std::string_view verb, const Shape& in, const Shape& out,
                          const Work& work) {
  verbs_.push_back({verb, in, out, work, std::exchange(rounded_, 0), std::exchange(normed_, 0)});
}

Result<std::shared_ptr<const BackendForm>> TraceBackend::prepare_latents(const AttendMla& shape) {
  const int64_t bytes = layouts_of(shape, activation_).bytes(shape.heads);
  latent_bytes_ = saturated_add(latent_bytes_, bytes);
  return std::shared_ptr<const BackendForm>();
}

void TraceBackend::begin_step() {
  verbs_.clear();
  rounded_ = 0;
  normed_ = 0;
  used_ = 0;
}

std::byte* TraceBackend::scratch_bytes(int64_t bytes) {
  alignas(Arena::kUnit) static std::byte nowhere[Arena::kUnit];
  used_ = saturated_add(used_, round_up(bytes, Arena::kUnit));
  used_max_ = std::max(used_max_, used_);
  return nowhere;
}

Tensor TraceBackend::scratch(const Shape& shape) {
  return Tensor::packed(Format::f32, shape, scratch_bytes(shape.elements() * 4));
}

bool TraceBackend::is_integer(const Linear& linear) const {
  const Tensor& w = linear.weight.tensor;
  return activation_ == Activation::automatic && w.shape.rank() == 2 &&
         has_integer_kernels(w.format);
}

// CpuBackend::activations: normed rows, and their eight-bit form, lie in scratch.
void TraceBackend::take_activations(const Tensor& x, const Norm& norm, bool quantized) {
  const bool normed = norm.weight.present();
  if (normed) scratch(x.shape);
  take_quantized(x.rows(), x.columns(), quantized);
  if (normed) normed_ += real(x.shape.elements());
}

void TraceBackend::take_quantized(int64_t rows, int64_t columns, bool quantized) {
  if (!quantized) return;
  scratch_bytes(quantized_bytes(rows, columns));
  rounded_ += real(rows) * real(columns);
}

void TraceBackend::embed_rows(const Weight& table, std::span<const int32_t> ids, Tensor out) {
  const auto rows = static_cast<int64_t>(ids.size());
  record("embed_rows", {rows}, out.shape, {rows * table.tensor.row_bytes, 0, 0});
}

void TraceBackend::norm_linear(Tensor x, const Norm& norm, std::span<const LinearOut> outs) {
  Work work = of_norm(norm, x);
  int64_t columns = 0;
  bool quantized = false;
  for (const LinearOut& to : outs) {
    quantized = quantized || is_integer(*to.linear);
    work += of_linear(*to.linear, x.rows());
    columns += to.out.columns();
  }
  if (x.rows() > 0) take_activations(x, norm, quantized);
  record("norm_linear", x.shape, {x.rows(), columns}, work);
}

void TraceBackend::qk_norm(Tensor x, const Norm& norm, int64_t) {
  record("qk_norm", x.shape, x.shape, of_norm(norm, x));
}

void TraceBackend::attend_gqa(const AttendGqa& args, const Batch& batch, KvCache& cache) {
  Work work;
  work.kv_bytes = cache_bytes(cache, batch);
  for (const SequenceRows& rows : batch.sequences) {
    work.flops += 4 * real(args.heads) * real(args.head_dim) * positions_seen(rows);
  }
  record("attend_gqa", args.q.shape, args.out.shape, work);
  verbs_.back().generated_rows = generated_rows(batch);
}

void TraceBackend::attend_mla(const AttendMla& args, const Batch& batch, KvCache& cache) {
  Work work;
  work.kv_bytes = cache_bytes(cache, batch);
  work.weight_bytes = args.k_b.weight->bytes();
  if (args.v_b.weight != args.k_b.weight) work.weight_bytes += args.v_b.weight->bytes();
  work.weight_bytes += args.kv_a_norm->weight.bytes();
  double seen = 0;
  int64_t segments = 0;
  for (const SequenceRows& rows : batch.sequences) {
    work.flops += mla_flops(args, rows);
    seen += positions_seen(rows);
    for (int64_t i = 0; i < rows.rows; ++i) {
      segments += ceil_div(rows.start + i + 1, kLatentSegment);
    }
  }
  record("attend_mla", args.q.shape, args.out.shape, work);
  TracedVerb& verb = verbs_.back();
  verb.map_elements = args.heads * (args.qk_nope_head_dim + args.v_head_dim) * args.kv_lora_rank;
  verb.generated_rows = generated_rows(batch);
  verb.heads = args.heads;
  verb.pairs = real(args.heads) * seen;
  verb.segments = verb.generated_rows > 0 ? segments : 0;
  verb.alone =
      verb.generated_rows > 0 && absorbing_work(args, verb.generated_rows, args.qk_nope_head_dim) <
                                     ThreadPool::kWorkWorthSharing;
}

void TraceBackend::linear_add(Tensor x, const Linear& linear, Tensor residual) {
  take_activations(x, Norm{}, is_integer(linear));
  record("linear_add", x.shape, residual.shape, of_linear(linear, x.rows()));
}

void TraceBackend::norm_linear_swiglu(Tensor x, const Norm& norm, const Linear& gate,
                                      const Linear& up, Tensor out) {
  take_activations(x, norm, is_integer(gate) || is_integer(up));
  Work work = of_norm(norm, x);
  work += of_linear(gate, x.rows());
  work += of_linear(up, x.rows());
  record("norm_linear_swiglu", x.shape, out.shape, work);
}

// CpuBackend's: normed rows, then the low-rank rows of each add.
void TraceBackend::add_low_rank(Tensor x, const Norm& norm, std::span<const LowRankAdd> adds) {
  take_activations(x, norm, false);
  Work work;
  int64_t columns = 0;
  for (const LowRankAdd& add : adds) {
    scratch({add.rows, add.delta->a.out()});
    work += of_linear({add.delta->a, {}}, add.rows);
    work += of_linear({add.delta->b, {}}, add.rows);
    columns += add.out.columns();
  }
  record("add_low_rank", x.shape, {x.rows(), columns}, work);
}

void TraceBackend::swiglu(Tensor gate, Tensor up) {
  record("swiglu", up.shape, gate.shape, {0, 0, 4 * real(gate.shape.elements())});
}

void TraceBackend::route_experts(const RouteExperts& args) {
  take_activations(args.x, *args.norm, false);
  const Tensor logits = scratch({args.x.rows(), args.gate->out()});
  Work work = of_norm(*args.norm, args.x);
  work += of_linear({*args.gate, {}}, args.x.rows());
  const Weight* bias = args.correction_bias;
  if (bias && bias->present()) work.weight_bytes += bias->bytes();
  record("route_experts", args.x.shape, logits.shape, work);
}

void TraceBackend::moe_ffn(const MoeFfn& args) {
  const int64_t rows = args.x.rows();
  const int64_t dim = args.x.columns();
  const int64_t pairs = rows * args.num_experts_per_tok;
  const Expert& one = args.experts[0];
  const int64_t inter = one.gate_proj.weight.out();
  take_activations(args.x, *args.norm, false);
  scratch({pairs, dim});  // inputs, hidden rows and outputs of each (token, expert) pair
  take_quantized(pairs, dim, is_integer(one.gate_proj) || is_integer(one.up_proj));
  scratch({pairs, inter});
  take_quantized(pairs, inter, is_integer(one.down_proj));
  scratch({pairs, dim});
  const auto count = static_cast<int64_t>(args.experts.size());
  const int64_t read = expected_experts(count, args.num_experts_per_tok, rows);
  int64_t stored = 0;
  for (const Expert& expert : args.experts) {
    for (const Linear* part : {&expert.gate_proj, &expert.up_proj, &expert.down_proj}) {
      stored = saturated_add(stored, part->weight.bytes());
    }
  }
  Work work = of_norm(*args.norm, args.x);
  const int64_t chosen_bytes = stored / count * read + stored % count * read / count;
  work += {chosen_bytes, 0, 0};
  for (const Linear* part : {&one.gate_proj, &one.up_proj, &one.down_proj}) {
    work.flops += of_linear(*part, pairs).flops;
  }
  record("moe_ffn", args.x.shape, args.x.shape, work);
  verbs_.back().experts = read;
  verbs_.back().expert_bytes = chosen_bytes;
}

void TraceBackend::gather_rows(Tensor x, std::span<const int64_t>, Tensor out) {
  record("gather_rows", x.shape, out.shape, {});
}

void TraceBackend::head_logits(Tensor x, const Norm& norm, const Linear& head, Tensor logits) {
  if (x.rows() > 0) take_activations(x, norm, is_integer(head));
  Work work = of_norm(norm, x);
  work += of_linear(head, x.rows());
  record("head_logits", x.shape, logits.shape, work);
}

}  // namespace hearth
