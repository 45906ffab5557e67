// What the machine can do, measured in some seconds before anything is loaded, and what traced
// steps will take on it. Nothing is fitted to a model: a verb takes as long as our own kernel takes
// for as many weights, of the same format, from memory, for as many rows; attention as long as for
// as many bytes of cache.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string_view>

#include "hearth/host/memory_plan.h"

namespace hearth {

inline constexpr std::array<int64_t, 5> kMeasuredRows = {1, 8, 16, 64, 512};

// Heads of MLA that one look at a latent serves, on the CPU.
inline constexpr int64_t kLatentHeads = 16;

// What attention takes in a layer.
struct AttentionSpeed {
  double cache_gb_s = 0;  // of the cache, for a generated token; latent: and kLatentHeads heads
  // Of a generated token beside its history, for 1e9 elements of its queries (grouped) or 1e9
  // weights of the maps (latent); latent: more for the first of a step, which fetches the maps.
  double token_seconds = 0;
  double first_seconds = 0;
  // Latent: of a generated token's head, and of a prompt's head and a position that it sees, beside
  // products.
  double head_seconds = 0;
  double pair_seconds = 0;
  // Of a prompt: products, and what 1e9 elements of queries take beside them; latent: and each head
  // of a token.
  double prompt_gflop_s = 0;
  double prompt_seconds = 0;
  double prompt_head_seconds = 0;
};

struct MachineSpeed {
  double read_gb_s = 0;         // memory, 1e9 bytes a second
  Format format = Format::f32;  // of the weights that were multiplied
  int threads = 1;
  // Seconds that 1e9 weights take for kMeasuredRows rows: from memory, or where a model is small
  // enough for the caches, from there.
  std::array<double, kMeasuredRows.size()> row_seconds{};
  AttentionSpeed grouped, latent;
  double verb_seconds = 0;   // of a verb, beside its weights
  double round_seconds = 0;  // of 1e9 elements of activations that are rounded to eight bits
  double norm_seconds = 0;   // and of as many that are normed
  // Of 1e9 weights of a router, which stays as it is stored: to read them, and for each row.
  double router_seconds = 0;
  double router_row_seconds = 0;
  double expert_seconds = 0;    // of a routed expert that is chosen, beside its weights
  double disk_gb_s = 0;         // of the model's files; 0: not measured, or nothing stays there
  double expert_miss_rate = 0;  // of the bytes of experts, those that come from there

  // Multiplications and additions a second, in 1e9, of `rows` rows at a time.
  double gflop_s(double rows) const;
  // Of 1e9 weights for `rows` rows, which may be a mean.
  double seconds_per_gweight(double rows) const;
};

// Measures the kernels of one backend. Holds a buffer that floods the caches: at most 256 MiB a
// thread.  Threads: one at a time, the backend's.
class Speedometer {
 public:
  // Measures the memory.  no_memory: no room for the buffer.
  static Result<Speedometer> open(Backend& backend, int threads);
  Speedometer(Speedometer&&) noexcept;
  ~Speedometer();

  double read_gb_s() const { return read_gb_s_; }
  // For a model that reads `weight_bytes` of weights in a step, most of them of `format`;
  // `latents`: whose attention is MLA (else MachineSpeed::latent stays empty).
  Result<MachineSpeed> measure(Format format, int64_t weight_bytes, bool latents);

 private:
  class CacheFlood;
  Speedometer(Backend& backend, std::unique_ptr<CacheFlood> flood, double read_gb_s,
              int64_t cache_bytes);

  Backend* backend_;
  std::unique_ptr<CacheFlood> flood_;
  double read_gb_s_;
  int64_t cache_bytes_;  // of the last level, all together; 0: unknown
  int threads_ = 1;
};

enum class Limit : uint8_t { memory_bandwidth, compute, disk };
std::string_view limit_name(Limit limit);

struct StepForecast {
  double seconds = 0;
  Limit limited_by = Limit::memory_bandwidth;
};
StepForecast forecast_step(std::span<const TracedVerb> verbs, const MachineSpeed& speed);

struct SpeedForecast {
  double ttft_ms = 0;  // of the plan's prompt
  double tok_s = 0;    // all sequences of the batch together, after that prompt
  Limit limited_by = Limit::memory_bandwidth;  // the generation
};

// Whether attention in these steps is MLA.
bool attend_latents(std::span<const TracedVerb> verbs);

SpeedForecast forecast(const MemoryPlan& plan, const MachineSpeed& speed);

}  // namespace hearth
