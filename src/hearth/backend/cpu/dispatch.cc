// One row for each instruction set.
#include "hearth/backend/cpu/dispatch.h"

#include <fmt/ranges.h>

#include "hearth/sensors/isa.h"

namespace hearth::cpu {

std::vector<const KernelTable*> available_tables() {
  std::vector<const KernelTable*> tables;
  [[maybe_unused]] const IsaFeatures isa = detect_isa();
#if defined(__x86_64__)
  if (isa.avx512f && isa.avx512bw && isa.avx512vl && isa.avx512dq && isa.avx512_vnni) {
    tables.push_back(&isa_avx512::table());
  }
  if (isa.avx2 && isa.fma && isa.f16c) {
    if (isa.avx_vnni) tables.push_back(&isa_avxvnni::table());
    tables.push_back(&isa_avx2::table());
  }
#elif defined(__aarch64__)
  if (isa.dotprod) tables.push_back(&isa_neondot::table());
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
