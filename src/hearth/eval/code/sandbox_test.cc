// What a hostile program would try, tried: each attempt is a Python program that prints "escaped"
// where it succeeds. Where the kernel forbids namespaces these tests say so and are skipped.
#include "hearth/eval/code/sandbox.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>

namespace hearth::code {
namespace {

class SandboxTest : public testing::Test {
 protected:
  void SetUp() override {
    const Status ready = sandbox_ready();
    if (!ready.is_ok()) GTEST_SKIP() << "escape attempts not tried: " << ready.message();
  }
};

SandboxRun python(const std::string& program, const SandboxLimits& limits = {}) {
  SandboxJob job;
  job.command = {"/usr/bin/python3", "-I", "program.py"};
  job.files = {{"program.py", program}};
  job.limits = limits;
  auto run = run_in_sandbox(job);
  EXPECT_TRUE(run.has_value()) << run.status().message();
  return run ? *std::move(run) : SandboxRun{SandboxEnd::exited, -1, "escaped", ""};
}

SandboxLimits within(double seconds) {
  SandboxLimits limits;
  limits.seconds = seconds;
  return limits;
}

TEST_F(SandboxTest, ProgramsReadTheirFilesAndInputAndSayHowTheyEnd) {
  SandboxJob job;
  job.command = {"/bin/sh", "-c", "cat a.txt - && echo oops >&2 && exit 7"};
  job.files = {{"a.txt", "one\n"}};
  job.input = "two\n";
  const auto run = run_in_sandbox(job);
  ASSERT_TRUE(run.has_value()) << run.status().message();
  EXPECT_EQ(run->end, SandboxEnd::exited);
  EXPECT_EQ(run->exit_code, 7);
  EXPECT_EQ(run->out, "one\ntwo\n");
  EXPECT_EQ(run->err, "oops\n");
}

TEST_F(SandboxTest, ASignalIsAnExitCode) {
  EXPECT_EQ(python("import os, signal; os.kill(os.getpid(), signal.SIGTERM)").exit_code, 128 + 15);
}

TEST_F(SandboxTest, NoFileOutsideIsSeen) {
  const std::string secret = std::filesystem::temp_directory_path() / "hearth_sandbox_secret";
  std::ofstream(secret) << "secret";
  const SandboxRun run = python(R"(
for path in ("/etc/shadow", "/etc/passwd", "/root", "/home", "/proc/1/environ", "/sys", ")" +
                                secret + R"("):
    try:
        open(path).read()
        print("escaped", path)
    except IsADirectoryError:
        print("escaped", path)
    except OSError:
        pass
)");
  std::filesystem::remove(secret);
  EXPECT_EQ(run.out, "") << run.err;
  EXPECT_EQ(run.exit_code, 0) << run.err;
}

TEST_F(SandboxTest, WhatIsInstalledBesideTheSystemIsHidden) {
  const SandboxRun run = python(R"(
import os
for folder in ("/usr/local", "/usr/share/hearth"):
    if os.path.exists(folder) and os.listdir(folder):
        print("escaped", folder)
    try:
        open(folder + "/x", "w")
        print("escaped: written", folder)
    except OSError:
        pass
)");
  EXPECT_EQ(run.out, "") << run.err;
  EXPECT_EQ(run.exit_code, 0) << run.err;
}

TEST_F(SandboxTest, NothingOutsideItsFolderIsWritten) {
  const SandboxRun run = python(R"(
for path in ("/usr/x", "/x", "/dev/x", "/tmp/x", "/bin/x", "/usr/lib/python3/x"):
    try:
        open(path, "w").write("x")
        print("escaped", path)
    except OSError:
        pass
open("mine", "w").write("x")
)");
  EXPECT_EQ(run.out, "") << run.err;
  EXPECT_EQ(run.exit_code, 0) << run.err;
}

TEST_F(SandboxTest, ADiskIsNotFilled) {
  SandboxLimits limits;
  limits.file_bytes = 8 << 20;
  const SandboxRun run = python(R"(
written = 0
try:
    for i in range(1000):
        with open(f"f{i}", "wb") as f:
            f.write(bytes(1 << 20))
        written += 1
except OSError as e:
    print(e.errno)
print("escaped" if written > 9 else "held")
)",
                                limits);
  EXPECT_EQ(run.out, "28\nheld\n") << run.err;  // ENOSPC
}

TEST_F(SandboxTest, AForkBombEndsByItself) {
  const auto start = std::chrono::steady_clock::now();
  const SandboxRun run = python(R"(
import os
while True:
    try:
        os.fork()
    except OSError:
        pass
)",
                                within(1));
  EXPECT_EQ(run.end, SandboxEnd::time);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(8));
}

TEST_F(SandboxTest, ProcessesAreCounted) {
  const SandboxRun run = python(R"(
import os, time
n = 0
try:
    for n in range(1000):
        if os.fork() == 0:
            time.sleep(60)
except OSError:
    pass
print("escaped" if n > 20 else "held", flush=True)
os._exit(0)
)",
                                within(5));
  EXPECT_EQ(run.out, "held\n") << run.err;
}

TEST_F(SandboxTest, NoConnectionLeavesIt) {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener, 1), 0);
  ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const SandboxRun run = python(fmt::format(R"(
import socket
for family in (socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, socket.AF_PACKET):
    try:
        s = socket.socket(family, socket.SOCK_STREAM)
        print("escaped: a socket")
        s.connect(("127.0.0.1", {}))
        print("escaped: connected")
    except OSError:
        pass
a, b = socket.socketpair()
a.send(b"x")
print(b.recv(1))
)",
                                            ntohs(address.sin_port)));
  ::close(listener);
  EXPECT_EQ(run.out, "b'x'\n") << run.err;
}

