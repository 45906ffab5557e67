// See prices.h.
#include "hearth/host/cost/prices.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "hearth/base/mapped_file.h"
#include "hearth/files/json.h"
#include "hearth/files/outside_bytes.h"

namespace hearth {
namespace {

constexpr int64_t kFileBytesMax = 1 << 20;
constexpr double kMost = 1e12;
constexpr size_t kNameBytesMax = 200;

Result<std::string> read_name(const Json& object, std::string_view key) {
  TRY_ASSIGN(std::string name, json_string(object, key));
  if (!name.empty() && name.size() <= kNameBytesMax) return name;
  return error(Code::corrupt, "`{}`: expected 1 to {} bytes, found {}", key, kNameBytesMax,
               name.size());
}

bool is_date(std::string_view text) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
  for (const size_t i : std::initializer_list<size_t>{0, 1, 2, 3, 5, 6, 8, 9}) {
    if (!digit(text[i])) return false;
  }
  const int month = (text[5] - '0') * 10 + text[6] - '0';
  const int day = (text[8] - '0') * 10 + text[9] - '0';
  return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

Result<HardwarePrice> read_hardware(const Json& object) {
  HardwarePrice out;
  TRY_ASSIGN(out.name, read_name(object, "name"));
  TRY_ASSIGN(out.price, json_number(object, "price", 0, kMost));
  TRY_ASSIGN(out.years, json_number(object, "years", 0.01, 100));
  TRY_ASSIGN(out.watts, json_number(object, "watts", 0, 1e6));
  TRY_ASSIGN(out.idle_watts, json_number_or(object, "idle_watts", 0, 0, 1e6));
  TRY_ASSIGN(out.electricity_per_kwh, json_number(object, "electricity_per_kwh", 0, kMost));
  return out;
}

Result<ApiPrice> read_api(const Json& object) {
  ApiPrice out;
  TRY_ASSIGN(out.name, read_name(object, "name"));
  TRY_ASSIGN(out.prompt, json_number(object, "prompt", 0, kMost));
  TRY_ASSIGN(out.cached, json_number_or(object, "cached", out.prompt, 0, kMost));
  TRY_ASSIGN(out.output, json_number(object, "output", 0, kMost));
  TRY_ASSIGN(out.source, read_name(object, "source"));
  TRY_ASSIGN(out.date, json_string(object, "date"));
  if (is_date(out.date)) return out;
  return error(Code::corrupt, "`date`: expected YYYY-MM-DD, found `{}`", excerpt(out.date));
}

}  // namespace

Result<PriceList> parse_prices(std::string_view text) {
  JsonLimits limits;
  limits.bytes_max = kFileBytesMax;
  limits.refuse_duplicates = true;
  TRY_ASSIGN(const Json json, parse_json(text, limits));
  if (!json.is_object()) return error(Code::corrupt, "expected an object of prices");
  PriceList out;
  TRY_ASSIGN(out.currency, read_name(json, "currency"));
  if (json_find(json, "hardware")) {
    TRY_ASSIGN(const Json* hardware, json_object(json, "hardware"));
    auto read = read_hardware(*hardware);
    if (!read) return std::move(read).status().at("`hardware`");
    out.hardware = *std::move(read);
  }
  if (!json_find(json, "apis")) return out;
  TRY_ASSIGN(const Json* apis, json_array(json, "apis"));
  for (const Json& api : *apis) {
    const auto place = fmt::format("`apis` {}", out.apis.size());
    if (!api.is_object()) return error(Code::corrupt, "{}: expected an object", place);
    auto read = read_api(api);
    if (!read) return std::move(read).status().at(place);
    out.apis.push_back(*std::move(read));
  }
  return out;
}

Result<PriceList> read_prices(const std::string& path) {
  TRY_ASSIGN(const std::string text, read_file(path, kFileBytesMax));
  auto prices = parse_prices(text);
  if (!prices) return std::move(prices).status().at(path);
  return prices;
}

}  // namespace hearth
