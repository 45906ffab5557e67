// Runs a program that nobody has read: in namespaces of its own (bubblewrap), without a network,
// with a file system that is nothing but /usr, read-only, and a folder in memory; under limits of
// time, memory, processes, files and output, and a filter of system calls. Where the kernel or the
// machine doesn't allow that, nothing runs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hearth/base/status.h"

namespace hearth::code {

struct SandboxLimits {
  double seconds = 10;                      // of processors; three times that on the clock
  int64_t memory_bytes = int64_t{1} << 30;  // of a process, and of all together
  int64_t file_bytes = int64_t{64} << 20;   // of the folder, all files together
  int64_t processes = 16;                   // threads count
  int64_t output_bytes = int64_t{4} << 20;  // standard output; of standard error the first part
};

struct SandboxFile {
  std::string name;  // in the folder where the program starts; no slash
  std::string content;
  bool executable = false;
};

struct SandboxJob {
  std::vector<std::string> command;  // its first word a path, or a name in /usr/bin
  std::vector<SandboxFile> files;
  std::string input;  // standard input
  SandboxLimits limits;
};

enum class SandboxEnd { exited, time, memory, output };

struct SandboxRun {
  SandboxEnd end = SandboxEnd::exited;
  int exit_code = 0;  // of `exited`; 128 and the signal, where one ended it
  std::string out;    // no more than the limit
  std::string err;    //
};

// ok, or unsupported: one line that says what is missing here. Asked once, by a real run.
Status sandbox_ready();
// What bounds the memory and the processes of all of a job together on this machine: "cgroup ...",
// or "rlimits ..." and why no cgroup.
std::string sandbox_bounds();

// unsupported: as sandbox_ready; internal: the machine had no time to start it. When it returns, no
// process of the job lives.
Result<SandboxRun> run_in_sandbox(const SandboxJob& job);

}  // namespace hearth::code
