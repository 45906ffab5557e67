// Speed of the guard's detector: MB/s of one core over files, repeated to 64 MB, and the time of a
// prompt of 4 KB. CPU time of the process, so that neighbours count little.
// Usage: pii_speed FILE...
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <string>

#include "hearth/base/mapped_file.h"
#include "hearth/guard/pii/detector.h"

namespace {

constexpr size_t kBytes = 64'000'000;
constexpr size_t kPrompt = 4096;
constexpr int kRounds = 5;
constexpr int kPrompts = 2000;

// Seconds of the best of `rounds` calls.
template <typename Work>
double best(int rounds, Work work) {
  double least = 1e9;
  for (int i = 0; i < rounds; ++i) {
    const std::clock_t start = std::clock();
    work();
    least = std::min(least, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
  }
  return least;
}

void measure(const char* path) {
  const auto text = hearth::read_file(path, int64_t{1} << 30);
  if (!text || text->empty()) {
    fmt::print(stderr, "{}: nothing to read\n", path);
    return;
  }
  std::string all;
  while (all.size() < kBytes) all += *text;
  size_t found = 0;
  const double seconds = best(kRounds, [&] { found = hearth::pii::detect(all).size(); });
  const std::string prompt = all.substr(0, kPrompt);
  const double prompts = best(kRounds, [&] {
    for (int i = 0; i < kPrompts; ++i) found += hearth::pii::detect(prompt).size() * 0;
  });
  fmt::print("{}: {:.0f} MB/s, {} found, {:.1f} us for a prompt of 4 KB\n", path,
             static_cast<double>(all.size()) / seconds / 1e6, found, prompts / kPrompts * 1e6);
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) measure(argv[i]);
  return 0;
}
