// Core files: a process that holds somebody's texts leaves none when it crashes.
#pragma once

namespace hearth::cli {

// For the rest of this process's life; the limit alone doesn't hold where the system hands dumps to
// a program (core(5)): systemd-coredump, apport.
void forbid_core_files();

}  // namespace hearth::cli
