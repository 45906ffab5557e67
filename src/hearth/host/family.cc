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
  return plan.weights.bytes + plan.kv_bytes + plan.activation_bytes;
}

class Forecaster {
 public:
  explicit Forecaster(Speedometer& speedometer) : speedometer_(speedometer) {}

  Result<SpeedForecast> of(const MemoryPlan& plan) {
    auto found = speeds_.find(plan.main_format);
    if (found == speeds_.end()) {
      TRY_ASSIGN(const MachineSpeed speed,
                 speedometer_.measure(plan.main_format, plan.decode.work.weight_bytes));
      found = speeds_.emplace(plan.main_format, speed).first;
    }
    return forecast(plan, found->second);
  }

 private:
  Speedometer& speedometer_;
  std::map<Format, MachineSpeed> speeds_;
};

Result<MemoryPlan> plan_member(const Member& member, std::optional<Format> dtype,
                               const FamilyOptions& options) {
  TRY_ASSIGN(Json config, shape_config(member.shape));
  if (member.fp8) config["quantization_config"] = {{"quant_method", "fp8"}};
  PlanOptions plan;
  plan.dtype = dtype;
  plan.context = options.context;
  plan.batch = options.batch;
  return plan_memory(config, plan);
}

}  // namespace

Result<std::vector<FamilyRow>> plan_family(Speedometer& speedometer, const FamilyOptions& options) {
  Forecaster forecaster(speedometer);
  std::vector<FamilyRow> rows;
  for (const Member& member : kFamily) {
    for (const std::optional<Format> dtype : kFormatsOfInterest) {
      TRY_ASSIGN(const MemoryPlan plan, plan_member(member, dtype, options));
      FamilyRow row{std::string(member.model),
                    plan.main_format,
                    plan.parameters,
                    plan.weights.bytes,
                    plan.kv_bytes,
                    peak_of(plan),
                    false,
                    false,
                    std::nullopt};
      row.fits = row.peak_bytes <= options.available_bytes;
      row.fits_gpu = row.peak_bytes <= options.gpu_bytes;
      if (row.fits) {
        TRY_ASSIGN(row.forecast, forecaster.of(plan));
      }
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

}  // namespace hearth
