// The flags of hearth serve that say how hot the machine may get, and what its faults do.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "hearth/backend/backend.h"
#include "hearth/cli/verb.h"
#include "hearth/host/machine_watch.h"

namespace hearth::cli {

struct MachineOptions {
  std::string sensors = "auto";
  GovernorOptions governor;
  std::vector<std::string> on_fault;  // FAULT=POLICY
  std::string sysfs_root;

  void declare(CLI::App& verb);
  // What can be said of them before a model is loaded.
  Status check() const;
};

// With `auto` the GPUs are watched where the backend computes on one. Null for `none`.
Result<std::unique_ptr<MachineWatch>> open_machine(const MachineOptions& options,
                                                   const Backend& backend);

}  // namespace hearth::cli
