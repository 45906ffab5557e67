// Merging: only what the adapter changes differs from its base, and what can't be merged is
// refused.
#include "hearth/convert/adapter_merge.h"

#include <cstring>

#include "hearth/convert/testing.h"
#include "hearth/models/adapters/testing.h"

namespace hearth {
namespace {

// A random adapter for the checkpoint at `base`.
std::string adapter_for(const std::string& base, const std::string& path,
                        const std::vector<std::string>& targets) {
  const auto checkpoint = Checkpoint::open(base);
  CHECK(checkpoint.has_value());
  std::vector<std::string> lines;
  const auto model = make_model(*checkpoint, lines);
  CHECK(model.has_value());
  return test::write_random_adapter(path, **model, {targets, 4, 0.5, 1});
}

QuantizeOptions merging(const std::string& adapter) {
  QuantizeOptions options;
  options.recipe.adapter = adapter;
  options.recipe.as_stored = true;
  return options;
}

TEST(AdapterMerge, KeepsFormatsAndEveryOtherByte) {
  const test::Folder folder;
  const std::string made = test::tiny(folder / "made", "llama", Format::f32);
  const std::string base = test::quantized(made, folder / "base.gguf", "q4_k_m");
  const std::string out = folder / "out.gguf";
  std::vector<std::string> notices;
  QuantizeOptions options = merging(adapter_for(base, folder / "adapter", {"q_proj", "down_proj"}));
  options.notice = [&](const std::string& line) { notices.push_back(line); };
  const auto report = quantize(base, out, options);
  ASSERT_TRUE(report.has_value()) << report.status().message();
  const auto before = Gguf::open(base);
  const auto after = Gguf::open(out);
  ASSERT_TRUE(before.has_value() && after.has_value());
  EXPECT_EQ(*after->get_u32("general.file_type"), *before->get_u32("general.file_type"));
  ASSERT_EQ(after->tensors().size(), before->tensors().size());
  for (const TensorEntry& entry : before->tensors()) {
    SCOPED_TRACE(entry.name);
    const TensorEntry* now = after->find(entry.name);
    ASSERT_NE(now, nullptr);
    ASSERT_EQ(now->bytes, entry.bytes);
    EXPECT_EQ(now->dtype, entry.dtype);
    const bool changed =
        entry.name.ends_with("attn_q.weight") || entry.name.ends_with("_down.weight");
    const int differs =
        std::memcmp(now->tensor.data, entry.tensor.data, static_cast<size_t>(entry.bytes));
    EXPECT_EQ(differs != 0, changed);
  }
  ASSERT_FALSE(notices.empty());
  EXPECT_NE(notices[0].find("quantised already"), notices[0].npos);
}

TEST(AdapterMerge, KeepsTheFloatTypeOfADirectory) {
  const test::Folder folder;
  for (const Format format : {Format::f32, Format::f16, Format::bf16}) {
    const std::string name(format_info(format).name);
    const std::string base = test::tiny(folder / name, "qwen2", format);
    const auto report = quantize(base, folder / (name + "-out"),
                                 merging(adapter_for(base, folder / "adapter", {"v_proj"})));
    ASSERT_TRUE(report.has_value()) << report.status().message();
    for (const TensorReport& tensor : report->tensors) {
      EXPECT_EQ(tensor.format, format) << tensor.name;
    }
  }
}

// Rows of MLA's expansion lie transposed in llama.cpp's arrangement: read column by column.
TEST(AdapterMerge, ChangesMlasExpansionWhereItIsWhole) {
  const test::Folder folder;
  const std::string base = test::tiny(folder / "base", "deepseek_v3", Format::f32);
  const std::string adapter = adapter_for(base, folder / "adapter", {"kv_b_proj"});
  QuantizeOptions options = merging(adapter);
  ASSERT_TRUE(quantize(base, folder / "out", options).has_value());
  ASSERT_TRUE(quantize(base, folder / "out.gguf", options).has_value());
  const auto merged = test::logits_of(folder / "out");
  EXPECT_LE(test::difference(test::logits_of(folder / "out.gguf"), merged), 1e-6);
  EXPECT_GT(test::difference(test::logits_of(base), merged), 1e-3);
  const auto refused =
      quantize(test::quantized(base, folder / "base.gguf", "f32"), folder / "again.gguf", options);
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.status().message().find("two parts"), std::string::npos)
      << refused.status().message();
}

TEST(AdapterMerge, RefusesAnAdapterOfAnotherModel) {
  const test::Folder folder;
  const std::string base = test::tiny(folder / "base", "qwen2", Format::f32);
  const std::string other = test::tiny(folder / "other", "deepseek_v3", Format::f32);
  const std::string adapter = adapter_for(other, folder / "adapter", {"kv_b_proj"});
  for (const char* out : {"out", "out.gguf"}) {
    const auto refused = quantize(base, folder / out, merging(adapter));
    ASSERT_FALSE(refused.has_value());
    EXPECT_NE(refused.status().message().find("no such weight"), std::string::npos);
  }
}

}  // namespace
}  // namespace hearth
