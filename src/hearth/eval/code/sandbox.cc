// See sandbox.h. Everything is said on bubblewrap's command line: files come as memory behind file
// descriptors, so that nothing of the host is shared but /usr. Limits are set inside by prlimit,
// after the user namespace exists, so that they count the program's processes and no others.
// A process of root first becomes nobody: inside it would still be root to the kernel's counts.
// Where control groups may be made, a job has one of its own: it joins before anything else starts.
#include "hearth/eval/code/sandbox.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

#include "hearth/eval/code/control_group.h"
#include "hearth/eval/code/process_tree.h"
#include "hearth/eval/code/seccomp_filter.h"

namespace hearth::code {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kBwrap = "/usr/bin/bwrap";
constexpr const char* kSetpriv = "/usr/bin/setpriv";
constexpr const char* kShell = "/bin/sh";
constexpr const char* kNobody = "65534";
constexpr const char* kFolder = "/work";
constexpr int kFirstFd = 300;     // sources of what the child gets
constexpr int kStatusFd = 10;     // in the child: bubblewrap says here how the program ended
constexpr int kFilterFd = 11;     //
constexpr int kFilesFd = 12;      // the first file
constexpr size_t kFilesMax = 64;  //
constexpr int kPollMs = 20;       // between two looks at the clock and the memory
constexpr int64_t kErrorBytes = 64 << 10;
constexpr int64_t kFolderSlack = 1 << 20;    // of the file system itself
constexpr int64_t kSandboxBytes = 16 << 20;  // of the processes that make it
constexpr int64_t kSandboxProcesses = 4;     //
constexpr double kIdleShare = 3;             // times its limit for a program that waits
constexpr double kStartSeconds = 30;         // that a loaded machine may need to set a sandbox up

// Owner of a file descriptor; move-only.
class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() { reset(); }

  int get() const { return fd_; }
  void reset() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

Status failed(const char* what) {
  return error(Code::internal, "sandbox: {}: {}", what, std::strerror(errno));
}

// Above all numbers that the child gets, so that no dup2 in it covers another's source.
Result<Fd> moved_up(Fd fd) {
  Fd up(::fcntl(fd.get(), F_DUPFD_CLOEXEC, kFirstFd));
  if (up.get() < 0) return failed("file descriptor");
  return up;
}

Result<Fd> memory_file(std::string_view content) {
  Fd fd(::memfd_create("sandbox", MFD_CLOEXEC));
  if (fd.get() < 0) return failed("memory file");
  while (!content.empty()) {
    const ssize_t n = ::write(fd.get(), content.data(), content.size());
    if (n <= 0) return failed("memory file");
    content.remove_prefix(static_cast<size_t>(n));
  }
  if (::lseek(fd.get(), 0, SEEK_SET) != 0) return failed("memory file");
  return moved_up(std::move(fd));
}

struct Pipe {
  Fd read, write;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return failed("pipe");
  Pipe pipe{Fd(ends[0]), Fd(ends[1])};
  TRY_ASSIGN(pipe.write, moved_up(std::move(pipe.write)));
  return pipe;
}

// What Hearth installs below /usr has the answers of the bundled problems in it.
std::vector<const char*> hidden_folders() {
  std::vector<const char*> there;
  for (const char* folder : {"/usr/local", "/usr/share/hearth"}) {
    if (::access(folder, F_OK) == 0) there.push_back(folder);
  }
  return there;
}

// Below which jobs' groups are made. Asked once; a group is made and removed to see.
const Result<std::string>& group_parent() {
  static const Result<std::string> kParent = []() -> Result<std::string> {
    ControlGroupPlace place;
    place.pid = ::getpid();
    TRY_ASSIGN(std::string parent, control_group_parent(place));
    TRY(ControlGroup::make(parent, {.memory_bytes = kSandboxBytes, .processes = 1}));
    return parent;
  }();
  return kParent;
}

// nullopt: this machine allows none. What it holds is the program's and the sandbox's own.
Result<std::optional<ControlGroup>> group_of(const SandboxLimits& limits) {
  if (!group_parent()) return std::optional<ControlGroup>();
  const int64_t bytes = limits.memory_bytes + limits.file_bytes + kFolderSlack + kSandboxBytes;
  TRY_ASSIGN(
      ControlGroup group,
      ControlGroup::make(*group_parent(), {.memory_bytes = bytes,
                                           .processes = limits.processes + kSandboxProcesses}));
  return std::optional(std::move(group));
}

std::vector<std::string> command_line(const SandboxJob& job, const ControlGroup* group) {
  std::vector<std::string> words;
  const auto add = [&](std::initializer_list<std::string> more) {
    words.insert(words.end(), more);
  };
  if (group != nullptr) {
    add({kShell, "-c", "echo $$ > \"$0\" && exec \"$@\"", group->members_file()});
  }
  if (::geteuid() == 0) {
    add({kSetpriv, "--reuid", kNobody, "--regid", kNobody, "--clear-groups", "--"});
  }
  const SandboxLimits& limits = job.limits;
  add({kBwrap, "--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts",
       "--unshare-cgroup-try", "--uid", kNobody, "--gid", kNobody, "--cap-drop", "ALL",
       "--die-with-parent", "--new-session", "--clearenv", "--hostname", "sandbox"});
  add({"--setenv", "PATH", "/usr/bin", "--setenv", "HOME", kFolder, "--setenv", "TMPDIR", kFolder,
       "--setenv", "LANG", "C.UTF-8", "--setenv", "PYTHONDONTWRITEBYTECODE", "1", "--setenv",
       "PYTHONHASHSEED", "0"});
  add({"--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib",
       "--symlink", "usr/lib64", "/lib64", "--dev", "/dev"});
  for (const char* hidden : hidden_folders()) add({"--tmpfs", hidden, "--remount-ro", hidden});
  // The folder of devices is memory too: nothing may be put there.
  add({"--size", std::to_string(limits.file_bytes + kFolderSlack), "--tmpfs", kFolder});
  for (size_t i = 0; i < job.files.size(); ++i) {
    const SandboxFile& file = job.files[i];
    add({"--perms", file.executable ? "0755" : "0644", "--file",
         std::to_string(kFilesFd + static_cast<int>(i)), fmt::format("{}/{}", kFolder, file.name)});
  }
  add({"--remount-ro", "/dev", "--remount-ro", "/", "--chdir", kFolder, "--json-status-fd",
       std::to_string(kStatusFd), "--seccomp", std::to_string(kFilterFd), "--"});
  const auto cpu = static_cast<int64_t>(std::ceil(limits.seconds)) + 1;
  add({"/usr/bin/prlimit", fmt::format("--nproc={}", limits.processes),
       fmt::format("--as={}", limits.memory_bytes), fmt::format("--fsize={}", limits.file_bytes),
       fmt::format("--cpu={}", cpu), "--core=0", "--nofile=64", "--"});
  words.insert(words.end(), job.command.begin(), job.command.end());
  return words;
}

// What the child gets: numbers, and the descriptors behind them; the last number is the highest.
struct Handed {
  std::vector<std::pair<int, Fd>> fds;

