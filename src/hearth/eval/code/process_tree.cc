// See process_tree.h. Orphans stay in the tree: the namespace's first process takes them.
#include "hearth/eval/code/process_tree.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace hearth::code {
namespace {

constexpr size_t kProcessesMax = 4096;  // bounds the walk, whatever the program starts

int64_t resident_pages(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/statm", pid));
  int64_t size = 0, resident = 0;
  return file >> size >> resident ? resident : 0;
}

// user, system, and both of the children that were waited for: fields 14 to 17.
int64_t cpu_ticks(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string line;
  std::getline(file, line);
  // The second field is a name in parentheses, which may hold anything.
  std::istringstream rest(line.substr(std::min(line.size(), line.rfind(')') + 1)));
  std::string skipped;
  for (int field = 3; field < 14; ++field) rest >> skipped;
  int64_t all = 0;
  for (int64_t ticks = 0, i = 0; i < 4 && rest >> ticks; ++i) all += ticks;
  return all;
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

std::vector<pid_t> tree_of(pid_t pid) {
  std::vector<pid_t> tree = {pid};
  for (size_t i = 0; i < tree.size() && tree.size() < kProcessesMax; ++i) {
    add_children(tree[i], tree);
  }
  return tree;
}

}  // namespace

int64_t resident_bytes_of_tree(pid_t pid) {
  int64_t pages = 0;
  for (const pid_t member : tree_of(pid)) pages += resident_pages(member);
  return pages * ::sysconf(_SC_PAGESIZE);
}

double cpu_seconds_of_tree(pid_t pid) {
  int64_t ticks = 0;
  for (const pid_t member : tree_of(pid)) ticks += cpu_ticks(member);
  return static_cast<double>(ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

}  // namespace hearth::code
