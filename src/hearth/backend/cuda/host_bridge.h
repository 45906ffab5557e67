// HostBridge: a CudaBackend for tests that keep everything in host memory. Each verb takes its
// inputs to the device, runs there, and brings its results back; so the conformance cases that
// judge the CPU's backends judge this one too.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "hearth/backend/cuda/cuda_backend.h"

namespace hearth::cuda {

class HostBridge : public Backend {
 public:
  explicit HostBridge(std::unique_ptr<CudaBackend> device) : device_(std::move(device)) {}

  std::string_view name() const override { return "cuda, from the host"; }
  void begin_step() override {
    host_.reset();
    device_->begin_step();
    kept_.clear();
  }
  Tensor scratch(const Shape& shape) override { return host_.take_f32(shape); }
  std::byte* scratch_bytes(int64_t bytes) override { return host_.take(bytes); }
  Arena::Mark scratch_mark() const override { return host_.mark(); }
  void scratch_release(const Arena::Mark& mark) override { host_.release(mark); }
  Result<Weight> prepare(Weight weight, WeightUse use) override {
    return device_->prepare(std::move(weight), use);
  }
  Result<std::shared_ptr<const BackendForm>> prepare_latents(const AttendMla& shape) override {
    return device_->prepare_latents(shape);
  }

  void embed_rows(const Weight& table, std::span<const int32_t> ids, Tensor out) override {
    const Tensor to = room_for(out);
    device_->embed_rows(*rows_of(table), ids, to);
    bring_back(to, out);
  }
  void norm_linear(Tensor x, const Norm& norm, std::span<const LinearOut> outs) override {
    std::vector<LinearOut> to;
    for (const LinearOut& out : outs) to.push_back({linear_of(*out.linear), room_for(out.out)});
    device_->norm_linear(taken(x), *norm_of(norm), to);
    for (size_t i = 0; i < to.size(); ++i) bring_back(to[i].out, outs[i].out);
  }
  void qk_norm(Tensor x, const Norm& norm, int64_t head_dim) override {
    const Tensor at = taken(x);
    device_->qk_norm(at, *norm_of(norm), head_dim);
    bring_back(at, x);
  }
  void attend_gqa(const AttendGqa& args, const Batch& batch, KvCache& cache) override {
    AttendGqa a = args;
    a.q = taken(args.q);
    a.k = taken(args.k);
    a.v = taken(args.v);
    a.out = room_for(args.out);
    KvCache there = cache_of(cache);
    device_->attend_gqa(a, batch, there);
    bring_back(a.q, args.q);
    bring_back(a.k, args.k);
    bring_back(a.out, args.out);
    bring_back(there, cache);
  }
  void attend_mla(const AttendMla& args, const Batch& batch, KvCache& cache) override {
    AttendMla a = args;
    a.q = taken(args.q);
    a.kv = taken(args.kv);
    a.out = room_for(args.out);
    a.kv_a_norm = norm_of(*args.kv_a_norm);
    KvCache there = cache_of(cache);
    device_->attend_mla(a, batch, there);
    bring_back(a.q, args.q);
    bring_back(a.kv, args.kv);
    bring_back(a.out, args.out);
    bring_back(there, cache);
  }
  void linear_add(Tensor x, const Linear& linear, Tensor residual) override {
    const Tensor at = taken(residual);
    device_->linear_add(taken(x), *linear_of(linear), at);
    bring_back(at, residual);
  }
  void norm_linear_swiglu(Tensor x, const Norm& norm, const Linear& gate, const Linear& up,
                          Tensor out) override {
    const Tensor to = room_for(out);
    device_->norm_linear_swiglu(taken(x), *norm_of(norm), *linear_of(gate), *linear_of(up), to);
    bring_back(to, out);
  }
  void add_low_rank(Tensor x, const Norm& norm, std::span<const LowRankAdd> adds) override {
    std::vector<LowRankAdd> to(adds.begin(), adds.end());
    for (LowRankAdd& add : to) add.out = taken(add.out);
    device_->add_low_rank(taken(x), *norm_of(norm), to);
    for (size_t i = 0; i < to.size(); ++i) {
      bring_back(to[i].out.row(to[i].first_row), adds[i]);
    }
  }
  void swiglu(Tensor gate, Tensor up) override {
    const Tensor at = taken(gate);
    device_->swiglu(at, taken(up));
    bring_back(at, gate);
  }
  bool attends_in_parts() const override { return device_->attends_in_parts(); }
  void route_experts(const RouteExperts& args) override {
    RouteExperts r = args;
    const int64_t bytes = args.x.rows() * args.num_experts_per_tok * 4;
    r.x = taken(args.x);
    r.norm = norm_of(*args.norm);
    r.gate = rows_of(*args.gate);
    r.correction_bias = vector_of(*args.correction_bias);
    r.ids = reinterpret_cast<int32_t*>(device_->scratch_bytes(bytes));
    r.weights = reinterpret_cast<float*>(device_->scratch_bytes(bytes));
    device_->route_experts(r);
    bring_back(args.ids, r.ids, bytes);
    bring_back(args.weights, r.weights, bytes);
  }
  void moe_ffn(const MoeFfn& args) override {
    MoeFfn m = args;
    const int64_t bytes = args.x.rows() * args.num_experts_per_tok * 4;
    m.x = taken(args.x);
    m.norm = norm_of(*args.norm);
    m.ids = static_cast<const int32_t*>(taken(args.ids, bytes));
    m.weights = static_cast<const float*>(taken(args.weights, bytes));
    device_->moe_ffn(m);
    bring_back(m.x, args.x);
  }
  void gather_rows(Tensor x, std::span<const int64_t> rows, Tensor out) override {
    const Tensor to = room_for(out);
    device_->gather_rows(taken(x), rows, to);
    bring_back(to, out);
  }
  void head_logits(Tensor x, const Norm& norm, const Linear& head, Tensor logits) override {
    const Tensor to = room_for(logits);
    device_->head_logits(taken(x), *norm_of(norm), *linear_of(head), to);
    bring_back(to, logits);
  }

