// See control_group.h. Files of a group are read and written whole; the kernel says no by errno.
#include "hearth/eval/code/control_group.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>

namespace hearth::code {
namespace {

constexpr int64_t kRemovalTries = 200;  // processes that were killed need a moment to be gone
constexpr auto kRemovalPause = std::chrono::milliseconds(5);
constexpr const char* kControllers[] = {"memory", "pids"};

std::string content_of(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

Status write_to(const std::string& path, std::string_view text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  const bool written = fd >= 0 && ::write(fd, text.data(), text.size()) == std::ssize(text);
  const int failure = errno;
  if (fd >= 0) ::close(fd);
  if (written) return Status::ok();
  return error(Code::unsupported, "{}: {}", path, std::strerror(failure));
}

Status make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) == 0) return Status::ok();
  return error(Code::unsupported, "{}: {}", path, std::strerror(errno));
}

bool has_word(const std::string& text, const std::string& wanted) {
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (word == wanted) return true;
  }
  return false;
}

Status has_controllers(const std::string& file) {
  const std::string found = content_of(file);
  for (const char* controller : kControllers) {
    if (!has_word(found, controller)) {
      return error(Code::unsupported, "{}: expected {}, found \"{}\"", file, controller,
                   found.substr(0, found.find('\n')));
    }
  }
  return Status::ok();
}

// Of a group of version 2: "0::/user.slice/...".
Result<std::string> own_group(const ControlGroupPlace& place) {
  std::ifstream file(place.own);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("0::/")) return line.substr(3);
  }
  return error(Code::unsupported, "{}: expected a group of cgroup v2, found none", place.own);
}

// systemd marks groups whose inside it leaves to others.
bool handed_over(const std::string& group) {
  for (const char* mark : {"trusted.delegate", "user.delegate"}) {
    char value = 0;
    if (::getxattr(group.c_str(), mark, &value, 1) == 1 && value == '1') return true;
  }
  return false;
}

// Whether groups may be made in it beside ours. Root may write everywhere; that alone is no leave.
Status usable_parent(const std::string& group) {
  struct stat status {};
  if (::stat(group.c_str(), &status) != 0 || ::access(group.c_str(), W_OK) != 0 ||
      ::access((group + "/cgroup.procs").c_str(), W_OK) != 0) {
    return error(Code::unsupported, "{}: {}", group, std::strerror(errno));
  }
  const uid_t user = ::geteuid();
  if (status.st_uid != user || (user == 0 && !handed_over(group))) {
    return error(Code::unsupported, "{}: not handed over to this user", group);
  }
  return has_controllers(group + "/cgroup.subtree_control");
}

// A group with processes in it can't have groups with controllers below: this process moves down.
Status make_room(const std::string& group, pid_t pid) {
  TRY(has_controllers(group + "/cgroup.controllers"));
  const std::string members = group + "/cgroup.procs";
  if (content_of(members) != fmt::format("{}\n", pid)) {
    return error(Code::unsupported, "{}: expected this process alone", members);
  }
  const std::string below = group + "/hearth";
  TRY(make_folder(below));
  Status moved = write_to(below + "/cgroup.procs", std::to_string(pid));
  if (moved.is_ok()) {
    moved = write_to(group + "/cgroup.subtree_control", "+memory +pids");
    if (moved.is_ok()) return moved;
    (void)write_to(members, std::to_string(pid));
  }
  ::rmdir(below.c_str());
  return moved;
}

}  // namespace

Result<std::string> control_group_parent(const ControlGroupPlace& place) {
  if (::access((place.root + "/cgroup.controllers").c_str(), R_OK) != 0) {
    return error(Code::unsupported, "{}: no cgroup v2", place.root);
  }
  TRY_ASSIGN(const std::string own, own_group(place));
  const std::string group = own == "/" ? place.root : place.root + own;
  if (own != "/") {
    const std::string parent = group.substr(0, group.rfind('/'));
    if (usable_parent(parent).is_ok()) return parent;
  }
  TRY(make_room(group, place.pid));
  return group;
}

Result<ControlGroup> ControlGroup::make(const std::string& parent,
                                        const ControlGroupLimits& limits) {
  static std::atomic<uint64_t> next = 0;
  std::string path = fmt::format("{}/hearth-{}-{}", parent, ::getpid(), next++);
  TRY(make_folder(path));
  ControlGroup group(std::move(path));
  TRY(write_to(group.path_ + "/memory.max", std::to_string(limits.memory_bytes)));
  TRY(write_to(group.path_ + "/memory.oom.group", "1"));
  TRY(write_to(group.path_ + "/pids.max", std::to_string(limits.processes)));
  // Kernels without swap accounting have no such file, and then no swap to bound.
  const std::string swap = group.path_ + "/memory.swap.max";
  if (::access(swap.c_str(), W_OK) == 0) TRY(write_to(swap, "0"));
  return group;
}

ControlGroup::ControlGroup(ControlGroup&& other) noexcept
    : path_(std::exchange(other.path_, std::string())) {}

ControlGroup::~ControlGroup() {
  if (path_.empty()) return;
  const std::string kill = path_ + "/cgroup.kill";
  if (::access(kill.c_str(), W_OK) == 0) (void)write_to(kill, "1");
  for (int64_t i = 0; i < kRemovalTries; ++i) {
    if (::rmdir(path_.c_str()) == 0 || errno != EBUSY) return;
    std::this_thread::sleep_for(kRemovalPause);
  }
}

bool ControlGroup::out_of_memory() const {
  std::istringstream events(content_of(path_ + "/memory.events"));
  std::string name;
  for (int64_t count = 0; events >> name >> count;) {
    if (name == "oom_kill") return count > 0;
  }
  return false;
}

}  // namespace hearth::code
