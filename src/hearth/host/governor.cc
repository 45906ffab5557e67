// See governor.h.
#include "hearth/host/governor.h"

#include <algorithm>
#include <utility>

namespace hearth {
namespace {

constexpr int kHotSamples = 2;
constexpr double kWarmBand = 5;      // degrees: how far below `resume` a device is cool again
constexpr int kRetryHot = 15;        // seconds: the shortest time to cool, and a little
constexpr int kRetryDrained = 60;    // somebody must come first
constexpr double kFaultShare = 0.5;  // of FaultPolicy::slow

constexpr std::array<std::string_view, kMachineFaults> kFaultNames = {
    "gpu_lost", "gpu_reset_required", "gpu_recovery", "ecc", "sensor_lost", "sensor_hang"};

Status check_order(std::string_view what, const HeatLimits& limits) {
  if (limits.resume < limits.stop) return Status::ok();
  return error(Code::invalid, "temperatures of {}: expected resume < stop, found {} and {}", what,
               limits.resume, limits.stop);
}

}  // namespace

std::string_view heat_name(Heat heat) {
  constexpr std::array<std::string_view, 3> kNames = {"ok", "warm", "hot"};
  return kNames[static_cast<size_t>(heat)];
}

std::string_view fault_name(MachineFault fault) {
  return kFaultNames[static_cast<size_t>(fault)];
}

std::optional<FaultPolicy> find_fault_policy(std::string_view name) {
  if (name == "ignore") return FaultPolicy::ignore;
  if (name == "slow") return FaultPolicy::slow;
  if (name == "drain") return FaultPolicy::drain;
  return std::nullopt;
}

Status GovernorOptions::check() const {
  TRY(check_order("a GPU", gpu));
  return check_order("the CPU", cpu);
}

Governor::Governor(const GovernorOptions& options) : options_(options) {
  CHECK(options_.check().is_ok());
}

const MachineState& Governor::update(Time now, std::span<const DeviceReading> readings) {
  present_ = {};
  for (const auto& known : state_.devices) {
    const bool there = std::ranges::any_of(
        readings, [&](const DeviceReading& reading) { return reading.name == known.first; });
    if (!there) present(MachineFault::sensor_lost) = true;
  }
  for (const DeviceReading& reading : readings) take(now, reading);
  conclude();
  return state_;
}

// Only a reading that is new says anything; an old one that grows older is a driver that hangs.
void Governor::take(Time now, const DeviceReading& reading) {
  Watched& watched = watched_[reading.name];
  DeviceState& state = state_.devices[reading.name];
  state.reading = reading;
  if (reading.age_seconds > options_.hang_seconds) {
    present(MachineFault::sensor_hang) = true;
    watched.cool.reset();  // nobody knows how warm it was meanwhile
  }
  const bool fresh = reading.reads != watched.reads;
  watched.reads = reading.reads;
  if (fresh && reading.reads > 0) watched.errors = reading.answered ? 0 : watched.errors + 1;
  if (watched.errors > 0) watched.cool.reset();
  if (watched.errors >= options_.errors_max) present(MachineFault::sensor_lost) = true;
  if (!reading.answered) return;
  judge_faults(reading.values, watched);
  if (fresh) judge_heat(now, reading.values, reading.gpu, watched, state);
}

void Governor::judge_heat(Time now, const GpuReading& values, bool gpu, Watched& watched,
                          DeviceState& state) const {
  if (!values.temperature_c) return;
  const HeatLimits& limits = gpu ? options_.gpu : options_.cpu;
  const double degrees = *values.temperature_c;
  const bool throttled = (values.throttle_reasons.value_or(0) & kThrottleHwThermal) != 0;
  const bool near_slowdown = values.margin_c && *values.margin_c <= options_.margin_stop;
  const bool hot = degrees >= limits.stop || near_slowdown || throttled;
  watched.hot_samples = hot ? std::min(watched.hot_samples + 1, kHotSamples) : 0;
  if (watched.hot_samples >= kHotSamples) state.heat = Heat::hot;
  if (state.heat == Heat::ok && (hot || degrees >= limits.resume)) state.heat = Heat::warm;

  const double cool_below = limits.resume - kWarmBand;
  const double held_above = state.heat == Heat::hot ? limits.resume : cool_below;
  if (state.heat == Heat::ok || hot || degrees >= held_above) {
    watched.cool.reset();
    return;
  }
  if (!watched.cool) watched.cool = now;
  if (std::chrono::duration<double>(now - *watched.cool).count() < options_.cool_seconds) return;
  const bool still_warm = state.heat == Heat::hot && degrees >= cool_below;
  state.heat = still_warm ? Heat::warm : Heat::ok;
  watched.cool.reset();
}

void Governor::judge_faults(const GpuReading& values, Watched& watched) {
  if (values.fault == GpuFault::lost) present(MachineFault::gpu_lost) = true;
  if (values.fault == GpuFault::reset_required) present(MachineFault::gpu_reset_required) = true;
  if (values.recovery_action.value_or(0) != 0) present(MachineFault::gpu_recovery) = true;
  if (!values.ecc_uncorrected) return;
  // What happened before we came is somebody else's; a reset of the driver begins the count again.
  watched.first_ecc = std::min(watched.first_ecc.value_or(INT64_MAX), *values.ecc_uncorrected);
  if (*values.ecc_uncorrected > *watched.first_ecc) present(MachineFault::ecc) = true;
}

void Governor::conclude() {
  MachineLimits limits;
  state_.heat = Heat::ok;
  for (const auto& [name, device] : state_.devices)
    state_.heat = std::max(state_.heat, device.heat);
  if (state_.heat == Heat::warm) limits.share = options_.warm_share;
  if (state_.heat == Heat::hot) limits = {false, options_.hot_share, kRetryHot};
  for (size_t i = 0; i < kMachineFaults; ++i) {
    const FaultPolicy policy = options_.policies[i];
    if (present_[i] && policy == FaultPolicy::drain) kept_[i] = true;
    if (present_[i] && policy == FaultPolicy::slow) {
      limits.share = std::min(limits.share, kFaultShare);
    }
    if (kept_[i]) {
      limits.admit = false;
      limits.retry_after = kRetryDrained;
    }
    state_.faults[i] = present_[i] || kept_[i];
  }
  state_.limits = limits;
}

}  // namespace hearth
