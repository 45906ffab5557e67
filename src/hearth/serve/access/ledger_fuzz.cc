// Any bytes as a ledger: refused in one line, or sums that are numbers.
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "hearth/base/check.h"
#include "hearth/serve/access/ledger.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  const auto sums = serve::read_ledger({reinterpret_cast<const char*>(data), size}, "2026-11");
  if (!sums) return 0;
  for (const auto& [name, spent] : *sums) {
    CHECK(!name.empty() && spent.tokens >= 0 && std::isfinite(spent.cost));
  }
  return 0;
}
