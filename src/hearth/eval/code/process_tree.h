// What a process and all that it started hold and have used: what a limit for each process can't
// say.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace hearth::code {

// Resident bytes of `pid` and its descendants. Reads /proc; what ends meanwhile counts as nothing.
int64_t resident_bytes_of_tree(pid_t pid);
// Seconds of processors that they have had, with those that have ended and been waited for.
double cpu_seconds_of_tree(pid_t pid);

}  // namespace hearth::code