TEST_F(SandboxTest, OtherProcessesAreOutOfReach) {
  const SandboxRun run = python(fmt::format(R"(
import ctypes, os, signal
libc = ctypes.CDLL(None, use_errno=True)
EPERM = 1
for name, *args in (("ptrace", 16, 1, 0, 0), ("unshare", 0x10000000), ("mount", 0, 0, 0, 0, 0),
                    ("setns", 0, 0), ("chroot", b"/"), ("memfd_create", b"x", 0),
                    ("shmget", 0, 4096, 0o1600), ("msgget", 0, 0o1600)):
    if getattr(libc, name)(*args) != -1 or ctypes.get_errno() != EPERM:
        print("escaped", name, ctypes.get_errno())
for pid in ({}, {}):
    try:
        os.kill(pid, signal.SIGKILL)
        print("escaped: killed", pid)
    except OSError:
        pass
for pid in (1, os.getppid(), -1):
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        pass
)",
                                            ::getpid(), ::getppid()));
  EXPECT_EQ(run.out, "") << run.err;  // and this test goes on
}

TEST_F(SandboxTest, MemoryIsBoundedForOneAndForAll) {
  SandboxLimits limits = within(20);
  limits.memory_bytes = 200 << 20;
  SandboxRun run = python("x = bytearray(300 << 20)\nprint('escaped')", limits);
  EXPECT_EQ(run.out, "");
  EXPECT_NE(run.err.find("MemoryError"), run.err.npos);
  run = python(R"(
import os, time
for i in range(8):
    if os.fork() == 0:
        x = bytearray(b"x") * (100 << 20)
        time.sleep(60)
time.sleep(60)
)",
               limits);
  EXPECT_EQ(run.end, SandboxEnd::memory);
  // Children of a thread that isn't the first.
  run = python(R"(
import os, threading, time
def start():
    for i in range(8):
        if os.fork() == 0:
            x = bytearray(b"x") * (100 << 20)
            time.sleep(60)
    time.sleep(60)
threading.Thread(target=start).start()
)",
               limits);
  EXPECT_EQ(run.end, SandboxEnd::memory);
}

// Of all together at once, files of the folder among it, by the kernel and not by looks at it.
TEST_F(SandboxTest, AControlGroupHoldsMemoryFilesAndProcesses) {
  if (!sandbox_bounds().starts_with("cgroup")) GTEST_SKIP() << sandbox_bounds();
  SandboxLimits limits = within(20);
  limits.memory_bytes = 100 << 20;
  limits.file_bytes = 32 << 20;
  const SandboxRun full = python(R"(
import os, time
open("f", "wb").write(bytes(30 << 20))
for i in range(3):
    if os.fork() == 0:
        x = bytearray(b"x") * (60 << 20)
        time.sleep(60)
time.sleep(60)
)",
                                 limits);
  EXPECT_EQ(full.end, SandboxEnd::memory);
  EXPECT_EQ(python("print(1)", limits).out, "1\n");
}

TEST_F(SandboxTest, WhatBoundsItIsSaid) {
  const std::string bounds = sandbox_bounds();
  EXPECT_TRUE(bounds.starts_with("cgroup (memory.max, pids.max) below /") ||
              bounds.starts_with("rlimits, memory of all together by looks at it; no cgroup: /"))
      << bounds;
}

TEST_F(SandboxTest, EndlessOutputAndEndlessTimeEnd) {
  SandboxLimits limits = within(20);
  limits.output_bytes = 1 << 20;
  const SandboxRun loud = python("while True: print('x' * 1000)", limits);
  EXPECT_EQ(loud.end, SandboxEnd::output);
  EXPECT_EQ(loud.out.size(), size_t{1} << 20);
  EXPECT_EQ(python("while True: pass", within(0.3)).end, SandboxEnd::time);
  EXPECT_EQ(python("import time; time.sleep(60)", within(0.3)).end, SandboxEnd::time);
  // A child that would outlive the program is ended with it.
  const SandboxRun orphan =
      python("import os, time\nif os.fork() == 0: time.sleep(60)", within(20));
  EXPECT_EQ(orphan.end, SandboxEnd::exited);
  EXPECT_EQ(orphan.exit_code, 0);
  const SandboxRun errors =
      python("import sys\nfor i in range(99999): print('e', file=sys.stderr)");
  EXPECT_EQ(errors.exit_code, 0);
  EXPECT_LE(errors.err.size(), size_t{64} << 10);
}

TEST_F(SandboxTest, OpenFilesDontComeAlong) {
  const int leaked = ::open("/etc/passwd", O_RDONLY);  // without O_CLOEXEC
  ASSERT_GE(leaked, 0);
  const SandboxRun run = python(R"(
import os
for fd in range(3, 1024):
    try:
        os.fstat(fd)
        print("escaped", fd)
    except OSError:
        pass
)");
  ::close(leaked);
  EXPECT_EQ(run.out, "") << run.err;
}

TEST_F(SandboxTest, ProgramsOfTwoSandboxesDontMeet) {
  EXPECT_EQ(python("open('left', 'w').write('x')").exit_code, 0);
  EXPECT_EQ(python("import os; print(os.listdir('.'))").out, "['program.py']\n");
}

}  // namespace
}  // namespace hearth::code
