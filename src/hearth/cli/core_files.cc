// See core_files.h.
#include "hearth/cli/core_files.h"

#include <sys/prctl.h>
#include <sys/resource.h>

namespace hearth::cli {

void forbid_core_files() {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

}  // namespace hearth::cli
