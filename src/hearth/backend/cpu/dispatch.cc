// One row for each instruction set.
#include "hearth/backend/cpu/dispatch.h"

#include <fmt/ranges.h>

namespace hearth::cpu {

std::vector<const KernelTable*> available_tables() {
  std::vector<const KernelTable*> tables;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vnni")) {
    tables.push_back(&isa_avx512::table());
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    tables.push_back(&isa_avx2::table());
  }
#elif defined(__aarch64__)
  tables.push_back(&isa_neon::table());
#endif
  tables.push_back(&isa_scalar::table());
  return tables;
}

Result<const KernelTable*> choose_table(std::string_view name) {
  const auto tables = available_tables();
  if (name.empty()) return tables.front();
  std::vector<std::string_view> names;
  for (const KernelTable* table : tables) {
    if (name == table->name) return table;
    names.emplace_back(table->name);
  }
  return error(Code::unsupported, "HEARTH_CPU_ISA: expected one of {}, found {}",
               fmt::join(names, ", "), name);
}

}  // namespace hearth::cpu
