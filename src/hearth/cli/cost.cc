// hearth cost: what a call costs on this machine beside paid APIs, from measured speeds and the
// prices of a file or of flags.
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "hearth/base/mapped_file.h"
#include "hearth/cli/model_options.h"
#include "hearth/cli/verb.h"
#include "hearth/files/json.h"
#include "hearth/host/cost/call_cost.h"

namespace hearth::cli {
namespace {

constexpr int64_t kBenchBytesMax = 16 << 20;
constexpr double kMost = 1e12;

struct Options {
  std::string prices;
  std::optional<double> price, years, watts, idle_watts, electricity;
  CallShape call;
  Usage24h usage;
  std::string bench;
  double prompt_tok_s = 0;
  double tok_s = 0;
  double batch = 1;
  bool csv = false;
};

struct Compared {
  std::string currency;
  HardwarePrice hardware;
  MeasuredSpeed speed;
  std::vector<ApiPrice> apis;
  std::vector<Comparison> results;  // one an API
};

// The longest prompt's line and the last generating one of `hearth bench --json`.
Result<MeasuredSpeed> read_bench(const std::string& path) {
  TRY_ASSIGN(const std::string text, read_file(path, kBenchBytesMax));
  MeasuredSpeed speed;
  std::istringstream lines(text);
  int64_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.empty()) continue;
    auto parsed = parse_json(line);
    if (!parsed) return std::move(parsed).status().at(fmt::format("{}: line {}", path, number));
    const Json& test = *parsed;
    TRY_ASSIGN(const double tok_s, json_number(test, "tok_s", 1e-9, kMost));
    TRY_ASSIGN(const int64_t prompt, json_int_or(test, "prompt", 0, 0, 1 << 30));
    if (prompt > 0) {
      speed.prompt_tok_s = tok_s;
      continue;
    }
    speed.output_tok_s = tok_s;
    TRY_ASSIGN(const int64_t batch, json_int_or(test, "batch", 1, 1, 1 << 20));
    speed.batch = static_cast<double>(batch);
    speed.joules_per_output_token.reset();
    TRY_ASSIGN(const double joules, json_number_or(test, "joules_per_token", 0, 0, kMost));
    if (joules > 0) speed.joules_per_output_token = joules;
  }
  return speed;
}

Result<MeasuredSpeed> speed_of(const Options& options) {
  MeasuredSpeed speed;
  if (!options.bench.empty()) {
    TRY_ASSIGN(speed, read_bench(options.bench));
  }
  if (options.prompt_tok_s > 0) speed.prompt_tok_s = options.prompt_tok_s;
  if (options.tok_s > 0) {
    speed.output_tok_s = options.tok_s;
    speed.batch = options.batch;
    speed.joules_per_output_token.reset();
  }
  if (speed.prompt_tok_s > 0 && speed.output_tok_s > 0) return speed;
  return error(
      Code::invalid,
      "expected the speed of this machine: --bench FILE (lines of `hearth bench --json`, a "
      "prompt's and a generating one), or --prompt-tok-s and --tok-s");
}

// Flags go before the file.
HardwarePrice hardware_of(const Options& options, const PriceList& prices) {
  HardwarePrice out = prices.hardware.value_or(HardwarePrice{.name = "this machine"});
  out.price = options.price.value_or(out.price);
  out.years = options.years.value_or(out.years);
  out.watts = options.watts.value_or(out.watts);
  out.idle_watts = options.idle_watts.value_or(out.idle_watts);
  out.electricity_per_kwh = options.electricity.value_or(out.electricity_per_kwh);
  return out;
}

Result<Compared> compare_all(const Options& options, const Session& session) {
  Compared out;
  TRY_ASSIGN(PriceList prices,
             read_prices(options.prices.empty() ? bundled_prices(session) : options.prices));
  if (prices.apis.empty() && !options.prices.empty()) {  // a file with the machine's price alone
    TRY_ASSIGN(PriceList bundled, read_prices(bundled_prices(session)));
    if (bundled.currency != prices.currency) {
      return error(Code::invalid,
                   "{}: expected `apis` with prices in {}: those that come with "
                   "Hearth are in {}",
                   options.prices, prices.currency, bundled.currency);
    }
    prices.apis = std::move(bundled.apis);
  }
  if (options.call.cached > options.call.prompt) {
    return error(Code::invalid, "--cached-tokens: expected at most the prompt's {}, found {}",
                 options.call.prompt, options.call.cached);
  }
  out.currency = prices.currency;
  out.hardware = hardware_of(options, prices);
  TRY_ASSIGN(out.speed, speed_of(options));
  if (out.hardware.watts == 0 && !out.speed.joules_per_output_token) {
    return error(Code::invalid,
                 "expected --watts, the machine's power while it computes: the "
                 "bench file has no measured energy");
  }
  const bool whole_prompt_cached = options.call.cached >= options.call.prompt;
  if (out.hardware.watts == 0 && !whole_prompt_cached) {
    return error(Code::invalid,
                 "expected --watts, the machine's power while it computes: prompts are counted by "
                 "it");
  }
  out.apis = std::move(prices.apis);
  for (const ApiPrice& api : out.apis) {
    out.results.push_back(compare(out.hardware, api, options.call, out.speed, options.usage));
  }
  if (!out.apis.empty()) return out;
  return error(Code::invalid, "{}: expected at least one entry in `apis`", options.prices);
}

