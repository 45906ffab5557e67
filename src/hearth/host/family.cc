// See family.h. Plans need configs only, so that even R1's 671 B parameters cost no memory.
#include "hearth/host/family.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "hearth/models/shapes.h"

namespace hearth {
namespace {

struct Member {
  std::string_view model;
  std::string_view shape;
  bool fp8;  // published in FP8 tiles, else in bf16
};

constexpr Member kFamily[] = {
    {"deepseek-r1-distill-qwen-1.5b", "deepseek-r1-distill-qwen-1.5b", false},
    {"deepseek-r1-distill-qwen-7b", "deepseek-r1-distill-qwen-7b", false},
    {"deepseek-r1-distill-llama-8b", "deepseek-r1-distill-llama-8b", false},
    {"deepseek-r1-0528-qwen3-8b", "deepseek-r1-0528-qwen3-8b", false},
    {"deepseek-r1-distill-qwen-14b", "deepseek-r1-distill-qwen-14b", false},
    {"deepseek-r1-distill-qwen-32b", "deepseek-r1-distill-qwen-32b", false},
    {"deepseek-r1-distill-llama-70b", "deepseek-r1-distill-llama-70b", false},
    {"deepseek-r1", "deepseek-v3", true},
};

constexpr std::optional<Format> kFormatsOfInterest[] = {std::nullopt, Format::q8_0, Format::q4_k};

// Files that are quantised beforehand need no second copy while they are loaded.
int64_t peak_of(const MemoryPlan& plan) {
  return plan.weights.resident_bytes() + plan.kv_bytes + plan.activation_bytes;
}

class Forecaster {
 public:
  explicit Forecaster(Speedometer& speedometer) : speedometer_(speedometer) {}

  Result<SpeedForecast> of(const MemoryPlan& plan, double disk_gb_s = 0) {
    const auto key = std::pair(plan.main_format, attend_latents(plan.decode.verbs));
    auto found = speeds_.find(key);
    if (found == speeds_.end()) {
      TRY_ASSIGN(const MachineSpeed speed,
                 speedometer_.measure(key.first, plan.decode.work.weight_bytes, key.second));
      found = speeds_.emplace(key, speed).first;
    }
    MachineSpeed speed = found->second;
    speed.disk_gb_s = disk_gb_s;
    speed.expert_miss_rate = plan.experts.miss_rate();
    return forecast(plan, speed);
  }

 private:
  Speedometer& speedometer_;
  std::map<std::pair<Format, bool>, MachineSpeed> speeds_;  // by format, with latents or not
};

// `within`: in the memory that is available, with experts on disk if need be.
Result<MemoryPlan> plan_member(const Member& member, std::optional<Format> dtype,
                               const FamilyOptions& options, bool within) {
  TRY_ASSIGN(Json config, shape_config(member.shape));
  if (member.fp8) config["quantization_config"] = {{"quant_method", "fp8"}};
  PlanOptions plan;
  plan.dtype = dtype;
  plan.context = options.context;
  plan.batch = options.batch;
  plan.experts_may_stay = options.disk_gb_s > 0;
  return plan_within(config, plan, within ? options.available_bytes : INT64_MAX);
}

Result<FamilyRow> row_of(const Member& member, std::optional<Format> dtype,
                         const FamilyOptions& options, Forecaster& forecaster) {
  TRY_ASSIGN(const MemoryPlan plan, plan_member(member, dtype, options, false));
  FamilyRow row;
  row.model = member.model;
  row.format = plan.main_format;
  row.parameters = plan.parameters;
  row.weight_bytes = plan.weights.bytes;
  row.kv_bytes = plan.kv_bytes;
  row.peak_bytes = peak_of(plan);
  row.fits = row.peak_bytes <= options.available_bytes;
  row.fits_gpu = row.peak_bytes <= options.gpu_bytes;
  if (row.fits) {
    TRY_ASSIGN(row.forecast, forecaster.of(plan));
    return row;
  }
  TRY_ASSIGN(const MemoryPlan on_disk, plan_member(member, dtype, options, true));
  row.on_disk = on_disk.experts.count > 0 && check_fits(on_disk, options.available_bytes).is_ok();
  if (row.on_disk) {
    TRY_ASSIGN(row.forecast, forecaster.of(on_disk, options.disk_gb_s));
  }
  return row;
}

}  // namespace

Result<std::vector<FamilyRow>> plan_family(Speedometer& speedometer, const FamilyOptions& options) {
  Forecaster forecaster(speedometer);
  std::vector<FamilyRow> rows;
  for (const Member& member : kFamily) {
    for (const std::optional<Format> dtype : kFormatsOfInterest) {
      TRY_ASSIGN(FamilyRow row, row_of(member, dtype, options, forecaster));
      rows.push_back(std::move(row));
    }
    if (!member.fp8) continue;
    TRY_ASSIGN(FamilyRow row, row_of(member, Format::iq1_s, options, forecaster));
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace hearth
