// See detector.h.
#include "hearth/guard/watermark/detector.h"

#include <boost/math/special_functions/beta.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>
#include <vector>

#include "hearth/base/check.h"
#include "hearth/guard/watermark/contexts.h"

namespace hearth::watermark {
namespace {

namespace policies = boost::math::policies;

// Arguments are in the domain by construction; a tail too small for a double is 0. No exceptions.
using Quiet = policies::policy<policies::domain_error<policies::ignore_error>,
                               policies::pole_error<policies::ignore_error>,
                               policies::overflow_error<policies::ignore_error>,
                               policies::evaluation_error<policies::ignore_error>>;

struct Place {
  Context context;
  int32_t token;
};

std::vector<Place> marked_places(std::span<const int32_t> tokens, int window) {
  std::vector<Place> places;
  Contexts contexts(window);
  for (const int32_t token : tokens) {
    if (contexts.here()) places.push_back({*contexts.here(), token});
    contexts.take(token);
  }
  return places;
}

double race_test(std::span<const Place> places, const SipKey& key) {
  double sum = 0;
  for (const Place& place : places) {
    sum -= std::log1p(-open_unit(number_of(place.context.under(key), place.token)));
  }
  return race_p_value(static_cast<int64_t>(places.size()), sum);
}

double green_test(std::span<const Place> places, const SipKey& key) {
  int64_t greens = 0;
  for (const Place& place : places) {
    greens += is_green(number_of(place.context.under(key), place.token)) ? 1 : 0;
  }
  return green_p_value(static_cast<int64_t>(places.size()), greens);
}

}  // namespace

std::string_view scheme_name(Scheme scheme) {
  return scheme == Scheme::race ? "race" : "green";
}

double race_p_value(int64_t places, double sum) {
  if (places == 0) return 1;
  return boost::math::gamma_q(static_cast<double>(places), sum, Quiet());
}

double green_p_value(int64_t places, int64_t greens) {
  if (greens == 0) return 1;
  const auto k = static_cast<double>(greens);
  return boost::math::ibeta(k, static_cast<double>(places) - k + 1, 0.5, Quiet());
}

double sidak(double p_value, int64_t tests) {
  return -std::expm1(static_cast<double>(tests) * std::log1p(-p_value));
}

double p_value(std::span<const int32_t> tokens, const SourceKeys& keys, Scheme scheme) {
  const std::vector<Place> places = marked_places(tokens, keys.window);
  return scheme == Scheme::race ? race_test(places, keys.race) : green_test(places, keys.green);
}

Detection detect(std::span<const int32_t> tokens, std::span<const SourceKeys> sources) {
  CHECK(!sources.empty());
  const std::vector<Place> places = marked_places(tokens, sources[0].window);
  Detection best;
  best.tokens_scored = static_cast<int64_t>(places.size());
  best.source = sources[0].source;
  const auto weigh = [&](double p_value, const SourceKeys& keys, Scheme scheme) {
    if (p_value >= best.p_value) return;
    best.p_value = p_value;
    best.source = keys.source;
    best.scheme = scheme;
  };
  for (const SourceKeys& keys : sources) {
    CHECK_EQ(keys.window, sources[0].window);
    weigh(race_test(places, keys.race), keys, Scheme::race);
    weigh(green_test(places, keys.green), keys, Scheme::green);
  }
  best.p_value = sidak(best.p_value, 2 * static_cast<int64_t>(sources.size()));
  return best;
}

}  // namespace hearth::watermark