  void add(int number, Fd fd) { fds.emplace_back(number, std::move(fd)); }
};

Result<pid_t> spawn(const std::vector<std::string>& words, const Handed& handed) {
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  char* no_environment[] = {nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  for (const auto& [number, fd] : handed.fds) {
    posix_spawn_file_actions_adddup2(&actions, fd.get(), number);
  }
  // Nothing else that this process has open goes along.
  for (int fd = STDERR_FILENO + 1; fd < kStatusFd; ++fd) {
    posix_spawn_file_actions_addclose(&actions, fd);
  }
  posix_spawn_file_actions_addclosefrom_np(&actions, handed.fds.back().first + 1);
  pid_t pid = 0;
  const int failure = ::posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), no_environment);
  posix_spawn_file_actions_destroy(&actions);
  if (failure == 0) return pid;
  return error(Code::unsupported, "sandbox: {}: {} (Debian package bubblewrap)", words[0],
               std::strerror(failure));
}

// One stream of the child: what came of it, up to a limit.
struct Stream {
  Fd fd;
  std::string text;
  int64_t bytes_max;
  bool over = false;  // more came, which was dropped

  void read_some() {
    std::array<char, 65536> block;
    const ssize_t n = ::read(fd.get(), block.data(), block.size());
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (n <= 0) return fd.reset();
    const auto room = static_cast<size_t>(bytes_max) - text.size();
    text.append(block.data(), std::min(room, static_cast<size_t>(n)));
    over = over || static_cast<size_t>(n) > room;
  }
};

enum Channel : size_t { kOut, kErr, kStatus, kChannels };
using Streams = std::array<Stream, kChannels>;

