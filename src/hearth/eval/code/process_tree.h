// How much memory a process and all that it started hold: what a limit for each process can't say.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace hearth::code {

// Resident bytes of `pid` and its descendants. Reads /proc; what ends meanwhile counts as nothing.
int64_t resident_bytes_of_tree(pid_t pid);

}  // namespace hearth::code
