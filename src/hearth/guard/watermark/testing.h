// Texts for the watermark's tests and benchmarks: streams of tokens drawn by a key from synthetic
// distributions whose entropy is stated, without a model.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "hearth/guard/watermark/contexts.h"
#include "hearth/guard/watermark/keyring.h"

namespace hearth::watermark::test {

inline double entropy(std::span<const double> p) {
  double sum = 0;
  for (const double x : p) sum -= x > 0 ? x * std::log(x) : 0;
  return sum;  // nats
}

// `count` probabilities by Zipf's law, sharpened until their entropy is `nats` (below log(count)).
inline std::vector<double> zipf(size_t count, double nats) {
  std::vector<double> p(count);
  double low = 0, high = 64;  // exponents: a larger one is sharper
  for (int round = 0; round < 60; ++round) {
    const double exponent = (low + high) / 2;
    double sum = 0;
    for (size_t i = 0; i < count; ++i) {
      sum += p[i] = std::pow(static_cast<double>(i + 1), -exponent);
    }
    for (double& x : p) x /= sum;
    (entropy(p) > nats ? low : high) = exponent;
  }
  return p;
}

// What a place of a text has to choose from.
struct Choice {
  double share;  // of the places
  std::vector<double> p;
};

// Each place has this entropy.
inline std::vector<Choice> even(double nats) {
  return {{1, zipf(64, nats)}};
}

// Most places leave no choice and few leave two nats, as in code or in arithmetic; this on average.
inline std::vector<Choice> uneven(double nats) {
  return {{1 - nats / 2, {1.0}}, {nats / 2, zipf(64, 2)}};
}

// Word by word by a dictionary: the order stays, no token does.
inline std::vector<int32_t> translate(std::vector<int32_t> tokens) {
  for (int32_t& id : tokens) id ^= 0x4000;
  return tokens;
}

// Of the places of `now` that have `window` tokens before them, the share that has the same token
// behind the same ones in `before`: only there a mark can have stayed.
inline double kept_places(std::span<const int32_t> before, std::span<const int32_t> now,
                          size_t window) {
  std::set<std::vector<int32_t>> known;
  const auto at = [&](std::span<const int32_t> text, size_t i) {
    return std::vector<int32_t>(text.begin() + static_cast<std::ptrdiff_t>(i),
                                text.begin() + static_cast<std::ptrdiff_t>(i + window + 1));
  };
  for (size_t i = 0; i + window < before.size(); ++i) known.insert(at(before, i));
  size_t kept = 0, all = 0;
  for (size_t i = 0; i + window < now.size(); ++i, ++all) kept += known.count(at(now, i));
  return all > 0 ? static_cast<double>(kept) / static_cast<double>(all) : 0;
}

// Writes texts over a vocabulary of `kVocabulary`: at each place other tokens are the likely ones.
class Writer {
 public:
  static constexpr int32_t kVocabulary = 32768;

  explicit Writer(uint32_t seed) : random_(seed) {}

  // Null: unmarked, by the writer's own dice.
  std::vector<int32_t> write(const std::vector<Choice>& choices, size_t tokens,
                             const SourceKeys* keys) {
    return write_each(choices, tokens, keys ? keys->window : kWindowDefault,
                      [&](const Choice& choice, int32_t first, const auto& here) {
                        return keys && here ? race(choice, first, here->under(keys->race))
                                            : roll(choice, first);
                      });
  }

  // With two keys: `guessed` of the places that bear a mark have a guess, drawn from what `choices`
  // say but for a share of `wrong`, which likes other tokens; kept or not as in speculative
  // sampling.
  std::vector<int32_t> write_guessed(const std::vector<Choice>& choices, size_t tokens,
                                     const SourceKeys& keys, double guessed, double wrong) {
    return write_each(choices, tokens, keys.window,
                      [&](const Choice& choice, int32_t first, const auto& here) {
                        if (!here) return roll(choice, first);
                        if (unit() >= guessed) return race(choice, first, here->under(keys.race));
                        return check(choice, first, *here, keys, wrong);
                      });
  }

  // At temperature 0, the logits of green tokens raised by `bias`.
  std::vector<int32_t> write_greedily(const std::vector<Choice>& choices, size_t tokens,
                                      const SourceKeys& keys, double bias) {
    return write_each(choices, tokens, keys.window,
                      [&](const Choice& choice, int32_t first, const auto& here) {
                        return here ? prefer(choice, first, here->under(keys.green), bias) : first;
                      });
  }

  // A share of the places replaced, dropped or given a new token before them, a third each.
  std::vector<int32_t> edit(std::span<const int32_t> tokens, double share) {
    std::vector<int32_t> out;
    for (const int32_t id : tokens) {
      const auto what = unit() < share ? 1 + random_() % 3 : 0;
      if (what != 0 && what != 2) out.push_back(static_cast<int32_t>(random_() % kVocabulary));
      if (what == 0 || what == 3) out.push_back(id);
    }
    return out;
  }

