// See speed.h. The kernels are measured through the backend's own verbs, so a faster kernel changes
// the forecast without a change here. Between two measurements the caches are filled with something
// else: a model's weights are long gone when the next token wants them.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <vector>

#include "hearth/backend/quantized_bytes.h"
#include "hearth/base/huge_memory.h"
#include "hearth/base/thread_pool.h"
#include "hearth/host/probe.h"
#include "hearth/sensors/bandwidth.h"
#include "hearth/sensors/cpu.h"
#include "hearth/sensors/memory.h"

namespace hearth {
namespace {

using probe::kRepeats;
using probe::median_of;
using probe::random_linear;
using probe::seconds_now;

constexpr int64_t kIn = 2048;  // columns of a measured matrix
constexpr int64_t kOut = 2048;
constexpr int64_t kWeightsMost = 8 * kIn * kOut;  // of all matrices that are read from memory
constexpr int64_t kManyRows = 128;                // of what is measured beside matrices

// As many matrices as hold `weights` weights, each with bytes of its own.
Result<std::vector<Linear>> random_linears(Backend& backend, Format format, int64_t weights) {
  std::vector<Linear> linears;
  while (weights > 0) {
    const int64_t out = std::clamp<int64_t>(weights / kIn, 32, kOut);
    TRY_ASSIGN(Linear linear, random_linear(backend, format, out, kIn));
    linears.push_back(std::move(linear));
    weights -= out * kIn;
  }
  return linears;
}

// Of all matrices, once each, with `rows` rows.
double multiply_seconds(Backend& backend, std::span<const Linear> linears, int64_t rows,
                        const Norm& norm = {}) {
  backend.begin_step();
  const Tensor x = probe::activations(backend, rows, kIn);
  const Tensor y = backend.scratch({rows, kOut});
  const double begin = seconds_now();
  for (const Linear& linear : linears) {
    ScratchScope scope(backend);
    const Tensor out = Tensor::packed(Format::f32, {rows, linear.weight.out()}, y.data);
    const LinearOut to{&linear, out};
    backend.norm_linear(x, norm, {&to, 1});
  }
  return seconds_now() - begin;
}

int64_t weights_of(std::span<const Linear> linears) {
  int64_t sum = 0;
  for (const Linear& linear : linears) sum += linear.weight.tensor.shape.elements();
  return sum;
}

// What rounding rows of activations takes, an element: two linears round the same rows once.
Result<double> rounding_seconds(Backend& backend, const MachineSpeed& speed) {
  constexpr int64_t kWide = 256;
  if (!has_integer_kernels(speed.format)) return 0;
  TRY_ASSIGN(const Linear linear, random_linear(backend, speed.format, kWide, kIn));
  const auto seconds = [&](size_t count) {
    return median_of(20, [&] {
      backend.begin_step();
      const Tensor x = probe::activations(backend, kManyRows, kIn);
      const LinearOut out{&linear, backend.scratch({kManyRows, kWide})};
      const LinearOut outs[] = {out, out};
      const double begin = seconds_now();
      backend.norm_linear(x, Norm{}, std::span(outs).first(count));
      return seconds_now() - begin;
    });
  };
  const double rounding = 2 * seconds(1) - seconds(2) - speed.verb_seconds;
  return std::max(0.0, rounding) / static_cast<double>(kManyRows * kIn);
}

double norming_seconds(Backend& backend, const Linear& linear) {
  Norm norm;
  norm.weight = probe::random_weight(Format::f32, 1, kIn);
  norm.weight.tensor.shape = {kIn};
  const auto seconds = [&](const Norm& with) {
    return median_of(20, [&] { return multiply_seconds(backend, {&linear, 1}, kManyRows, with); });
  };
  return std::max(0.0, seconds(norm) - seconds({})) / static_cast<double>(kManyRows * kIn);
}

// Roundings and norms, and takes the roundings of what was measured out of it. `results`: of the
// matrices that were measured with each number of rows, on average; each rounded the rows again.
Status set_elements(Backend& backend, const Linear& little,
                    const std::array<double, kMeasuredRows.size()>& results, MachineSpeed& speed) {
  TRY_ASSIGN(const double rounding, rounding_seconds(backend, speed));
  speed.round_seconds = 1e9 * rounding;
  speed.norm_seconds = 1e9 * norming_seconds(backend, little);
  speed.verb_seconds = std::max(0.0, speed.verb_seconds - kIn * rounding);
  for (size_t i = 0; i < kMeasuredRows.size(); ++i) {
    const double rounded = static_cast<double>(kMeasuredRows[i]) * speed.round_seconds / results[i];
    // Whatever the clock says, products take time.
    speed.row_seconds[i] = std::max(speed.row_seconds[i] - rounded, 0.25 * speed.row_seconds[i]);
  }
  return Status::ok();
}

// A router's verb with V3's number of experts, in bf16 as checkpoints have it: its rows are looked
// up, not packed.
Status set_router(Backend& backend, const probe::Forget& forget, MachineSpeed& speed) {
  constexpr int64_t kExperts = 256, kChosen = 8;
  TRY_ASSIGN(const Weight gate,
             backend.prepare(probe::random_weight(Format::bf16, kExperts, kIn), WeightUse::rows));
  const Norm none;
  std::vector<int32_t> ids(kManyRows * kChosen);
  std::vector<float> shares(ids.size());
  const auto seconds = [&](int64_t rows) {
    backend.begin_step();
    RouteExperts args;
    args.x = probe::activations(backend, rows, kIn);
    args.norm = &none;
    args.gate = &gate;
    args.num_experts_per_tok = kChosen;
    args.ids = ids.data();
    args.weights = shares.data();
    const double begin = seconds_now();
    backend.route_experts(args);
    return seconds_now() - begin;
  };
  const double one = median_of(3 * kRepeats, [&] {
    forget();
    return seconds(1);
  });
  const double many = median_of(3 * kRepeats, [&] { return seconds(kManyRows); });
  const double weights = static_cast<double>(kExperts * kIn) / 1e9;
  const double row = many / kManyRows;  // what is read once counts little in so many
  speed.router_row_seconds = row / weights;
  speed.router_seconds = std::max(0.0, one - speed.verb_seconds - row) / weights;
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
  Speedometer out(backend, std::move(flood), bandwidth.read_gb_s, cache_bytes);
  out.threads_ = threads;
  return out;
}

Result<MachineSpeed> Speedometer::measure(Format format, int64_t weight_bytes, bool latents) {
  MachineSpeed speed;
  speed.read_gb_s = read_gb_s_;
  speed.format = format;
  speed.threads = threads_;
  const FormatInfo& info = format_info(format);
  const int64_t weights =
      std::clamp<int64_t>(weight_bytes / info.block_bytes * info.block_elements, 1, kWeightsMost);
  const bool from_memory = weight_bytes > cache_bytes_ / 4;
  TRY_ASSIGN(const std::vector<Linear> linears, random_linears(*backend_, format, weights));
  std::array<double, kMeasuredRows.size()> results{};
  for (size_t i = 0; i < kMeasuredRows.size(); ++i) {
    const int64_t rows = kMeasuredRows[i];
    // Of many rows the arithmetic takes the time: one matrix is enough.
    const bool many = rows > 16;
    const auto some = std::span(linears).first(many ? 1 : linears.size());
    multiply_seconds(*backend_, some, rows);  // warms up
    const double seconds = median_of(kRepeats, [&] {
      if (from_memory && !many) flood_->run();
      return multiply_seconds(*backend_, some, rows);
    });
    speed.row_seconds[i] = seconds / (static_cast<double>(weights_of(some)) / 1e9);
    results[i] =
        static_cast<double>(weights_of(some)) / static_cast<double>(kIn * std::ssize(some));
  }
  TRY_ASSIGN(const std::vector<Linear> little, random_linears(*backend_, format, 1));
  const double call = median_of(100, [&] { return multiply_seconds(*backend_, little, 1); });
  const double its_weights = static_cast<double>(weights_of(little)) / 1e9 * speed.row_seconds[0];
  speed.verb_seconds = std::max(0.0, call - its_weights);
  TRY(set_elements(*backend_, little.front(), results, speed));
  const auto forget = [&] {
    if (from_memory) flood_->run();
  };
  TRY(set_router(*backend_, forget, speed));
  TRY_ASSIGN(speed.grouped, probe::measure_grouped(*backend_, forget));
  if (latents) {
    TRY_ASSIGN(speed.latent, probe::measure_latent(*backend_, format, speed.verb_seconds, forget));
  }
  TRY_ASSIGN(speed.expert_seconds, probe::measure_expert(*backend_, speed));
  return speed;
}

}  // namespace hearth
