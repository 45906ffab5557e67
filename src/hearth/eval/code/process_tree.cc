// See process_tree.h. Orphans stay in the tree: the namespace's first process takes them.
#include "hearth/eval/code/process_tree.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <vector>

namespace hearth::code {
namespace {

constexpr size_t kProcessesMax = 4096;  // bounds the walk, whatever the program starts

int64_t resident_pages(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/statm", pid));
  int64_t size = 0, resident = 0;
  return file >> size >> resident ? resident : 0;
}

// Of all its threads: the kernel lists a child under the thread that started it.
void add_children(pid_t pid, std::vector<pid_t>& tree) {
  namespace fs = std::filesystem;
  std::error_code gone;  // processes and threads end while they are looked at
  fs::directory_iterator threads(fmt::format("/proc/{}/task", pid), gone);
  for (; !gone && threads != fs::directory_iterator(); threads.increment(gone)) {
    std::ifstream children(threads->path() / "children");
    for (pid_t child = 0; children >> child;) tree.push_back(child);
  }
}

}  // namespace

int64_t resident_bytes_of_tree(pid_t pid) {
  std::vector<pid_t> tree = {pid};
  int64_t pages = 0;
  for (size_t i = 0; i < tree.size() && tree.size() < kProcessesMax; ++i) {
    const pid_t parent = tree[i];
    pages += resident_pages(parent);
    add_children(parent, tree);
  }
  return pages * ::sysconf(_SC_PAGESIZE);
}

}  // namespace hearth::code
