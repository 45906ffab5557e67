// What a call costs on a machine of one's own beside a paid API, and when the machine has paid for
// itself. Arithmetic on prices and measured speeds alone.
#pragma once

#include <optional>

#include "hearth/host/cost/prices.h"

namespace hearth {

// Tokens of one call.
struct CallShape {
  double prompt = 1000;  // cached ones included
  double cached = 0;
  double output = 1000;
};

struct MeasuredSpeed {
  double prompt_tok_s = 0;  // of one prompt
  double output_tok_s = 0;  // of all sequences together
  double batch = 1;         // sequences
  // Measured by counters in the machine; absent: the configured watts count.
  std::optional<double> joules_per_output_token;
};

struct Usage24h {
  std::optional<double> calls_per_day;  // absent: as many as the machine can answer
  double hours_per_day = 24;            // that it answers in that case; it is on all day
};

struct Comparison {
  // Here.
  double seconds = 0;          // of the machine's time, a call's share in a batch
  double latency_seconds = 0;  // until the call's last token
  double first_token_seconds = 0;
  double joules = 0;         // of a call, without idle times
  double energy_cost = 0;    // of these
  double idle_cost = 0;      // of a call: what the machine takes while it waits for the next
  double hardware_cost = 0;  // of a call: its share of the machine's price
  double calls_per_day = 0;
  double load = 0;  // share of the day that it computes; beyond 1: too many calls
  double cost() const { return energy_cost + idle_cost + hardware_cost; }
  // There.
  double api_cost = 0;
  // Calls and months until the machine's price is saved; absent: never, for energy alone costs as
  // much as the API.
  std::optional<double> break_even_calls;
  std::optional<double> break_even_months;
};

double api_cost(const ApiPrice& api, const CallShape& call);

// Speeds must be positive.
Comparison compare(const HardwarePrice& hardware, const ApiPrice& api, const CallShape& call,
                   const MeasuredSpeed& speed, const Usage24h& usage);

}  // namespace hearth