std::string_view energy_source(const Compared& c) {
  return c.speed.joules_per_output_token ? "rapl" : "configured";
}

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

Json to_json(const Compared& c) {
  Json apis = Json::array();
  for (size_t i = 0; i < c.apis.size(); ++i) {
    const ApiPrice& api = c.apis[i];
    const Comparison& result = c.results[i];
    apis.push_back({{"name", api.name},
                    {"cost_per_call", result.api_cost},
                    {"break_even_calls", or_null(result.break_even_calls)},
                    {"break_even_months", or_null(result.break_even_months)},
                    {"prompt", api.prompt},
                    {"cached", api.cached},
                    {"output", api.output},
                    {"source", api.source},
                    {"date", api.date}});
  }
  const Comparison& here = c.results[0];
  return {{"currency", c.currency},
          {"cost_per_call", here.cost()},
          {"api_cost_per_call", here.api_cost},
          {"joules", here.joules},
          {"break_even_calls", or_null(here.break_even_calls)},
          {"break_even_months", or_null(here.break_even_months)},
          {"energy_cost_per_call", here.energy_cost},
          {"idle_cost_per_call", here.idle_cost},
          {"hardware_cost_per_call", here.hardware_cost},
          {"energy_source", energy_source(c)},
          {"latency_seconds", here.latency_seconds},
          {"first_token_seconds", here.first_token_seconds},
          {"calls_per_day", here.calls_per_day},
          {"load", here.load},
          {"apis", apis}};
}

void print_csv(const Compared& c) {
  fmt::print(
      "where,cost_per_call,currency,latency_seconds,joules,energy_source,break_even_calls,"
      "break_even_months,source,date\n");
  const Comparison& here = c.results[0];
  fmt::print("here,{:.8g},{},{:.4g},{:.6g},{},,,,\n", here.cost(), c.currency, here.latency_seconds,
             here.joules, energy_source(c));
  const auto number = [](const std::optional<double>& value) {
    return value ? fmt::format("{:.6g}", *value) : std::string();
  };
  const auto quoted = [](const std::string& text) {
    std::string out(1, '"');
    for (const char ch : text) out.append(ch == '"' ? 2 : 1, ch);
    return out + '"';
  };
  for (size_t i = 0; i < c.apis.size(); ++i) {
    fmt::print("{},{:.8g},{},,,,{},{},{},{}\n", quoted(c.apis[i].name), c.results[i].api_cost,
               c.currency, number(c.results[i].break_even_calls),
               number(c.results[i].break_even_months), quoted(c.apis[i].source), c.apis[i].date);
  }
}

std::string break_even_text(const Compared& c, const Comparison& result, const Session& session) {
  if (!result.break_even_months) return std::string(session.say("never", "永不"));
  const double months = *result.break_even_months;
  if (months > 12 * c.hardware.years) {
    return session.chinese ? fmt::format("{:.0f} 个月（超过使用年限）", months)
                           : fmt::format("month {:.0f}, after its life", months);
  }
  return session.chinese ? fmt::format("第 {:.0f} 个月", std::ceil(months))
                         : fmt::format("month {:.0f}", std::ceil(months));
}

