// See rapl.h. Documentation/power/powercap of the kernel: a zone a package, "intel-rapl:0", with
// parts such as "intel-rapl:0:1". The memory is a part that the package's own counter leaves out;
// cores and graphics are within it.
#include "hearth/sensors/rapl.h"

namespace hearth {
namespace {

constexpr int kPackagesMax = 64;
constexpr int kPartsMax = 8;
constexpr const char* kZones = "/sys/class/powercap/intel-rapl:";

}  // namespace

Result<RaplCounter> RaplCounter::open(const SystemRoot& root) {
  RaplCounter counter(root);
  bool found = false;
  const auto add = [&](const std::string& zone) {
    const auto range = root.read_int(zone + "/max_energy_range_uj");
    const auto now = root.read_int(zone + "/energy_uj");
    if (range && now && *now >= 0 && *range > 0) {
      counter.domains_.push_back({zone + "/energy_uj", *range, *now});
    }
  };
  for (int package = 0; package < kPackagesMax; ++package) {
    const std::string zone = fmt::format("{}{}", kZones, package);
    const auto name = root.read_line(zone + "/name");
    if (!name) break;
    found = true;
    if (name->starts_with("package")) add(zone);
    for (int part = 0; part < kPartsMax; ++part) {
      const std::string inner = fmt::format("{}:{}", zone, part);
      const auto what = root.read_line(inner + "/name");
      if (!what) break;
      if (*what == "dram") add(inner);
    }
  }
  if (!found) return error(Code::not_found, "no energy counter in /sys/class/powercap");
  if (counter.domains_.empty()) {
    return error(Code::unsupported, "{}0/energy_uj: not readable by this user", kZones);
  }
  return counter;
}

double RaplCounter::joules() {
  for (Domain& domain : domains_) {
    const auto now = root_.read_int(domain.file);
    if (!now || *now < 0) continue;
    int64_t step = *now - domain.last_uj;
    if (step < 0) step += domain.range_uj;  // it began anew
    if (step < 0) step = 0;
    domain.last_uj = *now;
    joules_ += static_cast<double>(step) / 1e6;
  }
  return joules_;
}

}  // namespace hearth
