// See detector.h.
#include "hearth/guard/watermark/detector.h"

#include <array>
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

}  // namespace

std::string_view scheme_name(Scheme scheme) {
  switch (scheme) {
    case Scheme::race:
      return "race";
    case Scheme::green:
      return "green";
    case Scheme::draft:
      return "draft";
    case Scheme::both:
      return "both";
  }
  return "unknown";
}

std::span<const Scheme> schemes_of(const SourceKeys& keys) {
  static constexpr std::array kAll = {Scheme::race, Scheme::green, Scheme::draft, Scheme::both};
  return keys.draft ? std::span(kAll) : std::span(kAll).first(2);
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

ExaminedText::ExaminedText(std::span<const int32_t> tokens, int window) {
  Contexts contexts(window);
  for (const int32_t token : tokens) {
    if (contexts.here()) places_.push_back({*contexts.here(), token});
    contexts.take(token);
  }
}

double ExaminedText::race_sum(const SipKey& key) const {
  double sum = 0;
  for (const Place& place : places_) {
    sum -= std::log1p(-open_unit(number_of(place.context.under(key), place.token)));
  }
  return sum;
}

int64_t ExaminedText::greens(const SipKey& key) const {
  int64_t count = 0;
  for (const Place& place : places_) {
    count += is_green(number_of(place.context.under(key), place.token)) ? 1 : 0;
  }
  return count;
}

double ExaminedText::p_value(const SourceKeys& keys, Scheme scheme) const {
  CHECK(scheme == Scheme::race || scheme == Scheme::green || keys.draft);
  switch (scheme) {
    case Scheme::race:
      return race_p_value(places(), race_sum(keys.race));
    case Scheme::green:
      return green_p_value(places(), greens(keys.green));
    case Scheme::draft:
      return race_p_value(places(), race_sum(*keys.draft));
    case Scheme::both:
      return race_p_value(2 * places(), race_sum(keys.race) + race_sum(*keys.draft));
  }
  return 1;
}

std::array<double, kSchemes> ExaminedText::p_values(const SourceKeys& keys) const {
  std::array<double, kSchemes> out;
  out.fill(1);
  const auto of = [&](Scheme scheme) -> double& { return out[static_cast<size_t>(scheme)]; };
  const double race = race_sum(keys.race);
  of(Scheme::race) = race_p_value(places(), race);
  of(Scheme::green) = green_p_value(places(), greens(keys.green));
  if (!keys.draft) return out;
  const double draft = race_sum(*keys.draft);
  of(Scheme::draft) = race_p_value(places(), draft);
  of(Scheme::both) = race_p_value(2 * places(), race + draft);
  return out;
}

Detection detect(std::span<const int32_t> tokens, std::span<const SourceKeys> sources) {
  CHECK(!sources.empty());
  const ExaminedText text(tokens, sources[0].window);
  Detection best;
  best.tokens_scored = text.places();
  best.source = sources[0].source;
  int64_t tests = 0;
  for (const SourceKeys& keys : sources) {
    CHECK_EQ(keys.window, sources[0].window);
    const std::array<double, kSchemes> p_values = text.p_values(keys);
    for (const Scheme scheme : schemes_of(keys)) {
      ++tests;
      const double p_value = p_values[static_cast<size_t>(scheme)];
      if (p_value >= best.p_value) continue;
      best.p_value = p_value;
      best.source = keys.source;
      best.scheme = scheme;
    }
  }
  best.p_value = sidak(best.p_value, tests);
  return best;
}

}  // namespace hearth::watermark
