// See machine_options.h.
#include "hearth/cli/machine_options.h"

namespace hearth::cli {
namespace {

Status read_policies(const std::vector<std::string>& options, GovernorOptions& out) {
  for (const std::string& option : options) {
    const std::string_view text = option;
    const size_t equals = std::min(text.find('='), text.size() - 1);
    const auto policy = find_fault_policy(text.substr(equals + 1));
    bool found = false;
    for (size_t i = 0; i < kMachineFaults && policy; ++i) {
      if (fault_name(static_cast<MachineFault>(i)) != text.substr(0, equals)) continue;
      out.policies[i] = *policy;
      found = true;
    }
    if (found) continue;
    return error(
        Code::invalid,
        "--on-fault: expected gpu_lost, gpu_reset_required, gpu_recovery, ecc, sensor_lost "
        "or sensor_hang, then = and ignore, slow or drain, found `{}`",
        option);
  }
  return Status::ok();
}

void declare_limits(CLI::App& verb, const std::string& prefix, const std::string& of,
                    HeatLimits& limits) {
  verb.add_option("--" + prefix + "temperature-stop", limits.stop,
                  of + " so hot, twice in a row: new requests get 503 until it has cooled")
      ->check(CLI::Range(30.0, 125.0))
      ->capture_default_str();
  verb.add_option(
          "--" + prefix + "temperature-resume", limits.resume,
          "below this for 10 seconds they are taken again; from here on batches are smaller")
      ->check(CLI::Range(20.0, 125.0))
      ->capture_default_str();
}

}  // namespace

void MachineOptions::declare(CLI::App& verb) {
  declare_limits(verb, "", "degrees Celsius; a GPU", governor.gpu);
  declare_limits(verb, "cpu-", "degrees Celsius; the CPU", governor.cpu);
  verb.add_option("--sensors", sensors,
                  "which are watched; auto: the CPU's, and the GPUs' where one computes")
      ->check(CLI::IsMember({"auto", "all", "none"}))
      ->capture_default_str();
  verb.add_option("--on-fault", on_fault,
                  "FAULT=POLICY: what a fault of the machine does: ignore, slow or drain; may be "
                  "given again")
      ->allow_extra_args(false);
  verb.add_option("--sysfs-root", sysfs_root, "a folder that has sys/ in it, instead of /");
}

Status MachineOptions::check() const {
  GovernorOptions wanted = governor;
  TRY(read_policies(on_fault, wanted));
  return wanted.check();
}

Result<std::unique_ptr<MachineWatch>> open_machine(const MachineOptions& options,
                                                   const Backend& backend) {
  if (options.sensors == "none") return std::unique_ptr<MachineWatch>();
  WatchOptions watch;
  watch.governor = options.governor;
  TRY(read_policies(options.on_fault, watch.governor));
  watch.gpus = options.sensors == "all" || backend.name() == "cuda";
  watch.root = SystemRoot(options.sysfs_root);
  return MachineWatch::start(watch);
}

}  // namespace hearth::cli
