// The watermark without a model: key files, which places bear a mark, and the detector's promises,
// held to their own statistics: how often it cries wolf, what it finds, and what edits cost.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <cmath>
#include <set>

#include "hearth/files/atomic_file.h"
#include "hearth/guard/watermark/detector.h"
#include "hearth/guard/watermark/policy.h"
#include "hearth/guard/watermark/testing.h"

namespace hearth::watermark {
namespace {

using namespace watermark::test;

constexpr std::string_view kFile =
    R"({"format":"hearth-watermark-1","secret":)"
    R"("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f","window":4,)"
    R"("sources":["clinic/r1","clinic/r1:letters"]})";

std::string replaced(std::string_view from, std::string_view to) {
  std::string file(kFile);
  const size_t at = file.find(from);
  CHECK(at != file.npos);
  return file.replace(at, from.size(), to);
}

TEST(Keyring, KeepsItsKeysThroughAFile) {
  const auto ring = Keyring::make({"clinic/r1", "clinic/r1:letters"}, 3);
  ASSERT_TRUE(ring.has_value());
  const auto again = Keyring::parse(ring->to_json());
  ASSERT_TRUE(again.has_value()) << again.status().message();
  EXPECT_EQ(again->id(), ring->id());
  EXPECT_EQ(again->sources(), ring->sources());
  EXPECT_EQ(again->derive("clinic/r1").window, 3);
  EXPECT_EQ(again->derive("clinic/r1").race, ring->derive("clinic/r1").race);
}

// Files of today must be readable tomorrow: HMAC-SHA256, worked out by Python's hmac.
TEST(Keyring, DerivesWhatTheFormatSays) {
  const auto ring = Keyring::parse(kFile);
  ASSERT_TRUE(ring.has_value());
  EXPECT_EQ(ring->id(), "f3195b91f2cdb698");
  const SourceKeys keys = ring->derive("clinic/r1");
  EXPECT_EQ(keys.race, (SipKey{0x4B1403001A7E9FC4u, 0xE58B83232FD30494u}));
  EXPECT_EQ(keys.green, (SipKey{0x1FF2C478EF1B3843u, 0xAA180BD9E98AD54u}));
}

// The others stay as they are: a file that is given two keys still finds what it marked before.
TEST(Keyring, GuessesHaveAKeyWhereTheFileSaysSo) {
  EXPECT_FALSE(Keyring::parse(kFile)->derive("clinic/r1").draft);
  const auto ring = Keyring::parse(replaced("\"window\":4", "\"window\":4,\"dual_key\":true"));
  ASSERT_TRUE(ring.has_value()) << ring.status().message();
  const SourceKeys keys = ring->derive("clinic/r1");
  EXPECT_EQ(keys.race, Keyring::parse(kFile)->derive("clinic/r1").race);
  EXPECT_EQ(keys.draft, (SipKey{0x5C88A3EAB82E7ECDu, 0x945F65E1D9DBB89u}));
  EXPECT_NE(keys.draft, ring->derive("clinic/r1:letters").draft);
  const auto made = Keyring::make({"a/b"}, 4, true);
  EXPECT_EQ(Keyring::parse(made->to_json())->derive("a/b").draft, made->derive("a/b").draft);
  EXPECT_FALSE(Keyring::parse(replaced("\"window\":4", "\"window\":4,\"dual_key\":1")));
}

TEST(Keyring, SourcesHaveDifferentKeys) {
  const auto ring = Keyring::parse(kFile);
  std::set<std::pair<uint64_t, uint64_t>> seen;
  for (int i = 0; i < 1000; ++i) {
    const SourceKeys keys = ring->derive("a/" + std::to_string(i));
    seen.emplace(keys.race.low, keys.race.high);
    seen.emplace(keys.green.low, keys.green.high);
  }
  EXPECT_EQ(seen.size(), 2000u);
  EXPECT_NE(Keyring::make({"a/b"}, 4)->id(), Keyring::make({"a/b"}, 4)->id());
}

TEST(Keyring, AWrongFileIsRefusedAndItsSecretNotTold) {
  const auto why = [](const std::string& file) {
    const auto ring = Keyring::parse(file);
    EXPECT_FALSE(ring.has_value()) << file;
    return ring ? std::string() : ring.status().message();
  };
  EXPECT_NE(why(replaced("hearth-watermark-1", "x")).find("`format`"), std::string::npos);
  EXPECT_NE(why(replaced("\"window\":4", "\"window\":9")).find("`window`"), std::string::npos);
  EXPECT_NE(why(replaced("clinic/r1:letters", "clinic/r1")).find("twice"), std::string::npos);
  EXPECT_NE(why(replaced("clinic/r1:letters", "clinic")).find("ORGANISATION/"), std::string::npos);
  EXPECT_NE(why(replaced("\"clinic/r1\",", "7,")).find("texts"), std::string::npos);
  const std::string secret = why(replaced("1e1f", "1e1g"));
  EXPECT_NE(secret.find("`secret`"), std::string::npos);
  EXPECT_EQ(secret.find("1e1g"), std::string::npos);
  for (const char* source : {"", "/", "a/", "/b", "a/b:", "a b/c", "a/\n", "a/:x"}) {
    EXPECT_FALSE(check_source(source).is_ok()) << source;
  }
  for (const char* source : {"a/b", "a/b:c", "诊所/r1", "a/b/c"}) {
    EXPECT_TRUE(check_source(source).is_ok()) << source;
  }
}

class PolicyTest : public testing::Test {
 protected:
  PolicyTest() {
    path_ = testing::TempDir() + "hearth_watermark_policy.json";
    CHECK(write_whole(path_, kFile).is_ok());
  }
  Result<Policy> open(const std::string& mode, const std::string& greedy = "bias",
                      const std::string& source = "") {
    return Policy::open({mode, path_, source, greedy, false});
  }
  std::string path_;
};

TEST_F(PolicyTest, RequireNeverLetsAnUnmarkedAnswerOut) {
  for (const char* greedy : {"bias", "refuse"}) {
    const auto policy = open("require", greedy);
    ASSERT_TRUE(policy.has_value());
    for (const bool is_greedy : {false, true}) {
      for (const char* adapter : {"", "letters", "other"}) {
        const auto mark = policy->mark(is_greedy, adapter);
        EXPECT_TRUE(!mark || mark->has_value());
        EXPECT_EQ(mark.has_value(), !is_greedy || std::string(greedy) == "bias");
      }
    }
  }
  EXPECT_FALSE(open("require", "leave").has_value());
  EXPECT_FALSE(Policy::open({"require", "", "", "bias", false}).has_value());
  EXPECT_FALSE(Policy::open({"require", path_ + ".none", "", "bias", false}).has_value());
  EXPECT_FALSE(open("maybe").has_value());
}

TEST_F(PolicyTest, AnAnswerBearsTheMostPreciseSourceThatIsListed) {
  const auto policy = open("on");
  EXPECT_EQ((*policy->mark(false, "letters"))->keys.source, "clinic/r1:letters");
  EXPECT_EQ((*policy->mark(false, "other"))->keys.source, "clinic/r1");
  EXPECT_EQ((*policy->mark(false, ""))->keys.source, "clinic/r1");
  EXPECT_FALSE(open("on", "bias", "clinic/r2").has_value());
  EXPECT_FALSE(open("on", "leave")->mark(true, "")->has_value());
  EXPECT_FALSE(Policy().mark(false, "")->has_value());
}

TEST(Contexts, APlaceBearsAMarkTheFirstTimeItsContextComes) {
  Contexts contexts(2);
  const std::vector<int32_t> text = {1, 2, 3, 1, 2, 4, 1, 2, 3};
  std::vector<bool> found;
  for (const int32_t id : text) {
    found.push_back(contexts.here().has_value());
    contexts.take(id);
  }
  EXPECT_EQ(found, (std::vector<bool>{false, false, true, true, true, false, true, true, false}));
  contexts.clear();
  EXPECT_FALSE(contexts.here().has_value());
  contexts.take(1);
  contexts.take(2);
  EXPECT_TRUE(contexts.here().has_value()) << "cleared, it has seen nothing";
}

TEST(Contexts, RememberLongTexts) {
  Contexts contexts(1);
  for (int round = 0; round < 2; ++round) {
    for (int32_t id = 0; id < 100000; ++id) {
      contexts.take(id);
      ASSERT_EQ(contexts.here().has_value(), round == 0) << id;
    }
  }
}

// Against exact sums of the two laws.
TEST(Detector, TailsAreTheLaws) {
  for (const int64_t n : {1, 2, 7, 30}) {
    for (const double s : {0.1, 1.0, 8.0, 40.0}) {
      double term = 1, sum = 0;  // Gamma(n): the chance of fewer than n arrivals by s
      for (int64_t k = 0; k < n; ++k, term *= s / static_cast<double>(k)) sum += term;
      EXPECT_NEAR(race_p_value(n, s) / (std::exp(-s) * sum), 1, 1e-9) << n << " " << s;
    }
    double ways = 1, above = 0;
    for (int64_t k = n; k >= 0; --k) {
      above += ways;
      EXPECT_NEAR(green_p_value(n, k) / (above * std::pow(0.5, n)), 1, 1e-9) << n << " " << k;
      ways *= static_cast<double>(k) / static_cast<double>(n - k + 1);
    }
  }
  EXPECT_EQ(race_p_value(0, 0), 1);
  EXPECT_EQ(green_p_value(0, 0), 1);
  EXPECT_NEAR(sidak(1e-12, 1000), 1e-9, 1e-14);
}

// Worked out together they are the same to the last bit, and what a source can't have marked by
// says nothing.
TEST(Detector, AllSchemesAtOnceAreEachAlone) {
  Writer writer(17);
  for (const bool dual_key : {false, true}) {
    const auto keys = some_keys(20, 5, dual_key);
    for (const size_t length : {size_t{3}, size_t{40}, size_t{300}}) {
      const ExaminedText text(writer.write(even(1), length, &keys[0]), kWindowDefault);
      for (const SourceKeys& k : keys) {
        std::array<double, kSchemes> alone;
        alone.fill(1);
        for (const Scheme s : schemes_of(k)) alone[static_cast<size_t>(s)] = text.p_value(k, s);
        EXPECT_EQ(text.p_values(k), alone);
      }
    }
  }
}

TEST(Detector, ATextTooShortSaysNothing) {
  const auto keys = some_keys(2);
  for (const size_t length : {size_t{0}, size_t{1}, size_t{4}}) {
    const Detection found = detect(std::vector<int32_t>(length, 7), keys);
    EXPECT_EQ(found.tokens_scored, 0);
    EXPECT_EQ(found.p_value, 1);
  }
}

// Texts that repeat themselves, as real ones do: 300 of them under 100 keys each.
std::vector<double> null_p_values(Scheme scheme) {
  Writer writer(11);
  const auto keys = some_keys(100, 7, true);
  std::vector<double> out;
  for (int t = 0; t < 300; ++t) {
    std::vector<int32_t> text = writer.write(even(1), 120, nullptr);
    for (int32_t& id : text) id %= 40;
    const std::vector<int32_t> copy = text;
    text.insert(text.end(), copy.begin(), copy.end());
    const ExaminedText examined(text, kWindowDefault);
    for (const SourceKeys& k : keys) out.push_back(examined.p_value(k, scheme));
  }
  return out;
}

// Kolmogorov and Smirnov: the largest distance between the p-values and a uniform law, which passes
// 1.95 / sqrt(n) once in a thousand such tests.
TEST(Detector, PValuesOfUnmarkedTextsAreUniform) {
  for (const Scheme scheme : {Scheme::race, Scheme::draft, Scheme::both}) {
    std::vector<double> p = null_p_values(scheme);
    std::ranges::sort(p);
    const auto n = static_cast<double>(p.size());
    double distance = 0;
    for (size_t i = 0; i < p.size(); ++i) {
      const auto rank = static_cast<double>(i);
      distance = std::max({distance, p[i] - rank / n, (rank + 1) / n - p[i]});
    }
    EXPECT_LT(distance * std::sqrt(n), 1.95) << scheme_name(scheme);
  }
}

// The middle of how often `trials` texts may be accused at the level `alpha`; `tail`: what is left
// out at each end.
std::pair<double, double> band(double trials, double alpha, double tail = 0.005) {
  const boost::math::binomial_distribution<double> law(trials, alpha);
  return {quantile(law, tail), quantile(complement(law, tail))};
}

TEST(Detector, FalsePositivesAreAsManyAsPromised) {
  for (const Scheme scheme : {Scheme::race, Scheme::green, Scheme::draft, Scheme::both}) {
    const std::vector<double> values = null_p_values(scheme);
    for (const double alpha : {1e-1, 1e-2, 1e-3}) {
      const auto below = [&](double p) { return p <= alpha; };
      // Ten of them: together 99 %.
      const auto [low, high] = band(static_cast<double>(values.size()), alpha, 5e-4);
      const auto found = static_cast<double>(std::ranges::count_if(values, below));
      EXPECT_LE(found, high) << scheme_name(scheme) << " " << alpha;
      if (scheme == Scheme::green) continue;  // counts come in steps: never more than promised
      EXPECT_GE(found, low) << scheme_name(scheme) << " " << alpha;
    }
  }
}

// The correction for many sources holds for the whole answer, too; with two keys the sums of a
// source go together, so that it takes more than it must.
TEST(Detector, ManySourcesCryWolfNoMoreThanOne) {
  for (const bool dual_key : {false, true}) {
    Writer writer(5);
    int accused = 0;
    constexpr int kTexts = 1500;
    for (int t = 0; t < kTexts; ++t) {
      const auto keys = some_keys(16, static_cast<uint64_t>(100 + t), dual_key);
      accused += detect(writer.write(even(2), 60, nullptr), keys).p_value <= 0.05 ? 1 : 0;
    }
    EXPECT_LE(accused, band(kTexts, 0.05).second);
    EXPECT_GE(accused, band(kTexts, 0.03).first) << "the correction takes too much";
  }
}

double found_share(const std::vector<Choice>& choices, size_t tokens, double edits, double alpha) {
  Writer writer(9);
  int found = 0;
  constexpr int kTexts = 500;
  for (int t = 0; t < kTexts; ++t) {
    const SourceKeys keys = some_keys(1, static_cast<uint64_t>(t))[0];
    std::vector<int32_t> text = writer.write(choices, tokens + 4, &keys);
    if (edits > 0) text = writer.edit(text, edits);
    found += ExaminedText(text, keys.window).p_value(keys, Scheme::race) <= alpha ? 1 : 0;
  }
  return found / static_cast<double>(kTexts);
}

// The promise of 99 %, less three deviations of so many texts.
constexpr double kNinetyNine = 0.976;

TEST(Detector, FindsTwoHundredTokensOfHalfANat) {
  EXPECT_GE(found_share(even(0.5), 200, 0, 1e-2), kNinetyNine);
  EXPECT_GE(found_share(uneven(0.5), 200, 0, 1e-2), kNinetyNine);
  EXPECT_GE(found_share(even(1), 100, 0, 1e-3), kNinetyNine);
}

TEST(Detector, EditsWeakenAndDontBreakIt) {
  EXPECT_GE(found_share(even(1), 200, 0.1, 1e-2), kNinetyNine);
  EXPECT_GE(found_share(even(1), 600, 0.2, 1e-2), kNinetyNine);
  EXPECT_GE(found_share(even(1), 900, 0.3, 1e-2), 0.9);
}

// What stays of a mark is what stays of the order of the words; where nothing does, the detector
// says no more than of a text that nobody marked.
TEST(Detector, ParaphrasesWeakenItAndTranslationsLeaveNothing) {
  Writer writer(23);
  constexpr int kTexts = 400;
  int retold = 0, scrambled = 0, translated = 0;
  for (int t = 0; t < kTexts; ++t) {
    const SourceKeys keys = some_keys(1, static_cast<uint64_t>(t))[0];
    const std::vector<int32_t> text = writer.write(even(1), 404, &keys);
    const auto found = [&](const std::vector<int32_t>& now) {
      return ExaminedText(now, keys.window).p_value(keys, Scheme::race) <= 1e-2 ? 1 : 0;
    };
    const std::vector<int32_t> loosely = writer.paraphrase(text, 12, 0);
    EXPECT_EQ(loosely.size(), text.size());
    retold += found(loosely);
    const std::vector<int32_t> closely = writer.paraphrase(text, 1, 0);
    EXPECT_LT(kept_places(text, closely, 4), kept_places(text, loosely, 4));
    scrambled += found(closely);
    EXPECT_EQ(kept_places(text, translate(text), 4), 0);
    translated += found(translate(text));
  }
  EXPECT_GE(retold, kNinetyNine * kTexts);
  const double chance = band(kTexts, 1e-2, 5e-4).second;
  EXPECT_LE(scrambled, chance);
  EXPECT_LE(translated, chance);
}

// Two keys need more text: each token is evidence under one of them, and noise under the other.
TEST(Detector, FindsAnswersWithGuessesByTwoKeys) {
  for (const double wrong : {0.1, 0.5}) {
    Writer writer(13);
    int found = 0;
    constexpr int kTexts = 300;
    for (int t = 0; t < kTexts; ++t) {
      const auto keys = some_keys(1, static_cast<uint64_t>(t), true);
      const auto text = writer.write_guessed(even(1), 304, keys[0], 0.75, wrong);
      found += detect(text, keys).p_value <= 1e-3 ? 1 : 0;
    }
    EXPECT_GE(found, kNinetyNine * kTexts) << wrong;
    EXPECT_NEAR(writer.kept_share(), 1 - wrong, 0.1) << "of guesses";
  }
}

TEST(Detector, NamesTheSource) {
  const auto keys = some_keys(256, 3);
  Writer writer(21);
  int right = 0;
  for (size_t t = 0; t < 100; ++t) {
    const SourceKeys& wrote = keys[t * 2];
    const Detection found = detect(writer.write(even(0.5), 500, &wrote), keys);
    right += found.source == wrote.source && found.p_value < 1e-3 ? 1 : 0;
  }
  EXPECT_GE(right, 98);
}

}  // namespace
}  // namespace hearth::watermark
