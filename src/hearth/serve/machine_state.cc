// See machine_state.h.
#include "hearth/serve/machine_state.h"

#include <nlohmann/json.hpp>

#include "hearth/serve/openai/write_reply.h"

namespace hearth::serve {
namespace {

template <typename T>
void put(Json& out, const char* name, const std::optional<T>& value) {
  if (value) out[name] = *value;
}

Json device_json(const std::string& name, const DeviceState& device) {
  const GpuReading& values = device.reading.values;
  Json out = {{"name", name},
              {"heat", heat_name(device.heat)},
              {"answers", device.reading.answered},
              {"reading_age_seconds", device.reading.age_seconds}};
  put(out, "temperature_c", values.temperature_c);
  put(out, "memory_temperature_c", values.memory_temperature_c);
  put(out, "margin_c", values.margin_c);
  put(out, "throttle_reasons", values.throttle_reasons);
  put(out, "power_watts", values.power_watts);
  put(out, "power_limit_watts", values.power_limit_watts);
  put(out, "memory_used_bytes", values.memory_used_bytes);
  put(out, "ecc_uncorrected", values.ecc_uncorrected);
  put(out, "recovery_action", values.recovery_action);
  return out;
}

Json machine_json(const MachineState& state) {
  Json faults = Json::array(), devices = Json::array();
  for (size_t i = 0; i < kMachineFaults; ++i) {
    if (state.faults[i]) faults.push_back(fault_name(static_cast<MachineFault>(i)));
  }
  for (const auto& [name, device] : state.devices) devices.push_back(device_json(name, device));
  return {{"heat", heat_name(state.heat)},
          {"admits", state.limits.admit},
          {"batch_share", state.limits.share},
          {"faults", std::move(faults)},
          {"devices", std::move(devices)}};
}

}  // namespace

std::string health_json(bool ready, const MachineWatch* machine, const MemoryBudget& memory) {
  Json out = {{"status", "ok"}, {"ready", ready}, {"memory", budget_json(memory)}};
  if (machine) out["machine"] = machine_json(machine->state());
  return dump_json(out);
}

}  // namespace hearth::serve
