// Temperatures that Linux shows below /sys: hwmon chips (a PC's CPU and disks) and thermal zones (a
// Raspberry Pi's only one). Virtual machines often have none.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hearth/sensors/system_root.h"

namespace hearth {

enum class ThermalKind {
  cpu,    // the package or its cores
  other,  // disks, boards, batteries: shown, never acted on
};

struct ThermalReading {
  std::string name;  // "k10temp/Tctl", "cpu-thermal"
  ThermalKind kind = ThermalKind::other;
  std::optional<double> celsius;     // empty: the file is there and doesn't answer
  std::optional<double> critical_c;  // where the machine would switch itself off
};

// All sensors, in the order of their names. A folder that is missing is no sensor. A zone that
// repeats a chip (x86_pkg_temp beside coretemp) is there twice.
std::vector<ThermalReading> read_thermal(const SystemRoot& root = {});

// The hottest that is a CPU's; nothing when there is none. Unreadable ones are passed over only
// when another answers.
std::optional<ThermalReading> hottest_cpu(const std::vector<ThermalReading>& readings);

}  // namespace hearth
