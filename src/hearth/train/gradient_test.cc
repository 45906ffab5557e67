// Every gradient against finite differences of the loss, in double, for tiny networks of every
// architecture; and the float network against the double one.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numeric>

#include "hearth/train/random.h"
#include "hearth/train/testing.h"

namespace hearth::train {
namespace {

using testing::adapter_options;
using testing::fill_adapters;
using testing::make_batch;
using testing::make_compute;
using testing::make_network;
using testing::small_config;
using testing::SmallModel;

constexpr size_t kLargest = 20;
constexpr size_t kRandom = 20;
constexpr double kTolerance = 1e-6;

// The elements to look at: the largest gradients and some at random.
std::vector<size_t> chosen_elements(const Parameter<double>& p) {
  std::vector<size_t> order(p.value.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::vector<size_t> out = order;
  const size_t largest = std::min(kLargest, order.size());
  std::partial_sort(
      out.begin(), out.begin() + static_cast<std::ptrdiff_t>(largest), out.end(),
      [&](size_t a, size_t b) { return std::abs(p.gradient[a]) > std::abs(p.gradient[b]); });
  out.resize(largest);
  for (size_t i = 0; i < kRandom; ++i) {
    out.push_back(random_bits(random_key(1, p.name), i) % order.size());
  }
  return out;
}

// The derivative by differences of fourth order. A step that moves a token to another expert is
// told by a derivative that changes with the step, and is not looked at.
struct Difference {
  double value;
  bool smooth;
};

Difference difference(const std::function<double()>& objective, double& at) {
  const double before = at;
  const auto slope = [&](double step) {
    at = before + step;
    const double up = objective();
    at = before - step;
    const double down = objective();
    at = before;
    return (up - down) / (2 * step);
  };
  constexpr double kStep = 4e-4;
  const double wide = slope(2 * kStep);
  const double narrow = slope(kStep);
  const double value = (4 * narrow - wide) / 3;
  return {value, std::abs(wide - narrow) < 1e-3 * (1 + std::abs(value))};
}

// What the gradient is the gradient of: the losses, or what rewarded replies are held to.
double objective_of(const TokenBatch& batch, const PassWeights& weights,
                    const std::vector<double>& losses) {
  if (batch.advantages.empty()) return weights.target * sum_of(losses);
  double sum = 0;
  for (size_t i = 0; i < losses.size(); ++i) {
    const double ratio = losses[i] - batch.base_losses[i];  // log of p_base / p
    sum += batch.advantages[i] * losses[i] + weights.kl * (std::exp(ratio) - ratio - 1);
  }
  return weights.target * sum;
}

void expect_gradients(Network<double>& network, const TokenBatch& batch, PassWeights weights = {}) {
  const auto c = make_compute(1);
  network.accumulate(*c, batch, weights);
  const auto objective = [&] { return objective_of(batch, weights, network.losses(*c, batch)); };
  for (Parameter<double>* p : network.learned()) {
    double scale = 0;
    for (const double g : p->gradient) scale = std::max(scale, std::abs(g));
    EXPECT_GT(scale, 0) << p->name;
    size_t rough = 0;
    const std::vector<size_t> elements = chosen_elements(*p);
    for (const size_t i : elements) {
      const Difference d = difference(objective, p->value[i]);
      rough += d.smooth ? 0 : 1;
      if (!d.smooth) continue;
      EXPECT_NEAR(p->gradient[i], d.value, kTolerance * scale) << p->name << "[" << i << "]";
    }
    EXPECT_LT(rough, elements.size() / 2) << p->name;
  }
}

struct Case {
  std::string name, architecture;
  bool q_lora;
};

class Gradients : public ::testing::TestWithParam<Case> {
 protected:
  Json config() const { return small_config(GetParam().architecture, GetParam().q_lora); }
};

TEST_P(Gradients, OfEveryWeightAreThoseOfFiniteDifferences) {
  SmallModel small(config());
  const auto network = make_network<double>(small.model(), {});
  expect_gradients(*network, make_batch({5, 9}));
}

TEST_P(Gradients, OfAdaptersOverAQuantisedBaseAreThoseOfFiniteDifferences) {
  SmallModel small(config(), Format::q8_0);
  const NetworkOptions options = adapter_options(
      small.model(), {"q_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"});
  const auto network = make_network<double>(small.model(), options);
  fill_adapters(*network);
  expect_gradients(*network, make_batch({5, 9}));
}

TEST_P(Gradients, OfRewardedRepliesAreThoseOfFiniteDifferences) {
  SmallModel small(config());
  const NetworkOptions options = adapter_options(small.model(), {"q_proj", "v_proj", "o_proj"});
  const auto network = make_network<double>(small.model(), options);
  TokenBatch batch = make_batch({5, 9});
  const auto c = make_compute(1);
  const std::vector<double> base = network->losses(*c, batch);  // B is zero
  EXPECT_EQ(network->base_losses(*c, batch), base);
  fill_adapters(*network);
  EXPECT_NE(network->losses(*c, batch), base);
  EXPECT_EQ(network->base_losses(*c, batch), base);
  batch.base_losses = base;
  for (size_t i = 0; i < base.size(); ++i) {
    batch.advantages.push_back(static_cast<double>(i % 5) - 1.5);
  }
  expect_gradients(*network, batch, {.target = 0.3, .token = 0, .kl = 0.7});
}

TEST_P(Gradients, InFloatAreThoseInDouble) {
  SmallModel small(config());
  const auto wide = make_network<double>(small.model(), {});
  const auto narrow = make_network<float>(small.model(), {});
  const TokenBatch batch = make_batch({70, 33, 1, 2});
  const auto c = make_compute();
  const double exact = sum_of(wide->accumulate(*c, batch, {}));
  EXPECT_NEAR(sum_of(narrow->accumulate(*c, batch, {})), exact, 1e-5 * exact);
  for (size_t p = 0; p < wide->learned().size(); ++p) {
    const Parameter<double>& a = *wide->learned()[p];
    const Parameter<float>& b = *narrow->learned()[p];
    double scale = 0;
    for (const double g : a.gradient) scale = std::max(scale, std::abs(g));
    for (size_t i = 0; i < a.gradient.size(); ++i) {
      ASSERT_NEAR(a.gradient[i], b.gradient[i], 1e-4 * scale) << a.name << "[" << i << "]";
    }
  }
}

TEST_P(Gradients, AreTheSameBitsWithAndWithoutCheckpoints) {
  SmallModel small(config());
  NetworkOptions keep;
  keep.checkpoints = false;
  const auto again = make_network<float>(small.model(), {});
  const auto kept = make_network<float>(small.model(), keep);
  const TokenBatch batch = make_batch({40, 70});
  const auto two = make_compute(2);
  const auto one = make_compute(1);
  EXPECT_EQ(again->accumulate(*two, batch, {}), kept->accumulate(*one, batch, {}));
  for (size_t p = 0; p < kept->learned().size(); ++p) {
    EXPECT_EQ(again->learned()[p]->gradient, kept->learned()[p]->gradient)
        << kept->learned()[p]->name;
  }
}

TEST_P(Gradients, OfDocumentsInOnePassAreTheSumOfTheirOwn) {
  SmallModel small(config());
  const auto packed = make_network<double>(small.model(), {});
  const auto apart = make_network<double>(small.model(), {});
  const auto c = make_compute();
  const double together = sum_of(packed->accumulate(*c, make_batch({11, 6}), {}));
  TokenBatch both = make_batch({11, 6});
  double sum = 0;
  for (const Document& d : both.documents) {
    TokenBatch one;
    one.tokens.assign(both.tokens.begin() + d.begin, both.tokens.begin() + d.begin + d.rows);
    one.documents = {{0, d.rows}};
    for (size_t i = 0; i < both.rows.size(); ++i) {
      if (both.rows[i] < d.begin || both.rows[i] >= d.begin + d.rows) continue;
      one.rows.push_back(both.rows[i] - d.begin);
      one.targets.push_back(both.targets[i]);
    }
    sum += sum_of(apart->accumulate(*c, one, {}));
  }
  EXPECT_NEAR(together, sum, 1e-9);
  for (size_t p = 0; p < packed->learned().size(); ++p) {
    const auto& a = packed->learned()[p]->gradient;
    const auto& b = apart->learned()[p]->gradient;
    for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 1e-9);
  }
}

INSTANTIATE_TEST_SUITE_P(Architectures, Gradients,
                         ::testing::Values(Case{"llama", "llama", false},
                                           Case{"qwen2", "qwen2", false},
                                           Case{"qwen3", "qwen3", false},
                                           Case{"deepseek_v2", "deepseek_v2", false},
                                           Case{"deepseek_v3", "deepseek_v3", true},
                                           Case{"deepseek_v3_no_q_lora", "deepseek_v3", false}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace hearth::train
