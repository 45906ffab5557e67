// Gradients and five AdamW steps against PyTorch's, with PEFT's adapters and with every weight
// (tools/golden/training.py): the same starts, relative to the largest number of a tensor.
#include "golden_run.h"
#include "hearth/backend/reference/reference_backend.h"
#include "hearth/train/adamw.h"
#include "hearth/train/network.h"

namespace hearth::train {
namespace {

constexpr int64_t kLearnedFrom = 12;
constexpr double kRelative = 1e-4;

struct Case {
  std::string name;
  std::vector<std::string> targets;
};

class GoldenTraining : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    const std::string& name = GetParam().name;
    opened_ = golden::open_model(golden::kDirectory + "/" + name, backend_);
    ASSERT_NE(opened_, nullptr);
    auto file = Safetensors::open(golden::kDirectory + "/training/" + name + ".safetensors");
    ASSERT_TRUE(file.has_value()) << file.status().message();
    file_ = *std::move(file);
    auto compute = Compute::create(2, "");
    ASSERT_TRUE(compute.has_value());
    compute_ = *std::move(compute);
    batch_.tokens = golden::ids_of(file_, "input_ids");
    for (auto t = static_cast<size_t>(kLearnedFrom); t < batch_.tokens.size(); ++t) {
      batch_.rows.push_back(static_cast<int64_t>(t) - 1);
      batch_.targets.push_back(batch_.tokens[t]);
    }
    batch_.documents = {{0, static_cast<int64_t>(batch_.tokens.size())}};
  }

  void build(const NetworkOptions& options) {
    auto network = Network<float>::build(*opened_->loaded.model, options);
    ASSERT_TRUE(network.has_value()) << network.status().message();
    network_ = *std::move(network);
  }

  std::span<const float> values(const std::string& name) const {
    const TensorEntry* entry = file_.find(name);
    EXPECT_NE(entry, nullptr) << name;
    if (!entry) return {};
    return {reinterpret_cast<const float*>(entry->tensor.data),
            static_cast<size_t>(entry->tensor.shape.elements())};
  }

  // The first of `found` against the whole of the golden tensor, which `scale` measures.
  void expect_near(const std::vector<float>& found, const std::string& name, double scale) const {
    const std::span<const float> expected = values(name);
    ASSERT_LE(expected.size(), found.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      ASSERT_NEAR(found[i], expected[i], kRelative * scale) << name << "[" << i << "]";
    }
  }

  static double largest(std::span<const float> v) {
    double top = 0;
    for (const float x : v) top = std::max(top, std::abs(static_cast<double>(x)));
    return top;
  }

  double accumulate() {
    network_->clear_gradients();
    const double weight = 1 / static_cast<double>(batch_.targets.size());
    return sum_of(network_->accumulate(*compute_, batch_, {weight, 1})) * weight;
  }

  void expect_losses(AdamW& optimizer, double rate, const std::string& name) {
    for (const float expected : values(name)) {
      EXPECT_NEAR(accumulate(), expected, kRelative * expected);
      optimizer.step(*compute_, rate);
    }
  }

  ReferenceBackend backend_{Activation::f32};
  std::unique_ptr<golden::Opened> opened_;
  Safetensors file_;
  std::unique_ptr<Compute> compute_;
  TokenBatch batch_;
  std::unique_ptr<Network<float>> network_;
};

TEST_P(GoldenTraining, AdaptersLearnAsInPeft) {
  NetworkOptions options;
  auto targets = choose_targets(*opened_->loaded.model, GetParam().targets);
  ASSERT_TRUE(targets.has_value()) << targets.status().message();
  options.adapter = AdapterSpec{*std::move(targets), 4, 8, 0};
  build(options);
  for (Parameter<float>* p : network_->learned()) {
    const std::span<const float> start = values("adapter.start." + p->name);
    ASSERT_EQ(start.size(), p->value.size()) << p->name;
    p->value.assign(start.begin(), start.end());
  }
  accumulate();
  for (const Parameter<float>* p : network_->learned()) {
    const std::string name = "adapter.gradient." + p->name;
    expect_near(p->gradient, name, largest(values(name)));
  }
  AdamWOptions adamw;
  adamw.clip = 0;
  AdamW optimizer(network_->learned(), adamw);
  expect_losses(optimizer, 1e-2, "adapter.losses");
  for (const Parameter<float>* p : network_->learned()) {
    const std::string name = "adapter.end." + p->name;
    expect_near(p->value, name, largest(values(name)));
  }
}

TEST_P(GoldenTraining, EveryWeightLearnsAsInPyTorch) {
  build({});
  accumulate();
  for (const Parameter<float>* p : network_->learned()) {
    const double norm = values("full.norm." + p->name)[0];
    expect_near(p->gradient, "full.gradient." + p->name, norm);
    double squares = 0;
    for (const float g : p->gradient) squares += static_cast<double>(g) * g;
    EXPECT_NEAR(std::sqrt(squares), norm, kRelative * norm + 1e-12) << p->name;
  }
  AdamWOptions adamw;
  adamw.weight_decay = 0.1;
  AdamW optimizer(network_->learned(), adamw);
  expect_losses(optimizer, 1e-3, "full.losses");
  for (const Parameter<float>* p : network_->learned()) {
    const std::string name = "full.end." + p->name;
    expect_near(p->value, name, largest(values(name)));
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, GoldenTraining,
                         ::testing::Values(Case{"llama", {"q_proj", "v_proj", "down_proj"}},
                                           Case{"qwen2", {"q_proj", "v_proj", "down_proj"}},
                                           Case{"qwen3", {"q_proj", "v_proj", "o_proj"}},
                                           Case{"deepseek_v2", {"q_proj", "kv_b_proj"}},
                                           Case{"deepseek_v3", {"q_b_proj", "kv_b_proj", "o_proj"}},
                                           Case{"deepseek_v3_qnull",
                                                {"q_proj", "kv_a_proj_with_mqa"}}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace hearth::train
