// What the writer writes, the reader reads, for random files too; tensors are always aligned.
#include "hearth/files/safetensors/safetensors.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <random>

#include "hearth/files/safetensors/safetensors_writer.h"

namespace hearth {
namespace {

std::string temp(const std::string& name) {
  return testing::TempDir() + name;
}

std::span<const std::byte> as_span(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

TEST(Safetensors, TypesHaveFormats) {
  EXPECT_EQ(safetensors_type("BF16")->format, Format::bf16);
  EXPECT_EQ(safetensors_type("F8_E4M3")->format, Format::f8_e4m3);
  EXPECT_EQ(safetensors_type("F8_E5M2")->format, std::nullopt);
  EXPECT_EQ(safetensors_type("nothing"), nullptr);
  EXPECT_EQ(safetensors_type_name(Format::f16), "F16");
  EXPECT_EQ(safetensors_type_name(Format::q4_k), std::nullopt);
}

TEST(Safetensors, ReadsWhatIsThere) {
  const std::vector<SafetensorsDeclaration> tensors = {
      {"scalar", "F32", {}}, {"matrix", "BF16", {2, 3}}, {"ids", "I64", {1}}, {"none", "F32", {0}}};
  const std::string path = temp("small.safetensors");
  auto writer = SafetensorsWriter::create(path, tensors, {{"format", "pt"}, {"note", "\"\n"}});
  ASSERT_TRUE(writer.has_value()) << writer.status().message();
  ASSERT_TRUE(writer->write(as_span("0123456789abcdef76543210")).is_ok());
  ASSERT_TRUE(writer->finish().is_ok());
  const auto file = Safetensors::open(path);
  ASSERT_TRUE(file.has_value()) << file.status().message();
  ASSERT_EQ(file->tensors().size(), 4u);
  EXPECT_EQ(file->find("absent"), nullptr);
  const TensorEntry* matrix = file->find("matrix");
  ASSERT_NE(matrix, nullptr);
  EXPECT_EQ(matrix->format, Format::bf16);
  EXPECT_EQ(matrix->tensor.shape, (Shape{2, 3}));
  EXPECT_EQ(matrix->tensor.row_bytes, 6);
  EXPECT_EQ(static_cast<char>(*matrix->tensor.row(1)), 'a');
  EXPECT_EQ(file->find("scalar")->tensor.shape.rank(), 0);
  EXPECT_EQ(file->find("ids")->format, std::nullopt);
  EXPECT_EQ(file->find("ids")->bytes, 8);
  EXPECT_EQ(file->find("none")->bytes, 0);
  ASSERT_EQ(file->metadata().size(), 2u);
  EXPECT_EQ(file->metadata()[1].second, "\"\n");
  EXPECT_TRUE(file->unchanged().is_ok());
  std::filesystem::resize_file(path, 20);
  EXPECT_EQ(file->unchanged().code(), Code::corrupt);
}

// F8 before F32 leaves the latter at an odd byte: the reader hands out an aligned copy.
TEST(Safetensors, OddPlacesAreAligned) {
  const std::vector<SafetensorsDeclaration> tensors = {{"odd", "F8_E4M3", {3}}, {"f", "F32", {2}}};
  const float values[2] = {1.5f, -2.0f};
  const std::string path = temp("odd.safetensors");
  auto writer = SafetensorsWriter::create(path, tensors);
  ASSERT_TRUE(writer.has_value());
  ASSERT_TRUE(writer->write(as_span("abc")).is_ok());
  ASSERT_TRUE(writer->write(std::as_bytes(std::span(values))).is_ok());
  ASSERT_TRUE(writer->finish().is_ok());
  auto opened = Safetensors::open(path);
  ASSERT_TRUE(opened.has_value());
  const Safetensors moved = std::move(*opened);
  const Tensor f = moved.find("f")->tensor;
  EXPECT_EQ(reinterpret_cast<uintptr_t>(f.data) % alignof(float), 0u);
  EXPECT_EQ(f.f32()[0], 1.5f);
  EXPECT_EQ(f.f32()[1], -2.0f);
}

// A file may be larger than memory and hold nothing.
TEST(Safetensors, NoCopiesBeyondMemory) {
  const std::string path = temp("endless.safetensors");
  const std::string header =
      R"({"a":{"dtype":"F32","shape":[274877906944],"data_offsets":[0,1099511627776]}})";
  for (const size_t spaces : {size_t{0}, size_t{1}}) {
    const uint64_t length = (header.size() + 7) / 8 * 8 + spaces;
    std::string start(reinterpret_cast<const char*>(&length), sizeof length);
    start += header + std::string(length - header.size(), ' ');
    std::ofstream(path, std::ios::binary) << start;
    std::filesystem::resize_file(path, start.size() + (uint64_t{1} << 40));
    const auto file = Safetensors::open(path);
    EXPECT_EQ(file.has_value(), spaces == 0);
    if (!file) {
      EXPECT_EQ(file.status().code(), Code::no_memory);
      EXPECT_NE(file.status().message().find("found 1099511627776"), std::string::npos);
    }
  }
  std::filesystem::remove(path);
}

TEST(Safetensors, RandomFilesRoundTrip) {
  const std::vector<std::string> types = {"F64", "F32", "I32", "BF16", "F16", "F8_E4M3", "BOOL"};
  std::mt19937 random(2);
  const auto draw = [&](int64_t lo, int64_t hi) {
    return std::uniform_int_distribution<int64_t>(lo, hi)(random);
  };
  for (int round = 0; round < 50; ++round) {
    std::vector<SafetensorsDeclaration> tensors;
    for (int64_t i = draw(0, 8); i > 0; --i) {
      std::vector<int64_t> shape(static_cast<size_t>(draw(0, 4)));
      for (int64_t& size : shape) size = draw(0, 4);
      tensors.push_back(
          {fmt::format("t\u00e9.{}", i), types[static_cast<size_t>(draw(0, 6))], shape});
    }
    int64_t bytes = 0;
    ASSERT_TRUE(encode_safetensors_header(tensors, {}, &bytes).has_value());
    std::string content(static_cast<size_t>(bytes), '\0');
    for (char& c : content) c = static_cast<char>(draw(0, 255));
    const std::string path = temp("random.safetensors");
    auto writer = SafetensorsWriter::create(path, tensors);
    ASSERT_TRUE(writer.has_value());
    for (std::string_view rest = content; !rest.empty();) {
      const auto size = static_cast<size_t>(draw(1, static_cast<int64_t>(rest.size())));
      ASSERT_TRUE(writer->write(as_span(rest.substr(0, size))).is_ok());
      rest.remove_prefix(size);
    }
    ASSERT_TRUE(writer->finish().is_ok());
    const auto file = Safetensors::open(path);
    ASSERT_TRUE(file.has_value()) << file.status().message();
    size_t at = 0;
    for (const SafetensorsDeclaration& tensor : tensors) {
      const TensorEntry* entry = file->find(tensor.name);
      ASSERT_NE(entry, nullptr);
      EXPECT_EQ(entry->dtype, tensor.dtype);
      EXPECT_EQ(entry->tensor.shape, Shape(tensor.shape));
      const auto size = static_cast<size_t>(entry->bytes);
      if (size > 0) {
        EXPECT_EQ(std::string(reinterpret_cast<const char*>(entry->tensor.data), size),
                  content.substr(at, size));
      }
      at += size;
    }
  }
}

TEST(SafetensorsWriter, RefusesWhatTheFormatCannotHold) {
  const std::string path = temp("refused.safetensors");
  const auto create = [&](SafetensorsDeclaration tensor) {
    auto writer = SafetensorsWriter::create(path, std::vector{std::move(tensor)});
    return writer ? Code::ok : writer.status().code();
  };
  EXPECT_EQ(create({"a", "Q4_K", {256}}), Code::unsupported);
  EXPECT_EQ(create({"", "F32", {1}}), Code::corrupt);
  EXPECT_EQ(create({"a", "F4", {1}}), Code::invalid);
  EXPECT_EQ(create({"a", "F32", {-1}}), Code::corrupt);
  EXPECT_EQ(create({"a", "F32", {1ll << 62}}), Code::corrupt);
  const std::vector<SafetensorsDeclaration> one = {{"a", "F32", {2}}};
  std::filesystem::remove(path);
  {
    auto writer = SafetensorsWriter::create(path, one);
    ASSERT_TRUE(writer.has_value());
    EXPECT_EQ(writer->write(as_span("123456789")).code(), Code::invalid);
    EXPECT_TRUE(writer->write(as_span("1234")).is_ok());
    EXPECT_EQ(writer->finish().code(), Code::invalid);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_FALSE(std::filesystem::exists(path + ".partial"));
}

}  // namespace
}  // namespace hearth
