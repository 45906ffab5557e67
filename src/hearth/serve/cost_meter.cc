// See cost_meter.h.
#include "hearth/serve/cost_meter.h"

namespace hearth::serve {

Result<std::unique_ptr<CostMeter>> CostMeter::open(const std::string& path, bool on_cpu,
                                                   const SystemRoot& root) {
  TRY_ASSIGN(PriceList prices, read_prices(path));
  if (!prices.hardware) {
    return error(Code::invalid, "{}: expected `hardware`, the price of this machine", path);
  }
  std::optional<RaplCounter> counter;
  if (on_cpu) {
    if (auto found = RaplCounter::open(root)) counter = *std::move(found);
  }
  if (!counter && prices.hardware->watts == 0) {
    return error(Code::invalid,
                 "{}: `watts`: expected this machine's power, for it has no energy counter that "
                 "this user may read; found 0",
                 path);
  }
  return std::unique_ptr<CostMeter>(
      new CostMeter(*std::move(prices.hardware), std::move(prices.currency), std::move(counter)));
}

void CostMeter::begin_step() {
  if (counter_) joules_before_ = counter_->joules();
}

double CostMeter::end_step(double seconds) {
  return counter_ ? counter_->joules() - joules_before_ : hardware_.watts * seconds;
}

Spent CostMeter::spent(double seconds, double joules) const {
  return {joules, hardware_.energy_cost(joules) + hardware_.cost_per_second() * seconds, currency_,
          counter_ ? "rapl" : "configured"};
}

}  // namespace hearth::serve
