// See call_cost.h.
#include "hearth/host/cost/call_cost.h"

#include <algorithm>

#include "hearth/base/check.h"

namespace hearth {
namespace {

constexpr double kDay = 86400;
constexpr double kDaysPerMonth = 365.25 / 12;

}  // namespace

double api_cost(const ApiPrice& api, const CallShape& call) {
  const double fresh = std::max(0.0, call.prompt - call.cached);
  return (fresh * api.prompt + call.cached * api.cached + call.output * api.output) / 1e6;
}

Comparison compare(const HardwarePrice& hardware, const ApiPrice& api, const CallShape& call,
                   const MeasuredSpeed& speed, const Usage24h& usage) {
  CHECK(speed.prompt_tok_s > 0 && speed.output_tok_s > 0 && speed.batch >= 1);
  Comparison out;
  out.first_token_seconds = std::max(0.0, call.prompt - call.cached) / speed.prompt_tok_s;
  const double output_seconds = call.output / speed.output_tok_s;
  out.seconds = out.first_token_seconds + output_seconds;
  out.latency_seconds = out.first_token_seconds + output_seconds * speed.batch;
  out.joules = out.first_token_seconds * hardware.watts;
  out.joules += speed.joules_per_output_token ? call.output * *speed.joules_per_output_token
                                              : output_seconds * hardware.watts;
  out.energy_cost = hardware.energy_cost(out.joules);
  const double most = usage.hours_per_day * 3600 / std::max(out.seconds, 1e-9);
  out.calls_per_day = usage.calls_per_day.value_or(most);
  out.load = out.calls_per_day * out.seconds / kDay;
  const double idle_joules = std::max(0.0, 1 - out.load) * kDay * hardware.idle_watts;
  out.idle_cost = hardware.energy_cost(idle_joules) / out.calls_per_day;
  out.hardware_cost = hardware.cost_per_second() * kDay / out.calls_per_day;
  out.api_cost = api_cost(api, call);
  const double saved = out.api_cost - out.energy_cost - out.idle_cost;
  if (saved > 0) {
    out.break_even_calls = hardware.price / saved;
    out.break_even_months = *out.break_even_calls / out.calls_per_day / kDaysPerMonth;
  }
  return out;
}

}  // namespace hearth