void print_table(const Compared& c, const Session& session) {
  const Comparison& here = c.results[0];
  fmt::print("{}: {:.6f} {} {} ({} {:.6f}, {} {:.6f}, {} {:.6f})\n", session.say("here", "本机"),
             here.cost(), c.currency, session.say("a call", "每次调用"),
             session.say("energy", "能耗"), here.energy_cost, session.say("idle", "空闲"),
             here.idle_cost, session.say("hardware", "硬件"), here.hardware_cost);
  fmt::print("{}: {:.0f} J ({})\n", session.say("energy of a call", "每次调用能耗"), here.joules,
             c.speed.joules_per_output_token
                 ? session.say("output measured by RAPL", "输出部分由 RAPL 实测")
                 : session.say("from the configured watts", "按配置的功率估算"));
  fmt::print("{}: {:.1f} s, {} {:.1f} s\n", session.say("latency", "延迟"), here.latency_seconds,
             session.say("first token after", "首词元"), here.first_token_seconds);
  fmt::print("{}: {:.0f}, {:.0f} %\n", session.say("calls a day, load", "每日调用，负载"),
             here.calls_per_day, 100 * here.load);
  if (here.load > 1) {
    fmt::print(stderr, "note: {}\n",
               session.say("more calls than this machine can answer", "调用数超出本机能力"));
  }
  fmt::print("\n{:>14}  {:<28}{:<12}{}\n", session.say("a call", "每次调用"),
             session.say("break-even", "回本"), session.say("prices of", "价格日期"),
             session.say("API", "接口"));
  for (size_t i = 0; i < c.apis.size(); ++i) {
    fmt::print("{:>14.6f}  {:<28}{:<12}{}\n", c.results[i].api_cost,
               break_even_text(c, c.results[i], session), c.apis[i].date, c.apis[i].name);
  }
}

// What has no price counts nothing; that is said where nobody asked for it.
void note_unpriced(const Options& options, const HardwarePrice& here, const Session& session) {
  const auto note = [&](std::string_view english, std::string_view chinese) {
    fmt::print(stderr, "note: {}\n", session.say(english, chinese));
  };
  if (!options.price && here.price == 0) {
    note("the machine counts nothing: give its price with --price",
         "未计入硬件成本：请用 --price 给出机器价格");
  }
  if (!options.electricity && here.electricity_per_kwh == 0) {
    note("energy counts nothing: give the price of a kWh with --electricity",
         "未计入电费：请用 --electricity 给出每千瓦时的电价");
  }
}

Status cost(const Options& options, const Session& session) {
  TRY_ASSIGN(const Compared compared, compare_all(options, session));
  note_unpriced(options, compared.hardware, session);
  if (session.json) {
    fmt::print("{}\n", to_json(compared).dump(-1, ' ', false, Json::error_handler_t::replace));
  } else if (options.csv) {
    print_csv(compared);
  } else {
    print_table(compared, session);
  }
  return Status::ok();
}

void declare_machine(CLI::App& verb, Options& options) {
  const auto number = [&](const char* flag, auto& value, double least, const char* what) {
    verb.add_option(flag, value, what)->check(CLI::Range(least, kMost));
  };
  number("--price", options.price, 0, "of the machine, in the currency of the prices");
  number("--years", options.years, 0.01, "that it is used; 4 unless said");
  number("--watts", options.watts, 0, "that it takes while it computes, at the wall");
  number("--idle-watts", options.idle_watts, 0, "that it takes while it waits; 0");
  number("--electricity", options.electricity, 0, "price of a kWh");
  number("--prompt-tok-s", options.prompt_tok_s, 0, "prompt tokens a second");
  number("--tok-s", options.tok_s, 0, "generated tokens a second, all sequences together");
  number("--batch", options.batch, 1, "sequences that reach --tok-s together; 1");
  verb.add_option("--bench", options.bench,
                  "file of lines of `hearth bench --json`, in their place");
}

}  // namespace

void add_cost(CLI::App& app, Session& session) {
  auto options = std::make_shared<Options>();
  CLI::App* verb =
      add_verb(app, session, "cost",
               std::string(session.say("Compare a call's cost here with paid APIs",
                                       "比较本机调用与付费接口的成本")),
               "hearth cost --bench bench.jsonl --price 2000 --watts 200 --electricity 0.30",
               [options, &session] { return cost(*options, session); });
  verb->add_option(
      "--prices", options->prices,
      "JSON file of the machine's price and the APIs'; else those that come with Hearth");
  declare_machine(*verb, *options);
  const auto tokens = [&](const char* flag, double& value, const char* what) {
    verb->add_option(flag, value, what)->check(CLI::Range(0.0, 1e9))->capture_default_str();
  };
  tokens("--prompt-tokens", options->call.prompt, "of a call");
  tokens("--cached-tokens", options->call.cached, "of these, found in a cache, here and there");
  tokens("--output-tokens", options->call.output, "of a call, thoughts included");
  verb->add_option("--calls-per-day", options->usage.calls_per_day,
                   "else as many as the machine can answer")
      ->check(CLI::Range(1e-6, 1e12));
  verb->add_option("--hours-per-day", options->usage.hours_per_day, "that it answers in that case")
      ->check(CLI::Range(0.01, 24.0))
      ->capture_default_str();
  verb->add_flag("--csv", options->csv, "comma-separated values, with a header");
  add_language(*verb, session);
}

}  // namespace hearth::cli
