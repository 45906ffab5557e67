// The machines that the users' guide asks for, as data, and how a machine compares with them: what
// was found, what is needed, and what to buy or change where they differ.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/host/machine.h"

namespace hearth {

// One text in both languages of the house.
struct Phrase {
  std::string english;
  std::string chinese;
};

enum class Level : uint8_t { minimum, recommended };
std::string_view level_name(Level level);

struct Requirements {
  Level level;
  int64_t gpu_bytes;
  std::string_view gpu_example;  // "" : any
  int cores;
  std::string_view cpu_example;
  int64_t memory_bytes;
  int64_t disk_bytes;  // of NVMe; 0: distributed storage
};

// In decimal units, as parts are sold.
inline constexpr std::array<Requirements, 2> kRequirements = {{
    {Level::minimum, 24'000'000'000, "", 12, "Intel Core i7-12700K", 32'000'000'000,
     1'000'000'000'000},
    {Level::recommended, 80'000'000'000, "NVIDIA A100 80 GB", 64, "AMD EPYC 7763", 128'000'000'000,
     0},
}};

struct Check {
  std::string name;  // gpu, cpu, memory, storage
  Level level;
  bool ok = false;
  Phrase found;
  Phrase needed;
  Phrase advice;  // empty where it is ok
};

// Four checks a level. A machine that misses one still runs what `plan_family` says.
std::vector<Check> check_machine(const Machine& machine);

}  // namespace hearth
