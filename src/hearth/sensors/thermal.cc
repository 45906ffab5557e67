// See thermal.h. Files as in the kernel's Documentation/hwmon/sysfs-interface.rst and
// driver-api/thermal/sysfs-api.rst: millidegrees, one number a file.
#include "hearth/sensors/thermal.h"

#include <algorithm>
#include <array>

namespace hearth {
namespace {

// Numbers of chips and inputs have gaps; these bound the search.
constexpr int kChipsMax = 64;
constexpr int kInputsMax = 64;
constexpr int kZonesMax = 64;
constexpr int kTripsMax = 16;

constexpr std::array<std::string_view, 6> kCpuChips = {
    "coretemp", "k10temp", "zenpower", "cpu_thermal", "fam15h_power", "via_cputemp"};
constexpr std::array<std::string_view, 5> kCpuZones = {"x86_pkg_temp", "cpu", "soc", "CPU", "TCPU"};

// Sensors that are not connected say -128 or 255; none of ours is at such a temperature.
std::optional<double> degrees(std::optional<int64_t> millidegrees) {
  if (!millidegrees || *millidegrees < -60'000 || *millidegrees > 200'000) return std::nullopt;
  return static_cast<double>(*millidegrees) / 1000;
}

bool names_a_cpu(std::string_view zone) {
  return std::ranges::any_of(kCpuZones,
                             [&](std::string_view name) { return zone.starts_with(name); });
}

void read_chip(const SystemRoot& root, int chip, std::vector<ThermalReading>& out) {
  const std::string folder = fmt::format("/sys/class/hwmon/hwmon{}/", chip);
  const auto name = root.read_line(folder + "name");
  if (!name) return;
  const bool cpu = std::ranges::find(kCpuChips, *name) != kCpuChips.end();
  for (int i = 1; i <= kInputsMax; ++i) {
    const std::string input = fmt::format("{}temp{}", folder, i);
    const auto text = root.read(input + "_input");
    if (!text && text.status().code() == Code::not_found) continue;
    ThermalReading reading;
    const auto label = root.read_line(input + "_label");
    reading.name = fmt::format("{}/{}", *name, label.value_or(fmt::format("temp{}", i)));
    reading.kind = cpu ? ThermalKind::cpu : ThermalKind::other;
    if (text) reading.celsius = degrees(parse_int(*text));
    reading.critical_c = degrees(root.read_int(input + "_crit"));
    out.push_back(std::move(reading));
  }
}

std::optional<double> critical_trip(const SystemRoot& root, const std::string& zone) {
  for (int i = 0; i < kTripsMax; ++i) {
    const auto type = root.read_line(fmt::format("{}trip_point_{}_type", zone, i));
    if (!type) return std::nullopt;
    if (*type == "critical")
      return degrees(root.read_int(fmt::format("{}trip_point_{}_temp", zone, i)));
  }
  return std::nullopt;
}

void read_zone(const SystemRoot& root, int index, std::vector<ThermalReading>& out) {
  const std::string zone = fmt::format("/sys/class/thermal/thermal_zone{}/", index);
  const auto type = root.read_line(zone + "type");
  if (!type) return;
  ThermalReading reading;
  reading.name = *type;
  reading.kind = names_a_cpu(*type) ? ThermalKind::cpu : ThermalKind::other;
  reading.celsius = degrees(root.read_int(zone + "temp"));
  reading.critical_c = critical_trip(root, zone);
  out.push_back(std::move(reading));
}

}  // namespace

std::vector<ThermalReading> read_thermal(const SystemRoot& root) {
  std::vector<ThermalReading> out;
  for (int i = 0; i < kChipsMax; ++i) read_chip(root, i, out);
  for (int i = 0; i < kZonesMax; ++i) read_zone(root, i, out);
  std::ranges::stable_sort(out, {}, &ThermalReading::name);
  return out;
}

std::optional<ThermalReading> hottest_cpu(const std::vector<ThermalReading>& readings) {
  const ThermalReading* hottest = nullptr;
  for (const ThermalReading& reading : readings) {
    if (reading.kind != ThermalKind::cpu) continue;
    // An empty optional is below any temperature.
    if (!hottest || hottest->celsius < reading.celsius) hottest = &reading;
  }
  return hottest ? std::optional(*hottest) : std::nullopt;
}

}  // namespace hearth
