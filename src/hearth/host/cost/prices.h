// What computing costs: the price of a machine of one's own, and what paid APIs ask for a million
// tokens, each with its source and its date. One JSON file, which users write and change:
//
//   {"currency": "USD",
//    "hardware": {"name": "...", "price": 2000, "years": 4, "watts": 200, "idle_watts": 40,
//                 "electricity_per_kwh": 0.30},
//    "apis": [{"name": "...", "prompt": 0.55, "cached": 0.14, "output": 2.19,
//              "source": "https://...", "date": "2025-02-08"}]}
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/status.h"

namespace hearth {

struct HardwarePrice {
  std::string name;
  double price = 0;  // of the whole machine
  double years = 4;  // that it is used
  double watts = 0;  // while it computes, at the wall
  double idle_watts = 0;
  double electricity_per_kwh = 0;

  double energy_cost(double joules) const { return joules / 3.6e6 * electricity_per_kwh; }
  // Of a second of its life.
  double cost_per_second() const { return price / (years * 365.25 * 86400); }
};

// Of a million tokens.
struct ApiPrice {
  std::string name;
  double prompt = 0;
  double cached = 0;  // of a prompt's tokens that the API finds in its cache
  double output = 0;
  std::string source;
  std::string date;  // on which the source said so, YYYY-MM-DD
};

struct PriceList {
  std::string currency = "USD";
  std::optional<HardwarePrice> hardware;
  std::vector<ApiPrice> apis;
};

// corrupt: not of the form above; a price that is negative or beyond 1e12; a date that is none.
Result<PriceList> parse_prices(std::string_view text);
Result<PriceList> read_prices(const std::string& path);

}  // namespace hearth
