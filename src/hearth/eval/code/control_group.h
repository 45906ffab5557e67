// Control groups of the kernel (cgroup v2), where this process may make some: they bound the memory
// of all processes of a sandbox together, with what it writes to its folder in memory, and their
// number, whoever else runs as the same user.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "hearth/base/status.h"

namespace hearth::code {

// What of the system is asked; another one in tests.
struct ControlGroupPlace {
  std::string root = "/sys/fs/cgroup";
  std::string own = "/proc/self/cgroup";  // file that names this process's own group
  pid_t pid = 0;                          // of this process
};

// The group below which others may be made, with the controllers memory and pids: the parent of our
// own, where it is the user's or (for root) handed over by systemd; else our own, where this
// process is alone in it: it then moves to a group `hearth` below. unsupported: neither, and why.
Result<std::string> control_group_parent(const ControlGroupPlace& place);

struct ControlGroupLimits {
  int64_t memory_bytes;  // resident, of all processes and files in memory; no swap
  int64_t processes;     // threads count
};

// Owner of a group; move-only. Its end kills what lives in it and removes it.
class ControlGroup {
 public:
  // unsupported: it can't be made or bounded, and why.
  static Result<ControlGroup> make(const std::string& parent, const ControlGroupLimits& limits);

  ControlGroup(ControlGroup&& other) noexcept;
  ControlGroup& operator=(ControlGroup&&) = delete;
  ~ControlGroup();

  // A process joins by writing its number here.
  std::string members_file() const { return path_ + "/cgroup.procs"; }
  const std::string& path() const { return path_; }
  bool out_of_memory() const;  // the kernel ended a process of it for that

 private:
  explicit ControlGroup(std::string path) : path_(std::move(path)) {}
  std::string path_;  // "": moved from
};

}  // namespace hearth::code
