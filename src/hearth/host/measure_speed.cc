// See speed.h. The kernels are measured through the backend's own verbs, so a faster kernel changes
// the forecast without a change here. Between two measurements the caches are filled with something
// else: a model's weights are long gone when the next token wants them.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <random>
#include <vector>

#include "hearth/base/huge_memory.h"
#include "hearth/base/thread_pool.h"
#include "hearth/formats/codec.h"
#include "hearth/host/speed.h"
#include "hearth/sensors/bandwidth.h"
#include "hearth/sensors/cpu.h"
#include "hearth/sensors/memory.h"

namespace hearth {
namespace {

constexpr int64_t kIn = 2048;  // columns of a measured matrix
constexpr int64_t kOut = 2048;
constexpr int64_t kWeightsMost = 8 * kIn * kOut;  // of all matrices that are read from memory
constexpr int64_t kRandomRows = 64;               // the rest repeat them: encoding is slow
constexpr int kRepeats = 3;                       // the best counts: others use the machine, too

double seconds_now() {
  using Clock = std::chrono::steady_clock;
  return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
}

Weight random_weight(Format format, int64_t out) {
  const int64_t row_bytes = Tensor::packed_row_bytes(format, kIn);
  auto buffer = std::make_shared<Buffer>(row_bytes * out);
  Weight weight;
  weight.tensor = Tensor::packed(format, {out, kIn}, buffer->data());
  weight.owner = std::move(buffer);
  std::mt19937 random(1);
  std::vector<float> row(kIn);
  for (int64_t r = 0; r < std::min(kRandomRows, out); ++r) {
    for (float& v : row) v = static_cast<float>(random() % 2001) / 1000 - 1;
    encode_row(row.data(), weight.tensor, r);
  }
  for (int64_t r = kRandomRows; r < out; ++r) {
    std::memcpy(weight.tensor.data + r * row_bytes,
                weight.tensor.data + r % kRandomRows * row_bytes, static_cast<size_t>(row_bytes));
  }
  return weight;
}

// As many matrices as hold `weights` weights, each with bytes of its own.
Result<std::vector<Linear>> random_linears(Backend& backend, Format format, int64_t weights) {
  std::vector<Linear> linears;
  while (weights > 0) {
    const int64_t out = std::clamp<int64_t>(weights / kIn, 32, kOut);
    Linear linear;
    TRY_ASSIGN(linear.weight, backend.prepare(random_weight(format, out), WeightUse::multiply));
    linears.push_back(std::move(linear));
    weights -= out * kIn;
  }
  return linears;
}

// Of all matrices, once each, with `rows` rows.
double multiply_seconds(Backend& backend, std::span<const Linear> linears, int64_t rows) {
  backend.begin_step();
  const Tensor x = backend.scratch({rows, kIn});
  std::fill(x.f32().begin(), x.f32().end(), 0.5f);
  const Tensor y = backend.scratch({rows, kOut});
  const double begin = seconds_now();
  for (const Linear& linear : linears) {
    ScratchScope scope(backend);
    const Tensor out = Tensor::packed(Format::f32, {rows, linear.weight.out()}, y.data);
    const LinearOut to{&linear, out};
    backend.norm_linear(x, Norm{}, {&to, 1});
  }
  return seconds_now() - begin;
}

template <typename Measure>
double best_of(int repeats, const Measure& measure) {
  double best = measure();
  for (int i = 1; i < repeats; ++i) best = std::min(best, measure());
  return best;
}

int64_t weights_of(std::span<const Linear> linears) {
  int64_t sum = 0;
  for (const Linear& linear : linears) sum += linear.weight.tensor.shape.elements();
  return sum;
}

// Attention of one layer with grouped queries, as the R1 family's dense models have it.
class AttentionRun {
 public:
  static constexpr int64_t kHeads = 12, kKvHeads = 2, kHeadDim = 128;

  AttentionRun(Backend& backend, KvCache cache, const Rope& rope)
      : backend_(backend), cache_(std::move(cache)), rope_(rope) {}

  static KvSpec spec() { return {1, 2 * kKvHeads * kHeadDim, Format::f16, kKvHeads}; }

  // Of `rows` rows behind `start` positions.
  double seconds(int64_t start, int64_t rows, Role role) {
    Batch batch;
    batch.tokens.assign(static_cast<size_t>(rows), 0);
    batch.sequences.push_back({0, rows, start, role, {}});
    for (int64_t b = 0; b < ceil_div(start + rows, kKvBlockTokens); ++b) {
      batch.sequences[0].blocks.push_back(static_cast<int32_t>(b));
    }
    backend_.begin_step();
    const auto half = [&](int64_t columns) {
      const Tensor x = backend_.scratch({rows, columns});
      std::fill(x.f32().begin(), x.f32().end(), 0.5f);
      return x;
    };
    AttendGqa args;
    args.q = half(kHeads * kHeadDim);
    args.k = half(kKvHeads * kHeadDim);
    args.v = half(kKvHeads * kHeadDim);
    args.out = half(kHeads * kHeadDim);
    args.heads = kHeads;
    args.kv_heads = kKvHeads;
    args.head_dim = kHeadDim;
    args.scale = 0.1;
    args.rope = &rope_;
    const double begin = seconds_now();
    backend_.attend_gqa(args, batch, cache_);
    return seconds_now() - begin;
  }

