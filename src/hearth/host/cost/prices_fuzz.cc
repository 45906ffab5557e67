// Any bytes as a file of prices: refused in one line, or prices that the comparison can use.
#include <cstddef>
#include <cstdint>

#include "hearth/base/check.h"
#include "hearth/host/cost/call_cost.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  const auto prices = parse_prices({reinterpret_cast<const char*>(data), size});
  if (!prices || !prices->hardware) return 0;
  const MeasuredSpeed speed{100, 10, 1, {}};
  for (const ApiPrice& api : prices->apis) {
    const Comparison compared = compare(*prices->hardware, api, {1000, 0, 1000}, speed, {});
    CHECK(compared.api_cost >= 0);
  }
  return 0;
}
