// See thermal.h. Files as in the kernel's Documentation/hwmon/sysfs-interface.rst and
// driver-api/thermal/sysfs-api.rst: millidegrees, one number a file.
#include "hearth/sensors/thermal.h"

#include <algorithm>
#include <array>

namespace hearth {
namespace {

// Numbers of chips, zones and inputs have gaps, this long at most.
constexpr int kGapMax = 12;
constexpr int kNumberMax = 256;
constexpr int kTripsMax = 16;

// Calls `read_one(number)` until it says often enough that there is none.
template <typename F>
void for_each_number(int first, F read_one) {
  for (int i = first, missing = 0; i < kNumberMax && missing <= kGapMax; ++i) {
    missing = read_one(i) ? 0 : missing + 1;
  }
}

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

bool read_chip(const SystemRoot& root, int chip, std::vector<ThermalReading>& out) {
  const std::string folder = fmt::format("/sys/class/hwmon/hwmon{}/", chip);
  const auto name = root.read_line(folder + "name");
  if (!name) return false;
  const bool cpu = std::ranges::find(kCpuChips, *name) != kCpuChips.end();
  for_each_number(1, [&](int i) {
    const std::string input = fmt::format("{}temp{}", folder, i);
    const auto text = root.read(input + "_input");
    if (!text && text.status().code() == Code::not_found) return false;
    ThermalReading reading;
    const auto label = root.read_line(input + "_label");
    reading.name = fmt::format("{}/{}", *name, label.value_or(fmt::format("temp{}", i)));
    reading.kind = cpu ? ThermalKind::cpu : ThermalKind::other;
    if (text) reading.celsius = degrees(parse_int(*text));
    reading.critical_c = degrees(root.read_int(input + "_crit"));
    out.push_back(std::move(reading));
    return true;
  });
  return true;
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

bool read_zone(const SystemRoot& root, int index, std::vector<ThermalReading>& out) {
  const std::string zone = fmt::format("/sys/class/thermal/thermal_zone{}/", index);
  const auto type = root.read_line(zone + "type");
  if (!type) return false;
  ThermalReading reading;
  reading.name = *type;
  reading.kind = names_a_cpu(*type) ? ThermalKind::cpu : ThermalKind::other;
  reading.celsius = degrees(root.read_int(zone + "temp"));
  reading.critical_c = critical_trip(root, zone);
  out.push_back(std::move(reading));
  return true;
}

}  // namespace

std::vector<ThermalReading> read_thermal(const SystemRoot& root) {
  std::vector<ThermalReading> out;
  for_each_number(0, [&](int chip) { return read_chip(root, chip, out); });
  for_each_number(0, [&](int zone) { return read_zone(root, zone, out); });
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
