// What a model takes whose routed experts stay on disk, and when they should. See memory_plan.h.
#include <algorithm>
#include <filesystem>
#include <functional>

#include "hearth/host/memory_plan.h"
#include "hearth/sensors/disk.h"

namespace hearth {
namespace {

using Planner = std::function<Result<MemoryPlan>(const PlanOptions&)>;

Result<MemoryPlan> plan_on_disk(const Planner& planner, PlanOptions options, int64_t available) {
  const int64_t asked = options.expert_memory;
  options.experts_from_disk = true;
  options.expert_memory = 0;
  TRY_ASSIGN(MemoryPlan plan, planner(options));
  if (plan.experts.count == 0) return plan;
  const int64_t least = plan.expert_memory_least();
  if (asked > 0 && asked < least) {
    return error(Code::invalid,
                 "--expert-memory: expected at least {} (the experts of one layer for one step), "
                 "found {}",
                 least, asked);
  }
  // The rest is for a longer KV cache, and for what else the machine needs.
  const int64_t left = (available - plan.peak_bytes()) / 8 * 7;
  const int64_t most = std::min(asked > 0 ? asked : left, plan.experts.held_bytes);
  plan.experts.cache_bytes = std::max(most, least);
  return plan;
}

Result<MemoryPlan> within(const Planner& planner, const PlanOptions& options, int64_t available) {
  if (options.expert_memory == 0) {
    TRY_ASSIGN(MemoryPlan resident, planner(options));
    const bool fits = resident.peak_bytes() <= available;
    if (fits || !options.experts_may_stay) return resident;
    TRY_ASSIGN(MemoryPlan on_disk, plan_on_disk(planner, options, available));
    if (on_disk.experts.count == 0) return resident;
    return on_disk;
  }
  TRY_ASSIGN(MemoryPlan plan, plan_on_disk(planner, options, available));
  if (plan.experts.count > 0) return plan;
  return error(
      Code::invalid,
      "--expert-memory: expected a model with routed experts that can be read one by one, found {}",
      plan.architecture);
}

}  // namespace

double ExpertsOnDisk::miss_rate() const {
  if (held_bytes <= cache_bytes) return 0;
  return 1 - static_cast<double>(cache_bytes) / static_cast<double>(held_bytes);
}

int64_t MemoryPlan::expert_memory_least() const {
  int64_t most = 1;
  for (const TracedVerb& verb : decode.verbs) most = std::max(most, verb.experts);
  const int64_t bytes = checked_mul(most, experts.largest_bytes).value_or(INT64_MAX);
  return std::min(bytes, experts.held_bytes);
}

int64_t MemoryPlan::disk_bytes(const TracedSteps& steps) const {
  double bytes = 0;
  for (const TracedVerb& verb : steps.verbs) bytes += static_cast<double>(verb.expert_bytes);
  return experts.count == 0 ? 0 : static_cast<int64_t>(bytes * experts.miss_rate());
}

Result<double> measure_model_read(const std::string& path, double seconds) {
  namespace fs = std::filesystem;
  std::error_code failed;
  if (!fs::is_directory(path, failed)) return measure_file_read(path, seconds);
  fs::path largest;
  uintmax_t most = 0;
  for (fs::directory_iterator it(path, failed), end; !failed && it != end; it.increment(failed)) {
    std::error_code ignored;
    const uintmax_t bytes = it->file_size(ignored);
    if (ignored || it->path().extension() != ".safetensors" || bytes <= most) continue;
    most = bytes;
    largest = it->path();
  }
  return measure_file_read(largest.string(), seconds);
}

Result<MemoryPlan> plan_within(const Checkpoint& checkpoint, const PlanOptions& options,
                               int64_t available_bytes) {
  return within([&](const PlanOptions& o) { return plan_memory(checkpoint, o); }, options,
                available_bytes);
}

Result<MemoryPlan> plan_within(const Json& config, const PlanOptions& options,
                               int64_t available_bytes) {
  return within([&](const PlanOptions& o) { return plan_memory(config, o); }, options,
                available_bytes);
}

}  // namespace hearth