Clock::time_point in_seconds(double seconds) {
  return Clock::now() +
         std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

// Reads until all of the child's processes have let go of the streams, or a limit is passed.
// internal: bubblewrap said nothing in time, which says nothing of the program.
Result<SandboxEnd> follow(pid_t pid, Streams& streams, const SandboxLimits& limits) {
  Clock::time_point deadline = in_seconds(kStartSeconds), idle_deadline = deadline;
  bool started = false;
  while (true) {
    std::array<pollfd, kChannels> polled;
    for (size_t i = 0; i < kChannels; ++i) polled[i] = {streams[i].fd.get(), POLLIN, 0};
    if (std::all_of(polled.begin(), polled.end(), [](const pollfd& p) { return p.fd < 0; })) {
      return SandboxEnd::exited;
    }
    ::poll(polled.data(), polled.size(), kPollMs);
    for (size_t i = 0; i < kChannels; ++i) {
      if (polled[i].fd >= 0 && polled[i].revents != 0) streams[i].read_some();
    }
    if (!started && !streams[kStatus].text.empty()) {
      started = true;  // bubblewrap has made the namespaces: from here on time is the program's
      deadline = in_seconds(limits.seconds);
      idle_deadline = in_seconds(kIdleShare * limits.seconds);
    }
    if (streams[kOut].over) return SandboxEnd::output;
    if (const Clock::time_point now = Clock::now(); now > deadline) {
      if (!started) {
        return error(Code::internal, "sandbox: did not start within {} s", kStartSeconds);
      }
      // What runs beside it, the engine among it, must not decide whether a program is in time.
      if (now > idle_deadline || cpu_seconds_of_tree(pid) >= limits.seconds) {
        return SandboxEnd::time;
      }
    }
    if (resident_bytes_of_tree(pid) > limits.memory_bytes) return SandboxEnd::memory;
  }
}

// The first process of the namespace dies with bubblewrap, and all others with it.
int end_of(pid_t pid, Streams& streams) {
  ::kill(pid, SIGKILL);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  for (Stream& stream : streams) {
    while (stream.fd.get() >= 0) stream.read_some();
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Status check_job(const SandboxJob& job) {
  CHECK(!job.command.empty() && job.files.size() <= kFilesMax);
  int64_t bytes = 0;
  for (const SandboxFile& file : job.files) {
    CHECK(!file.name.empty() && file.name.find('/') == file.name.npos);
    bytes += static_cast<int64_t>(file.content.size());
  }
  if (bytes > job.limits.file_bytes) {
    return error(Code::invalid, "sandbox: expected files of {} bytes together, found {}",
                 job.limits.file_bytes, bytes);
  }
  return Status::ok();
}

Result<SandboxRun> run(const SandboxJob& job) {
  TRY(check_job(job));
  TRY_ASSIGN(const std::string filter, seccomp_filter());
  Handed handed;
  TRY_ASSIGN(Fd input, memory_file(job.input));
  handed.add(STDIN_FILENO, std::move(input));
  Streams streams = {Stream{Fd(), "", job.limits.output_bytes}, Stream{Fd(), "", kErrorBytes},
                     Stream{Fd(), "", kErrorBytes}};
  for (const auto& [channel, number] :
       {std::pair{kOut, STDOUT_FILENO}, {kErr, STDERR_FILENO}, {kStatus, kStatusFd}}) {
    TRY_ASSIGN(Pipe pipe, make_pipe());
    streams[channel].fd = std::move(pipe.read);
    handed.add(number, std::move(pipe.write));
  }
  TRY_ASSIGN(Fd filter_file, memory_file(filter));
  handed.add(kFilterFd, std::move(filter_file));
  for (size_t i = 0; i < job.files.size(); ++i) {
    TRY_ASSIGN(Fd file, memory_file(job.files[i].content));
    handed.add(kFilesFd + static_cast<int>(i), std::move(file));
  }
  TRY_ASSIGN(const std::optional<ControlGroup> group, group_of(job.limits));
  TRY_ASSIGN(const pid_t pid, spawn(command_line(job, group ? &*group : nullptr), handed));
  handed.fds.clear();
  const auto end = follow(pid, streams, job.limits);
  end_of(pid, streams);
  if (!end) return end.status();
  SandboxRun result;
  result.end = group && group->out_of_memory() ? SandboxEnd::memory : *end;
  result.out = std::move(streams[kOut].text);
  result.err = std::move(streams[kErr].text);
  if (result.end != SandboxEnd::exited) return result;
  // Without this word bubblewrap gave up before the program began.
  constexpr std::string_view kExitCode = "\"exit-code\": ";
  const std::string& said = streams[kStatus].text;
  const size_t at = said.find(kExitCode);
  if (at == said.npos) {
    return error(Code::unsupported, "no sandbox here: {}",
                 result.err.substr(0, result.err.find('\n')));
  }
  result.exit_code = std::atoi(said.c_str() + at + kExitCode.size());
  return result;
}

}  // namespace

Status sandbox_ready() {
  static const Status kReady = [] {
    SandboxJob job;
    job.command = {"/usr/bin/true"};
    const auto tried = run(job);
    if (!tried) return tried.status();
    if (tried->end == SandboxEnd::exited && tried->exit_code == 0) return Status::ok();
    return error(Code::unsupported, "no sandbox here: /usr/bin/true doesn't run in it: {}",
                 tried->err.substr(0, tried->err.find('\n')));
  }();
  return kReady;
}

std::string sandbox_bounds() {
  if (group_parent()) return fmt::format("cgroup (memory.max, pids.max) below {}", *group_parent());
  return fmt::format("rlimits, memory of all together by looks at it; no cgroup: {}",
                     group_parent().status().message());
}

Result<SandboxRun> run_in_sandbox(const SandboxJob& job) {
  TRY(sandbox_ready());
  return run(job);
}

}  // namespace hearth::code
