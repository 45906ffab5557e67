// Prints a failed CHECK and ends the process: a broken invariant must not serve another token.
#include "hearth/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace hearth::internal {

void check_failed(const char* file, int line, const char* condition, const std::string& operands) {
  fmt::print(stderr, "{}:{}: CHECK failed: {}{}{}\n", file, line, condition,
             operands.empty() ? "" : "  with ", operands);
  std::fflush(stderr);
  std::abort();
}

}  // namespace hearth::internal
