// See speed.h. Of a verb only its work counts: bytes of weights say how many weights there are, and
// multiplications how many rows met each (of experts: on average).
#include "hearth/host/speed.h"

#include <algorithm>

#include "hearth/backend/latent_layout.h"
#include "hearth/base/checked_math.h"
#include "hearth/base/thread_pool.h"

namespace hearth {
namespace {

double bytes_a_weight(Format format) {
  const FormatInfo& info = format_info(format);
  return static_cast<double>(info.block_bytes) / static_cast<double>(info.block_elements);
}

double router_seconds(const TracedVerb& verb, const MachineSpeed& speed) {
  const double weights = static_cast<double>(verb.in.columns() * verb.out.columns()) / 1e9;
  const auto rows = static_cast<double>(verb.in.rows());
  return weights * (speed.router_seconds + rows * speed.router_row_seconds);
}

double matrix_seconds(const TracedVerb& verb, const MachineSpeed& speed) {
  const auto bytes = static_cast<double>(verb.work.weight_bytes);
  if (bytes == 0) return 0;
  // Few weights are of another format (an embedding): they count by their bytes.
  const double weights = bytes / bytes_a_weight(speed.format);
  return weights / 1e9 * speed.seconds_per_gweight(verb.work.flops / (2 * weights));
}

// Rows too few to be shared are normed and rounded by one thread.
double element_seconds(const TracedVerb& verb, const MachineSpeed& speed) {
  const double seconds =
      verb.rounded / 1e9 * speed.round_seconds + verb.normed / 1e9 * speed.norm_seconds;
  const double work = 4 * std::max(verb.rounded, verb.normed);
  return (work < ThreadPool::kWorkWorthSharing ? speed.threads : 1) * seconds;
}

// `read`: what all threads take for the whole of it, once. Each head group looks at it again; a
// short history is the work of fewer threads.
double latent_history_seconds(const TracedVerb& verb, double read, int threads) {
  const int64_t head_groups = ceil_div(verb.heads, kLatentHeads);
  const double once = static_cast<double>(head_groups) * read;
  if (verb.segments == 0) return once;
  const int64_t parts = verb.segments * latent_shares(verb.segments, head_groups, threads);
  return once * static_cast<double>(ceil_div(parts, threads) * threads) /
         static_cast<double>(parts);
}

// Tokens of a prompt share what they read of the cache; a generated token reads all of its own.
double attention_seconds(const TracedVerb& verb, const MachineSpeed& speed) {
  const bool is_latent = verb.map_elements > 0;
  const AttentionSpeed& of = is_latent ? speed.latent : speed.grouped;
  const double read = static_cast<double>(verb.work.kv_bytes) / (of.cache_gb_s * 1e9);
  const auto queries = static_cast<double>(verb.in.elements()) / 1e9;
  if (verb.generated_rows == 0) {
    return std::max(read, verb.work.flops / (of.prompt_gflop_s * 1e9)) +
           queries * of.prompt_seconds + verb.pairs * of.pair_seconds +
           static_cast<double>(verb.in.rows() * verb.heads) * of.prompt_head_seconds;
  }
  const auto rows = static_cast<double>(verb.generated_rows);
  if (!is_latent) return read + queries * of.token_seconds;
  const double weights = static_cast<double>(verb.map_elements) / 1e9;
  const double products = rows * weights * of.token_seconds;
  return latent_history_seconds(verb, read, speed.threads) + weights * of.first_seconds +
         (verb.alone ? speed.threads : 1) * products +
         rows * static_cast<double>(verb.heads) * of.head_seconds;
}

}  // namespace

double MachineSpeed::seconds_per_gweight(double rows) const {
  if (rows <= static_cast<double>(kMeasuredRows.front())) return row_seconds.front();
  for (size_t i = 1; i < kMeasuredRows.size(); ++i) {
    const auto low = static_cast<double>(kMeasuredRows[i - 1]);
    const auto high = static_cast<double>(kMeasuredRows[i]);
    if (rows > high) continue;
    const double share = (rows - low) / (high - low);
    return row_seconds[i - 1] + share * (row_seconds[i] - row_seconds[i - 1]);
  }
  return row_seconds.back() * rows / static_cast<double>(kMeasuredRows.back());
}

double MachineSpeed::gflop_s(double rows) const {
  return 2 * rows / seconds_per_gweight(rows);
}

std::string_view limit_name(Limit limit) {
  if (limit == Limit::disk) return "disk";
  return limit == Limit::compute ? "compute" : "memory_bandwidth";
}

StepForecast forecast_step(std::span<const TracedVerb> verbs, const MachineSpeed& speed) {
  StepForecast out;
  double read = 0;
  double disk = 0;
  for (const TracedVerb& verb : verbs) {
    const auto weights = static_cast<double>(verb.work.weight_bytes);
    const auto cache = static_cast<double>(verb.work.kv_bytes);
    out.seconds += speed.verb_seconds + element_seconds(verb, speed) +
                   static_cast<double>(verb.experts) * speed.expert_seconds;
    out.seconds += cache > 0                      ? attention_seconds(verb, speed)
                   : verb.verb == "route_experts" ? router_seconds(verb, speed)
                                                  : matrix_seconds(verb, speed);
    read += (weights + cache) / (speed.read_gb_s * 1e9);
    if (speed.disk_gb_s > 0) {
      disk += static_cast<double>(verb.expert_bytes) * speed.expert_miss_rate;
    }
  }
  // Added to the rest: of a layer's experts, most are waited for.
  if (disk > 0) disk /= speed.disk_gb_s * 1e9;
  if (disk > out.seconds) {
    out.seconds += disk;
    out.limited_by = Limit::disk;
    return out;
  }
  out.seconds += disk;
  out.limited_by = 2 * read > out.seconds - disk ? Limit::memory_bandwidth : Limit::compute;
  return out;
}

bool attend_latents(std::span<const TracedVerb> verbs) {
  return std::ranges::any_of(verbs, [](const TracedVerb& v) { return v.verb == "attend_mla"; });
}

SpeedForecast forecast(const MemoryPlan& plan, const MachineSpeed& speed) {
  const StepForecast step = forecast_step(plan.decode.verbs, speed);
  SpeedForecast out;
  out.ttft_ms = forecast_step(plan.prompt.verbs, speed).seconds * 1e3;
  out.tok_s = static_cast<double>(plan.decode.rows) / std::max(step.seconds, 1e-9);
  out.limited_by = step.limited_by;
  return out;
}

}  // namespace hearth