 private:
  Backend& backend_;
  KvCache cache_;
  const Rope& rope_;
};

Status measure_attention(Backend& backend, MachineSpeed& speed) {
  constexpr int64_t kPositions = 8192, kRows = 256;
  Rope rope;
  rope.dims = AttentionRun::kHeadDim;
  rope.inv_freq.assign(static_cast<size_t>(rope.dims / 2), 0.001);
  TRY_ASSIGN(KvCache cache, make_cache(backend, AttentionRun::spec(),
                                       ceil_div(kPositions + kRows, kKvBlockTokens)));
  AttentionRun run(backend, std::move(cache), rope);
  // A token's time less what it takes without a history is that of the history.
  const double none = best_of(kRepeats, [&] { return run.seconds(0, 1, Role::generated); });
  const double all = best_of(kRepeats, [&] { return run.seconds(kPositions, 1, Role::generated); });
  const auto bytes = static_cast<double>(kPositions * AttentionRun::spec().row_bytes());
  speed.attention_gb_s = bytes / std::max(all - none, 1e-9) / 1e9;
  const double prompt = best_of(kRepeats, [&] { return run.seconds(0, kRows, Role::prompt); });
  const double flops =
      4.0 * AttentionRun::kHeads * AttentionRun::kHeadDim * kRows * (kRows + 1) / 2;
  speed.attention_gflop_s = flops / std::max(prompt, 1e-9) / 1e9;
  return Status::ok();
}

}  // namespace

// Reads a large buffer, so that nothing else stays in the caches.
class Speedometer::CacheFlood {
 public:
  CacheFlood(HugeMemory memory, int threads) : memory_(std::move(memory)), pool_(threads) {
    std::memset(memory_.data(), 1, static_cast<size_t>(memory_.bytes()));
  }

  void run() {
    std::atomic<uint64_t> total{0};
    pool_.parallel_for(pool_.threads(), [&](int64_t part) {
      const int64_t each = memory_.bytes() / pool_.threads();
      uint64_t sum = 0;
      for (int64_t at = 0; at < each; at += 64) {
        sum += static_cast<uint64_t>(memory_.data()[part * each + at]);
      }
      total += sum;
    });
    CHECK(total > 0);
  }

 private:
  HugeMemory memory_;
  ThreadPool pool_;
};

Speedometer::Speedometer(Backend& backend, std::unique_ptr<CacheFlood> flood, double read_gb_s,
                         int64_t cache_bytes)
    : backend_(&backend),
      flood_(std::move(flood)),
      read_gb_s_(read_gb_s),
      cache_bytes_(cache_bytes) {}
Speedometer::Speedometer(Speedometer&&) noexcept = default;
Speedometer::~Speedometer() = default;

Result<Speedometer> Speedometer::open(Backend& backend, int threads) {
  TRY_ASSIGN(const MemoryInfo memory, read_memory());
  int64_t cache_bytes = 0;
  if (const auto cpu = read_cpu()) cache_bytes = cpu->last_level_cache_bytes();
  const int64_t bytes =
      bandwidth_buffer_bytes(cache_bytes, threads, memory.usable_available_bytes());
  TRY_ASSIGN(const Bandwidth bandwidth, measure_read_bandwidth(threads, bytes));
  TRY_ASSIGN(HugeMemory buffer, HugeMemory::allocate(bytes));
  auto flood = std::make_unique<CacheFlood>(std::move(buffer), threads);
  return Speedometer(backend, std::move(flood), bandwidth.read_gb_s, cache_bytes);
}

Result<MachineSpeed> Speedometer::measure(Format format, int64_t weight_bytes) {
  MachineSpeed speed;
  speed.read_gb_s = read_gb_s_;
  speed.format = format;
  const FormatInfo& info = format_info(format);
  const int64_t weights =
      std::clamp<int64_t>(weight_bytes / info.block_bytes * info.block_elements, 1, kWeightsMost);
  const bool from_memory = weight_bytes > cache_bytes_ / 4;
  TRY_ASSIGN(const std::vector<Linear> linears, random_linears(*backend_, format, weights));
  for (size_t i = 0; i < kMeasuredRows.size(); ++i) {
    const int64_t rows = kMeasuredRows[i];
    // Of many rows the arithmetic takes the time: one matrix is enough.
    const bool many = rows > 8;
    const auto some = std::span(linears).first(many ? 1 : linears.size());
    multiply_seconds(*backend_, some, rows);  // warms up
    const double seconds = best_of(kRepeats, [&] {
      if (from_memory && !many) flood_->run();
      return multiply_seconds(*backend_, some, rows);
    });
    speed.row_seconds[i] = seconds / (static_cast<double>(weights_of(some)) / 1e9);
  }
  TRY_ASSIGN(const std::vector<Linear> little, random_linears(*backend_, format, 1));
  const double call = best_of(100, [&] { return multiply_seconds(*backend_, little, 1); });
  const double its_weights = static_cast<double>(weights_of(little)) / 1e9 * speed.row_seconds[0];
  speed.verb_seconds = std::max(0.0, call - its_weights);
  TRY(measure_attention(*backend_, speed));
  return speed;
}

}  // namespace hearth
