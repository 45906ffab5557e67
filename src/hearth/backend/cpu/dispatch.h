// Which instruction set the CPU backend uses: the best that this machine has, or the one that
// HEARTH_CPU_ISA names.
#pragma once

#include <string_view>
#include <vector>

#include "hearth/backend/cpu/isa/kernel_table.h"
#include "hearth/base/status.h"

namespace hearth::cpu {

// Tables that this machine can run, best first; `scalar` is always among them.
std::vector<const KernelTable*> available_tables();

// The table of that name, or the best for an empty name. unsupported: the machine lacks it.
Result<const KernelTable*> choose_table(std::string_view name);

}  // namespace hearth::cpu
