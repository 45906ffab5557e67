// Importance matrices: collected on random networks, written and read in both forms of the file,
// and what they do to the quantiser.
#include "hearth/convert/imatrix.h"

#include <cstring>

#include "hearth/convert/collect_imatrix.h"
#include "hearth/convert/testing.h"
#include "hearth/files/gguf/raw_gguf.h"
#include "hearth/formats/codec.h"

namespace hearth {
namespace {

using test::Folder;

struct Opened {
  Checkpoint checkpoint;
  std::unique_ptr<Backend> backend;
  LoadedModel loaded;
};

Opened open_tiny(const std::string& path) {
  auto checkpoint = Checkpoint::open(path);
  CHECK(checkpoint.has_value());
  BackendOptions options;
  options.device = "reference";
  auto backend = make_backend(options);
  CHECK(backend.has_value());
  Opened opened{*std::move(checkpoint), *std::move(backend), {}};
  auto loaded = load_model(opened.checkpoint, *opened.backend, {});
  CHECK(loaded.has_value());
  opened.loaded = *std::move(loaded);
  return opened;
}

std::vector<int32_t> text_of(int64_t tokens) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < tokens; ++i) ids.push_back(static_cast<int32_t>(7 + i * 37 % 250));
  return ids;
}

CollectedImatrix collect(const std::string& path, int64_t window = 40, int64_t tokens = 200) {
  Opened opened = open_tiny(path);
  CollectSettings settings;
  settings.window = window;
  auto collected = collect_imatrix(*opened.loaded.model, *opened.backend, text_of(tokens),
                                   std::nullopt, settings);
  EXPECT_TRUE(collected.has_value()) << collected.status().message();
  collected->dataset = "text.txt";
  return *std::move(collected);
}

class Collected : public testing::TestWithParam<std::string> {};

TEST_P(Collected, SeesEveryMatrixOfTheConvertedFile) {
  const Folder folder;
  const std::string in = test::tiny(folder / "model", GetParam(), Format::f32);
  const CollectedImatrix collected = collect(in);
  EXPECT_EQ(collected.chunks, 5);
  ASSERT_TRUE(write_imatrix(folder / "model.imatrix.gguf", collected).is_ok());
  const auto imatrix = Imatrix::open(folder / "model.imatrix.gguf");
  ASSERT_TRUE(imatrix.has_value()) << imatrix.status().message();
  EXPECT_EQ(imatrix->dataset(), "text.txt");
  EXPECT_EQ(imatrix->chunks(), 5u);
  const auto gguf = Gguf::open(test::quantized(in, folder / "model.gguf", "f32"));
  for (const TensorEntry& entry : gguf->tensors()) {
    const bool matrix = entry.tensor.shape.rank() > 1 &&
                        entry.name.find("ffn_gate_inp") == entry.name.npos &&
                        entry.name != "token_embd.weight";
    if (!matrix) continue;
    const Shape& shape = entry.tensor.shape;
    const auto found = imatrix->find(entry.name, shape.rank() == 3 ? shape[0] : 1, shape.columns());
    ASSERT_TRUE(found.has_value()) << found.status().message();
    ASSERT_TRUE(found->has_value()) << entry.name;
    EXPECT_NE((*found)->of(0), nullptr) << entry.name;
    // One row of numbers for each expert and for each head of MLA: llama.cpp refuses others.
    if (shape.rank() == 3) {
      EXPECT_EQ((*found)->groups, shape[0]) << entry.name;
    }
  }
}

TEST_P(Collected, BothFormsSayTheSame) {
  const Folder folder;
  const CollectedImatrix collected = collect(test::tiny(folder / "model", GetParam(), Format::f32));
  ASSERT_TRUE(write_imatrix(folder / "a.gguf", collected).is_ok());
  ASSERT_TRUE(write_imatrix(folder / "a.dat", collected).is_ok());
  const auto a = Imatrix::open(folder / "a.gguf");
  const auto b = Imatrix::open(folder / "a.dat");
  ASSERT_TRUE(a.has_value() && b.has_value());
  EXPECT_EQ(b->dataset(), "text.txt");
  EXPECT_EQ(b->chunks(), 5u);
  EXPECT_EQ(a->entries().size(), b->entries().size());
  for (const auto& [name, tensor] : collected.tensors) {
    const auto one = a->find(name, tensor.groups, tensor.columns);
    const auto two = b->find(name, tensor.groups, tensor.columns);
    ASSERT_TRUE(one.has_value() && two.has_value() && *one && *two) << name;
    for (int64_t g = 0; g < tensor.groups; ++g) {
      if ((*one)->of(g) == nullptr) continue;  // unseen, which .dat can't say
      for (int64_t c = 0; c < tensor.columns; ++c) {
        ASSERT_NEAR((*one)->of(g)[c], (*two)->of(g)[c], 1e-5 * (*one)->of(g)[c]) << name;
      }
    }
  }
}

