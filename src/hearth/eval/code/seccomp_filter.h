// The system calls that a program under test may not make, as the kernel's filter program: what
// traces or reads other processes, mounts, makes namespaces, loads code into the kernel or opens
// a socket to anything but this machine's own processes. Everything else is left to the namespaces.
#pragma once

#include <string>

#include "hearth/base/status.h"

namespace hearth::code {

// An array of struct sock_filter as bytes, for `bwrap --seccomp`. unsupported: a processor whose
// call numbers the filter doesn't know.
Result<std::string> seccomp_filter();

}  // namespace hearth::code
