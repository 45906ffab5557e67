// Prices as users write them, and the comparison against sums that can be done on paper.
#include <gtest/gtest.h>

#include "hearth/host/cost/call_cost.h"

namespace hearth {
namespace {

// 3,652.5 days: one unit of currency a day and 1/24 an hour.
const HardwarePrice kBox{"box", 3652.5, 10, 100, 0, 0.36};
const ApiPrice kApi{"api", 1, 0.5, 2, "https://example.org", "2026-01-31"};

TEST(CallCost, AsOnPaper) {
  // A second for the prompt, nine for the output: 1,000 J, which are 0.0001 at 0.36 a kWh.
  const Comparison c = compare(kBox, kApi, {1000, 0, 900}, {1000, 100, 1, {}}, {{}, 24});
  EXPECT_DOUBLE_EQ(c.seconds, 10);
  EXPECT_DOUBLE_EQ(c.latency_seconds, 10);
  EXPECT_DOUBLE_EQ(c.joules, 1000);
  EXPECT_NEAR(c.energy_cost, 0.0001, 1e-12);
  EXPECT_DOUBLE_EQ(c.calls_per_day, 8640);
  EXPECT_NEAR(c.hardware_cost, 1.0 / 8640, 1e-12);
  EXPECT_NEAR(c.api_cost, 0.0028, 1e-12);
  EXPECT_NEAR(*c.break_even_calls, 3652.5 / 0.0027, 1e-3);
  EXPECT_NEAR(*c.break_even_months, 3652.5 / 0.0027 / 8640 / 30.4375, 1e-9);
}

TEST(CallCost, CachedTokensCostTheirOwnPriceAndNoTime) {
  const Comparison c = compare(kBox, kApi, {1000, 1000, 0}, {1000, 100, 1, {}}, {10, 24});
  EXPECT_DOUBLE_EQ(c.seconds, 0);
  EXPECT_NEAR(c.api_cost, 0.0005, 1e-12);
}

TEST(CallCost, ABatchSharesTheMachineAndWaitsLonger) {
  const Comparison c = compare(kBox, kApi, {0, 0, 800}, {1000, 100, 8, {}}, {});
  EXPECT_DOUBLE_EQ(c.seconds, 8);
  EXPECT_DOUBLE_EQ(c.latency_seconds, 64);
}

TEST(CallCost, MeasuredJoulesGoBeforeConfiguredWatts) {
  const Comparison c = compare(kBox, kApi, {0, 0, 100}, {1000, 100, 1, 0.5}, {});
  EXPECT_DOUBLE_EQ(c.joules, 50);
}

TEST(CallCost, AnIdleMachineIsPaidByItsCalls) {
  HardwarePrice idle = kBox;
  idle.idle_watts = 50;
  const Comparison c = compare(idle, kApi, {0, 0, 100}, {1000, 100, 1, {}}, {1, 24});
  EXPECT_NEAR(c.idle_cost, 50 * (86400 - 1) / 3.6e6 * 0.36, 1e-9);
  EXPECT_FALSE(c.break_even_calls.has_value());  // its electricity costs more than the API
  EXPECT_GT(c.hardware_cost, 0.9);
}

TEST(CallCost, SaysWhenTheMachineIsTooSlow) {
  const Comparison c = compare(kBox, kApi, {0, 0, 100}, {1000, 1, 1, {}}, {8640, 24});
  EXPECT_DOUBLE_EQ(c.load, 10);
}

TEST(Prices, ReadWhatUsersWrite) {
  const auto prices = parse_prices(
      R"({"currency": "EUR", "hardware": {"name": "x", "price": 1, "years": 2, "watts": 3,
          "electricity_per_kwh": 0.4},
          "apis": [{"name": "a", "prompt": 1, "output": 2, "source": "s",
                    "date": "2026-02-28"}]})");
  ASSERT_TRUE(prices.has_value()) << prices.status().message();
  EXPECT_EQ(prices->currency, "EUR");
  EXPECT_EQ(prices->hardware->years, 2);
  EXPECT_EQ(prices->hardware->idle_watts, 0);
  EXPECT_EQ(prices->apis[0].cached, 1);  // an API without a cache's price asks the whole
}

TEST(Prices, RefuseTheRestInOneLine) {
  const std::pair<const char*, const char*> bad[] = {
      {"[]", "expected an object"},
      {"{}", "`currency`"},
      {R"({"currency": "USD", "apis": [3]})", "`apis` 0"},
      {R"({"currency": "USD", "apis": [{"name": "a"}]})", "`prompt`"},
      {R"({"currency": "USD", "apis": [{"name": "a", "prompt": -1, "output": 1, "source": "s",
           "date": "2026-01-01"}]})",
       "`prompt`"},
      {R"({"currency": "USD", "apis": [{"name": "a", "prompt": 1, "output": 1, "source": "s",
           "date": "yesterday"}]})",
       "YYYY-MM-DD"},
      {R"({"currency": "USD", "hardware": {"name": "x", "price": 1, "years": 0, "watts": 3,
           "electricity_per_kwh": 0.4}})",
       "`years`"},
  };
  for (const auto& [text, words] : bad) {
    const auto prices = parse_prices(text);
    EXPECT_EQ(prices.status().code(), Code::corrupt) << text;
    EXPECT_NE(prices.status().message().find(words), std::string::npos)
        << prices.status().message();
  }
}

TEST(Prices, TheBundledListIsWhole) {
  const auto prices = read_prices(HEARTH_SOURCE_DIR "/assets/prices.json");
  ASSERT_TRUE(prices.has_value()) << prices.status().message();
  EXPECT_GE(prices->apis.size(), 3u);
  EXPECT_FALSE(prices->hardware.has_value());  // nobody knows the user's
  for (const ApiPrice& api : prices->apis) {
    EXPECT_TRUE(api.source.starts_with("https://")) << api.name;
    EXPECT_LE(api.cached, api.prompt) << api.name;
    EXPECT_GT(api.output, 0) << api.name;
  }
}

}  // namespace
}  // namespace hearth