TEST_P(Collected, DoesNotChangeTheNetwork) {
  const Folder folder;
  const std::string in = test::tiny(folder / "model", GetParam(), Format::f32);
  const CollectedImatrix once = collect(in, 40, 40);
  const CollectedImatrix twice = collect(in, 40, 80);
  // Two windows of other tokens: sums grow, counts double (but for experts, which are chosen).
  for (const auto& [name, tensor] : once.tensors) {
    const CollectedTensor& other = twice.tensors.at(name);
    if (name.find("_exps") == name.npos) {
      EXPECT_EQ(other.counts[0], 2 * tensor.counts[0]) << name;
    }
    for (size_t i = 0; i < tensor.sums.size(); ++i) ASSERT_GE(other.sums[i], tensor.sums[i]);
  }
}

INSTANTIATE_TEST_SUITE_P(Architectures, Collected, testing::ValuesIn(tiny_architectures()),
                         [](const auto& info) { return info.param; });

TEST(CollectImatrix, CountsWhatTheFirstMatrixIsGiven) {
  // The first norm's output has squares that follow from the embedding alone.
  const Folder folder;
  const std::string in = test::tiny(folder / "model", "qwen3", Format::f32);
  const CollectedImatrix collected = collect(in, 4, 4);
  const Opened opened = open_tiny(in);
  const Tensor embedding = opened.checkpoint.find("model.embed_tokens.weight")->tensor;
  const Tensor norm = opened.checkpoint.find("model.layers.0.input_layernorm.weight")->tensor;
  std::vector<double> expected(static_cast<size_t>(embedding.columns()));
  for (const int32_t id : text_of(4)) {
    double mean = 0;
    const float* row = embedding.f32_row(id);
    for (int64_t c = 0; c < embedding.columns(); ++c) mean += row[c] * static_cast<double>(row[c]);
    mean /= static_cast<double>(embedding.columns());
    for (size_t c = 0; c < expected.size(); ++c) {
      const double x = row[c] / std::sqrt(mean + 1e-6) * norm.f32()[c];
      expected[c] += x * x;
    }
  }
  const CollectedTensor& found = collected.tensors.at("blk.0.attn_q.weight");
  ASSERT_EQ(found.counts, std::vector<int64_t>{4});
  for (size_t c = 0; c < expected.size(); ++c) {
    ASSERT_NEAR(found.sums[c], expected[c], 1e-4 * (1 + expected[c]));
  }
}

// Sum of importance * squared error of a tensor.
double weighted_error(const Tensor& exact, const std::string& file, const std::string& name,
                      const Importance& importance) {
  const auto gguf = Gguf::open(file);
  const Tensor stored = gguf->find(name)->tensor;
  std::vector<float> a(static_cast<size_t>(exact.columns())), b(a.size());
  double sum = 0;
  for (int64_t r = 0; r < exact.rows(); ++r) {
    decode_row(exact, r, 0, exact.columns(), a.data());
    decode_row(stored, r, 0, exact.columns(), b.data());
    for (size_t c = 0; c < a.size(); ++c) {
      sum += importance.of(0)[c] * std::pow(static_cast<double>(a[c]) - b[c], 2);
    }
  }
  return sum;
}

TEST(CollectImatrix, LetsTheQuantiserWeighItsErrors) {
  const Folder folder;
  const std::string in = test::tiny(folder / "model", "qwen2", Format::f32);
  ASSERT_TRUE(write_imatrix(folder / "i.gguf", collect(in)).is_ok());
  const auto imatrix = Imatrix::open(folder / "i.gguf");
  ASSERT_TRUE(imatrix.has_value());
  auto options = test::options_of("q4_k_s");
  options.recipe.importance = &*imatrix;
  options.recipe.importance_file = folder / "i.gguf";
  ASSERT_TRUE(quantize(in, folder / "weighed.gguf", options).has_value());
  test::quantized(in, folder / "plain.gguf", "q4_k_s");
  const auto checkpoint = Checkpoint::open(in);
  const Tensor exact = checkpoint->find("model.layers.1.mlp.down_proj.weight")->tensor;
  const std::string name = "blk.1.ffn_down.weight";
  const auto importance = imatrix->find(name, 1, exact.columns());
  ASSERT_TRUE(importance.has_value() && importance->has_value());
  EXPECT_LT(weighted_error(exact, folder / "weighed.gguf", name, **importance),
            weighted_error(exact, folder / "plain.gguf", name, **importance));
}

TEST(CollectImatrix, TellsUnseenExperts) {
  const Folder folder;
  const std::string in = test::tiny(folder / "model", "deepseek_v3", Format::f32);
  EXPECT_GT(collect(in, 1, 1).experts_unseen, 0);
}

