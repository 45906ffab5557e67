// CostMeter: joules and money of the engine's steps, by the prices of the operator's file. Energy
// is that of the CPUs' counters where they can be read, else the configured watts for the time of
// the step; which of the two is said with every figure.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "hearth/host/cost/prices.h"
#include "hearth/sensors/rapl.h"
#include "hearth/serve/answer_channel.h"

namespace hearth::serve {

// Threads: one at a time, the engine's.
class CostMeter {
 public:
  // Of a file with `hardware` (host/cost/prices.h).  invalid: it has none, or no watts where there
  // is no counter.
  // `on_cpu`: the model computes there, so that the CPUs' counters see its energy.
  static Result<std::unique_ptr<CostMeter>> open(const std::string& path, bool on_cpu,
                                                 const SystemRoot& root = {});

  void begin_step();
  // The step's energy, in joules.
  double end_step(double seconds);
  // Of a request that had so much of the machine's time and energy.
  Spent spent(double seconds, double joules) const;

 private:
  CostMeter(HardwarePrice hardware, std::string currency, std::optional<RaplCounter> counter)
      : hardware_(std::move(hardware)),
        currency_(std::move(currency)),
        counter_(std::move(counter)) {}

  HardwarePrice hardware_;
  std::string currency_;
  std::optional<RaplCounter> counter_;
  double joules_before_ = 0;
};

}  // namespace hearth::serve
