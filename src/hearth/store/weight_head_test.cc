// The head of any beginning of a file of weights, and heads that align what follows them.
#include "hearth/store/weight_head.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "hearth/files/gguf/gguf_parser.h"
#include "hearth/files/gguf/raw_gguf.h"
#include "hearth/files/safetensors/safetensors.h"
#include "hearth/files/safetensors/safetensors_writer.h"

namespace hearth::store {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::string safetensors_file() {
  const std::vector<SafetensorsDeclaration> tensors = {{"a", "F32", {3, 5}}, {"b", "BF16", {7}}};
  int64_t bytes = 0;
  auto head = encode_safetensors_header(tensors, {{"format", "pt"}}, &bytes);
  EXPECT_TRUE(head);
  return *head + std::string(static_cast<size_t>(bytes), '\7');
}

// With `more` spaces at the end of its head.
std::string with_spaces(std::string file, size_t more) {
  const auto head = static_cast<size_t>(safetensors_head_bytes(bytes_of(file)));
  file.insert(head, more, ' ');
  const uint64_t length = head - 8 + more;
  return file.replace(0, 8, raw(length));
}

TEST(WeightHead, OfSafetensorsIsSaidByEightBytes) {
  const std::string file = safetensors_file();
  const int64_t head = safetensors_head_bytes(bytes_of(file));
  EXPECT_EQ(head, std::ssize(file) - 3 * 5 * 4 - 7 * 2);
  for (size_t n = 8; n < file.size(); ++n) {
    EXPECT_EQ(safetensors_head_bytes(bytes_of(file).first(n)), head);
  }
  for (size_t n = 0; n < 8; ++n) EXPECT_EQ(safetensors_head_bytes(bytes_of(file).first(n)), 8);
  for (const uint64_t lie : {uint64_t{1} << 39, ~uint64_t{0}, uint64_t{100'000'001}}) {
    EXPECT_EQ(safetensors_head_bytes(bytes_of(raw(lie) + "{}")), 8);
  }
}

TEST(WeightHead, OfSafetensorsIsAlignedWhateverItsLength) {
  for (size_t more = 0; more < 130; ++more) {
    const std::string file = with_spaces(safetensors_file(), more);
    const auto head = static_cast<size_t>(safetensors_head_bytes(bytes_of(file)));
    const std::string aligned = aligned_safetensors_head(file.substr(0, head));
    EXPECT_EQ(aligned.size() % 64, 0u);
    EXPECT_LT(aligned.size() - head, 64u);
    const std::string outline = aligned + file.substr(head);
    const auto read = Safetensors::parse(bytes_of(outline));
    ASSERT_TRUE(read) << read.status().message();
    EXPECT_EQ(read->find("a")->bytes, 60);
    EXPECT_EQ(read->find("b")->bytes, 14);
  }
}

TEST(WeightHead, WhatIsNoWholeHeadStaysAsItIs) {
  for (const std::string& text : {std::string(), std::string("GGUF"), raw(uint64_t{9}) + "{}",
                                  raw(uint64_t{1}) + "{}", raw(~uint64_t{0})}) {
    EXPECT_EQ(aligned_safetensors_head(text), text);
  }
}

// Whatever was fetched first, the places that it leads to end at the head's true end.
TEST(WeightHead, OfGgufIsFoundFromAnyBeginning) {
  RawGguf raw_file;
  raw_file.values.push_back(
      raw_array("tokens", GgufType::string, 3, raw_text("one") + raw_text("") + raw_text("three")));
  raw_file.values.push_back(raw_value("n", GgufType::u32, raw(uint32_t{7})));
  const std::string file = raw_file.encode();
  const int64_t head = gguf_head_bytes(bytes_of(file));
  EXPECT_GT(head, 100);
  EXPECT_LE(head, std::ssize(file) - 32);
  for (int64_t have = 0; have <= std::ssize(file); ++have) {
    int64_t known = have;
    for (int steps = 0;; ++steps) {
      ASSERT_LT(steps, 100);
      std::string outline = file.substr(0, static_cast<size_t>(known));
      outline.resize(file.size());
      const int64_t needed = gguf_head_bytes(bytes_of(outline));
      if (needed <= known) break;
      known = needed;
    }
    // Less than four bytes are refused as no GGUF, from what is there.
    EXPECT_TRUE(known >= head || have < 4) << have;
  }
}

}  // namespace
}  // namespace hearth::store