  // As somebody would say it again: in each sentence of `kSentence` tokens the phrases, `phrase`
  // tokens on average, come in any order, and a share `other` of the tokens is another one.
  static constexpr size_t kSentence = 24;
  std::vector<int32_t> paraphrase(std::span<const int32_t> tokens, double phrase, double other) {
    std::vector<int32_t> out;
    for (size_t at = 0; at < tokens.size(); at += kSentence) {
      const auto sentence = tokens.subspan(at, std::min(kSentence, tokens.size() - at));
      std::vector<std::vector<int32_t>> phrases(1);
      for (const int32_t id : sentence) {
        if (!phrases.back().empty() && unit() < 1 / phrase) phrases.emplace_back();
        phrases.back().push_back(id);
      }
      for (size_t i = phrases.size(); i > 1; --i) std::swap(phrases[i - 1], phrases[random_() % i]);
      for (const auto& p : phrases) out.insert(out.end(), p.begin(), p.end());
    }
    for (int32_t& id : out) {
      if (unit() < other) id = static_cast<int32_t>(random_() % kVocabulary);
    }
    return out;
  }

  // Of all guesses so far, those that were kept.
  double kept_share() const { return static_cast<double>(kept_) / static_cast<double>(guesses_); }
  double unit() { return std::uniform_real_distribution<double>()(random_); }

 private:
  // `next(choice, first, here)`: the token of a place; `here` is empty where no mark may stand.
  template <typename Next>
  std::vector<int32_t> write_each(const std::vector<Choice>& choices, size_t tokens, int window,
                                  const Next& next) {
    std::vector<int32_t> out;
    Contexts contexts(window);
    while (out.size() < tokens) {
      const Choice& choice = pick(choices);
      const auto first = static_cast<int32_t>(random_() % kVocabulary);
      out.push_back(next(choice, first, contexts.here()));
      contexts.take(out.back());
    }
    return out;
  }

  const Choice& pick(const std::vector<Choice>& choices) {
    double u = unit();
    for (const Choice& c : choices) {
      if (u < c.share) return c;
      u -= c.share;
    }
    return choices.back();
  }
  static int32_t token(int32_t first, size_t i) {
    return (first + static_cast<int32_t>(i)) % kVocabulary;
  }
  int32_t roll(const Choice& choice, int32_t first) {
    std::discrete_distribution<size_t> dice(choice.p.begin(), choice.p.end());
    return token(first, dice(random_));
  }
  static int32_t race(const Choice& choice, int32_t first, const SipHash& place) {
    double least = std::numeric_limits<double>::infinity();
    int32_t best = first;
    for (size_t i = 0; i < choice.p.size(); ++i) {
      const double time = -std::log(open_unit(number_of(place, token(first, i)))) / choice.p[i];
      if (time >= least) continue;
      least = time;
      best = token(first, i);
    }
    return best;
  }
  int32_t check(const Choice& choice, int32_t first, const Context& here, const SourceKeys& keys,
                double wrong) {
    Choice guess = choice;
    const size_t n = choice.p.size();
    for (size_t i = 0; i < n; ++i) {
      guess.p[i] = (1 - wrong) * choice.p[i] + wrong * choice.p[(i + n / 2) % n];
    }
    const SipHash draft = here.under(*keys.draft);
    const int32_t id = race(guess, first, draft);
    const auto i = static_cast<size_t>((id - first + kVocabulary) % kVocabulary);
    ++guesses_;
    if (open_unit(number_of(draft, -1)) * guess.p[i] < choice.p[i]) {
      ++kept_;
      return id;
    }
    Choice rest = choice;
    for (size_t k = 0; k < n; ++k) rest.p[k] = std::max(choice.p[k] - guess.p[k], 0.0);
    return race(rest, first, here.under(keys.race));
  }
  static int32_t prefer(const Choice& choice, int32_t first, const SipHash& place, double bias) {
    double most = -std::numeric_limits<double>::infinity();
    int32_t best = first;
    for (size_t i = 0; i < choice.p.size(); ++i) {
      const bool green = is_green(number_of(place, token(first, i)));
      const double logit = std::log(choice.p[i]) + (green ? bias : 0);
      if (logit <= most) continue;
      most = logit;
      best = token(first, i);
    }
    return best;
  }

  std::mt19937 random_;
  int64_t guesses_ = 0, kept_ = 0;
};

// Keys of `count` sources, by number; the keys of guesses last, so that the others don't depend on
// them.
inline std::vector<SourceKeys> some_keys(size_t count, uint64_t seed = 1, bool dual_key = false) {
  std::vector<SourceKeys> keys(count);
  std::mt19937_64 random(seed);
  for (size_t i = 0; i < count; ++i) {
    keys[i].source = "test/" + std::to_string(i);
    keys[i].race = {random(), random()};
    keys[i].green = {random(), random()};
  }
  for (size_t i = 0; dual_key && i < count; ++i) keys[i].draft = SipKey{random(), random()};
  return keys;
}

}  // namespace hearth::watermark::test