TEST(CollectImatrix, RefusesAShortText) {
  const Folder folder;
  Opened opened = open_tiny(test::tiny(folder / "model", "qwen2", Format::f32));
  const auto short_text = collect_imatrix(*opened.loaded.model, *opened.backend, text_of(10),
                                          std::nullopt, CollectSettings{});
  ASSERT_FALSE(short_text.has_value());
  EXPECT_NE(short_text.status().message().find("512"), std::string::npos);
}

Result<Imatrix> parse(const std::string& bytes, std::vector<uint64_t>& memory) {
  memory.assign(bytes.size() / 8 + 1, 0);  // never empty: memcpy takes no null
  std::memcpy(memory.data(), bytes.data(), bytes.size());
  return Imatrix::parse(std::as_bytes(std::span(memory)).first(bytes.size()));
}

std::string dat_entry(const std::string& name, int32_t calls, const std::vector<float>& values) {
  std::string bytes = raw(static_cast<int32_t>(name.size())) + name + raw(calls) +
                      raw(static_cast<int32_t>(values.size()));
  for (const float v : values) bytes += raw(v);
  return bytes;
}

TEST(Imatrix, ReadsTheOldForm) {
  std::vector<uint64_t> memory;
  const std::string body =
      raw(int32_t{2}) + dat_entry("a", 2, {2, 4}) + dat_entry("blk.0.attn_kv_b.weight", 1, {1, 3});
  const auto old = parse(body, memory);
  ASSERT_TRUE(old.has_value()) << old.status().message();
  EXPECT_EQ((*old->find("a", 1, 2))->values, (std::vector<float>{1, 2}));
  // MLA's values see what the whole matrix sees; one row of numbers serves all heads.
  const auto split = old->find("blk.0.attn_v_b.weight", 4, 2);
  ASSERT_TRUE(split.has_value() && split->has_value());
  EXPECT_EQ((*split)->of(3)[1], 3);
  EXPECT_FALSE(old->find("b", 1, 2)->has_value());
  std::vector<uint64_t> other;
  const auto fresh = parse(body + raw(int32_t{9}) + raw(int32_t{3}) + "t.x", other);
  ASSERT_TRUE(fresh.has_value());
  EXPECT_EQ(fresh->chunks(), 9u);
  EXPECT_EQ(fresh->dataset(), "t.x");
}

// llama.cpp measures the split-off values of MLA head by head: the whole matrix takes their mean.
TEST(Imatrix, ServesTheWholeMatrixFromItsHeads) {
  std::vector<uint64_t> memory;
  const auto heads =
      parse(raw(int32_t{1}) + dat_entry("blk.0.attn_v_b.weight", 1, {1, 3, 5, 9}), memory);
  ASSERT_TRUE(heads.has_value()) << heads.status().message();
  EXPECT_EQ((*heads->find("blk.0.attn_v_b.weight", 2, 2))->values,
            (std::vector<float>{1, 3, 5, 9}));
  const auto whole = heads->find("blk.0.attn_kv_b.weight", 1, 2);
  ASSERT_TRUE(whole.has_value() && whole->has_value());
  EXPECT_EQ((*whole)->groups, 1);
  EXPECT_EQ((*whole)->values, (std::vector<float>{3, 6}));
  EXPECT_FALSE(heads->find("blk.0.attn_kv_b.weight", 1, 3).has_value());
}

TEST(Imatrix, RefusesWhatIsWrong) {
  std::vector<uint64_t> memory;
  const std::string good = raw(int32_t{1}) + dat_entry("a", 2, {2, 4});
  for (size_t end = 0; end < good.size(); ++end) {
    EXPECT_FALSE(parse(good.substr(0, end), memory).has_value()) << end;
  }
  EXPECT_FALSE(
      parse(raw(int32_t{2}) + dat_entry("a", 2, {2}) + dat_entry("a", 2, {2}), memory).has_value());
  EXPECT_FALSE(parse(raw(int32_t{1}) + dat_entry("a", 0, {2}), memory).has_value());
  const auto size = parse(good, memory)->find("a", 1, 3);
  ASSERT_FALSE(size.has_value());
  EXPECT_NE(size.status().message().find("expected 3 numbers, found 2"), std::string::npos);
  for (const float wrong : {-1.0f, std::nanf(""), INFINITY}) {
    std::vector<uint64_t> held;
    const auto imatrix = parse(raw(int32_t{1}) + dat_entry("a", 1, {1, wrong}), held);
    ASSERT_TRUE(imatrix.has_value());
    EXPECT_FALSE(imatrix->find("a", 1, 2).has_value());
  }
  const Folder folder;
  const std::string model = test::tiny(folder / "model.gguf", "qwen2", Format::f32);
  const auto other = Imatrix::open(model);
  ASSERT_FALSE(other.has_value());
  EXPECT_NE(other.status().message().find("`general.type`: expected imatrix, found model"),
            std::string::npos);
}

}  // namespace
}  // namespace hearth
