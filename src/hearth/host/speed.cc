// See speed.h. The kernels are measured through the backend's own verb, so a faster kernel changes
// the forecast without a change here.
#include "hearth/host/speed.h"

#include <algorithm>
#include <chrono>
#include <random>
#include <vector>

#include "hearth/formats/codec.h"
#include "hearth/sensors/bandwidth.h"
#include "hearth/sensors/cpu.h"
#include "hearth/sensors/memory.h"

namespace hearth {
namespace {

constexpr int64_t kOut = 512;  // a weight [kOut, kIn] stays in the caches of any machine
constexpr int64_t kIn = 1024;
constexpr int64_t kPromptRows = 128;
constexpr double kMeasureFor = 0.08;  // seconds, after a first call that warms up

double seconds_now() {
  using Clock = std::chrono::steady_clock;
  return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
}

Weight random_weight(Format format) {
  const auto bytes = Tensor::packed_row_bytes(format, kIn) * kOut;
  auto buffer = std::make_shared<Buffer>(bytes);
  Weight weight;
  weight.tensor = Tensor::packed(format, {kOut, kIn}, buffer->data());
  weight.owner = std::move(buffer);
  std::mt19937 random(1);
  std::vector<float> row(kIn);
  for (float& v : row) v = static_cast<float>(random() % 2001) / 1000 - 1;
  for (int64_t r = 0; r < kOut; ++r) encode_row(row.data(), weight.tensor, r);
  return weight;
}

double gflop_s(Backend& backend, const Linear& linear, int64_t rows) {
  const double flops = 2.0 * static_cast<double>(rows) * kOut * kIn;
  double best = 0;
  const double deadline = seconds_now() + kMeasureFor;
  do {
    backend.begin_step();
    const Tensor x = backend.scratch({rows, kIn});
    std::fill(x.f32().begin(), x.f32().end(), 0.5f);
    const LinearOut out{&linear, backend.scratch({rows, kOut})};
    const double begin = seconds_now();
    backend.norm_linear(x, Norm{}, {&out, 1});
    best = std::max(best, flops / std::max(seconds_now() - begin, 1e-9) / 1e9);
  } while (seconds_now() < deadline);
  return best;
}

}  // namespace

Result<MachineSpeed> measure_speed(Backend& backend, Format format, int threads) {
  MachineSpeed speed;
  TRY_ASSIGN(const MemoryInfo memory, read_memory());
  int64_t cache_bytes = 0;
  if (const auto cpu = read_cpu()) cache_bytes = cpu->last_level_cache_bytes();
  const int64_t buffer =
      bandwidth_buffer_bytes(cache_bytes, threads, memory.usable_available_bytes());
  TRY_ASSIGN(const Bandwidth bandwidth, measure_read_bandwidth(threads, buffer));
  speed.read_gb_s = bandwidth.read_gb_s;
  Linear linear;
  TRY_ASSIGN(linear.weight, backend.prepare(random_weight(format), WeightUse::multiply));
  speed.prompt_gflop_s = gflop_s(backend, linear, kPromptRows);
  speed.decode_gflop_s = gflop_s(backend, linear, 1);
  return speed;
}

std::string_view limit_name(Limit limit) {
  return limit == Limit::compute ? "compute" : "memory_bandwidth";
}

SpeedForecast forecast(const MemoryPlan& plan, const MachineSpeed& speed) {
  const auto read_seconds = [&](const Work& work) {
    const double bytes =
        static_cast<double>(work.weight_bytes) + static_cast<double>(work.kv_bytes);
    return bytes / (speed.read_gb_s * 1e9);
  };
  SpeedForecast out;
  const double prompt_flops = plan.prompt.work.flops / (speed.prompt_gflop_s * 1e9);
  out.ttft_ms = std::max(read_seconds(plan.prompt.work), prompt_flops) * 1e3;
  // Rows of a batch share the decoded weights: their rate lies between that of one row and that
  // of a prompt.
  const double share = std::min<double>(1, static_cast<double>(plan.batch - 1) / (kPromptRows - 1));
  const double rate = speed.decode_gflop_s + share * (speed.prompt_gflop_s - speed.decode_gflop_s);
  const double read = read_seconds(plan.decode.work);
  const double compute = plan.decode.work.flops / (rate * 1e9);
  out.limited_by = compute > read ? Limit::compute : Limit::memory_bandwidth;
  out.tok_s = static_cast<double>(plan.decode.rows) / std::max({read, compute, 1e-9});
  return out;
}

}  // namespace hearth