 private:
  Tensor room_for(const Tensor& host) { return device_->scratch(host.shape); }
  const void* taken(const void* host, int64_t bytes) {
    std::byte* at = device_->scratch_bytes(bytes);
    device_->stream().copy_in(at, host, bytes);
    return at;
  }
  Tensor taken(const Tensor& host) {
    const Tensor at = room_for(host);
    device_->stream().copy_in(at.data, host.data, host.bytes());
    return at;
  }
  void bring_back(void* host, const void* at, int64_t bytes) {
    device_->stream().copy_out(host, at, bytes);
    device_->stream().synchronize();
    const Status status = device_->stream().status();
    CHECK_EQ(status.message(), std::string());
  }
  // The rows of an add alone: others may be written by another.
  void bring_back(const std::byte* at, const LowRankAdd& add) {
    bring_back(add.out.row(add.first_row), at, add.rows * add.out.row_bytes);
  }
  void bring_back(const Tensor& at, const Tensor& host) {
    bring_back(host.data, at.data, host.bytes());
  }

  KvCache cache_of(const KvCache& host) {
    auto memory = device_->stream().allocate(host.bytes());
    CHECK(memory.has_value());
    device_->stream().copy_in(memory->get(), host.memory(), host.bytes());
    return {host.spec(), host.blocks(), *std::move(memory)};
  }
  void bring_back(const KvCache& at, const KvCache& host) {
    bring_back(host.memory(), at.memory(), host.bytes());
  }

  // Unprepared vectors and tables of a case, on the device until the next step.
  const Weight* rows_of(const Weight& weight) {
    auto made = device_->prepare(weight, WeightUse::rows);
    CHECK(made.has_value());
    return &kept_.emplace_back(Kept{*std::move(made), {}, {}}).weight;
  }
  const Weight* vector_of(const Weight& weight) {
    return weight.present() ? rows_of(weight) : &weight;
  }
  const Norm* norm_of(const Norm& norm) {
    if (!norm.weight.present()) return &norm;
    return &kept_.emplace_back(Kept{{}, {*rows_of(norm.weight), norm.eps}, {}}).norm;
  }
  const Linear* linear_of(const Linear& linear) {
    return &kept_.emplace_back(Kept{{}, {}, {linear.weight, *vector_of(linear.bias)}}).linear;
  }

  struct Kept {
    Weight weight;
    Norm norm;
    Linear linear;
  };
  std::unique_ptr<CudaBackend> device_;
  Arena host_;
  std::deque<Kept> kept_;
};

}  // namespace hearth::cuda
