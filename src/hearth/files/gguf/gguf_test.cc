// What the writer writes, the reader reads: values, shapes, bytes, for random files too. Real
// vocabularies load without copying.
#include "hearth/files/gguf/gguf.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <limits>
#include <random>

#include "hearth/files/gguf/gguf_writer.h"
#include "hearth/files/gguf/raw_gguf.h"

namespace hearth {
namespace {

std::span<const std::byte> as_span(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string temp(const std::string& name) {
  return testing::TempDir() + name;
}

TEST(GgufTypes, TableAgreesWithFormats) {
  EXPECT_EQ(ggml_type(12)->name, "Q4_K");
  EXPECT_EQ(ggml_type(4), nullptr);
  EXPECT_EQ(ggml_type_by_name("IQ4_XS")->block_bytes, 136);
  EXPECT_EQ(ggml_type_by_name("nothing"), nullptr);
  for (const FormatInfo& info : kFormats) {
    if (info.format == Format::f8_e4m3) continue;
    const GgmlType* type = ggml_type_by_format(info.format);
    ASSERT_NE(type, nullptr) << info.name;
    EXPECT_EQ(type->format, info.format);
    EXPECT_EQ(ggml_type(type->id), type);
    EXPECT_EQ(ggml_type_by_name(type->name), type);
    EXPECT_EQ(info.block_elements, type->block_elements) << info.name;
    EXPECT_EQ(info.block_bytes, type->block_bytes) << info.name;
  }
  EXPECT_FALSE(ggml_type_by_name("I64")->format.has_value());
  EXPECT_EQ(ggml_type_by_format(Format::f8_e4m3), nullptr);
}

GgufHeader every_kind() {
  GgufHeader header;
  header.set_string("general.architecture", "tiny");
  header.set_u16("u16", 65535);
  header.set_u32("u32", 7);
  header.set_i32("i32", -7);
  header.set_u64("u64", 1ull << 63);
  header.set_f32("f32", 0.5f);
  header.set_bool("bool", true);
  header.set_strings("strings", std::vector<std::string>{"a", "", "\xE2\x96\x81x"});
  header.set_i32s("i32s", std::vector<int32_t>{1, -2, 3});
  header.set_f32s("f32s", std::vector<float>{0.25f, -1.0f});
  return header;
}

TEST(Gguf, TypedLookups) {
  const std::string bytes = every_kind().encode();
  const auto gguf = Gguf::parse(as_span(bytes));
  ASSERT_TRUE(gguf.has_value()) << gguf.status().message();
  EXPECT_EQ(gguf->version(), 3u);
  EXPECT_EQ(*gguf->get_string("general.architecture"), "tiny");
  EXPECT_EQ(*gguf->get_u32("u16"), 65535u);
  EXPECT_EQ(*gguf->get_u32("u32"), 7u);
  EXPECT_EQ(*gguf->get_i64("i32"), -7);
  EXPECT_EQ(*gguf->get_u64("u64"), 1ull << 63);
  EXPECT_EQ(*gguf->get_f32("f32"), 0.5f);
  EXPECT_TRUE(*gguf->get_bool("bool"));
  std::vector<std::string> strings;
  const auto found = gguf->get_strings("strings");
  for (const std::string_view text : *found) strings.emplace_back(text);
  EXPECT_EQ(strings, (std::vector<std::string>{"a", "", "\xE2\x96\x81x"}));
  EXPECT_EQ(gguf->get_integers("i32s")->integer(1), -2);
  EXPECT_EQ(gguf->get_integers("i32s")->number(1), -2.0);
  EXPECT_EQ(gguf->get_floats("f32s")->number(0), 0.25);
  EXPECT_EQ(gguf->get_floats("f32s")->size(), 2);
  EXPECT_TRUE(gguf->opt_u32("u32")->has_value());
  EXPECT_FALSE(gguf->opt_u32("none")->has_value());
  EXPECT_FALSE(gguf->opt_f32("none")->has_value());
  EXPECT_FALSE(gguf->opt_u64("none")->has_value());
  EXPECT_FALSE(gguf->opt_bool("none")->has_value());
  EXPECT_FALSE(gguf->opt_string("none")->has_value());
  EXPECT_FALSE(gguf->opt_strings("none")->has_value());
  EXPECT_FALSE(gguf->opt_integers("none")->has_value());
  EXPECT_FALSE(gguf->opt_floats("none")->has_value());
  EXPECT_EQ(gguf->find_value("strings")->to_string(2), "[\"a\", \"\", ... 3 in all]");
  EXPECT_EQ(gguf->find_value("f32s")->to_string(), "[0.25, -1]");
  EXPECT_EQ(gguf->find_value("bool")->to_string(), "true");
  EXPECT_EQ(gguf->find_value("u64")->to_string(), "9223372036854775808");
}

TEST(Gguf, LookupsOfTheWrongKind) {
  const std::string bytes = every_kind().encode();
  const auto gguf = Gguf::parse(as_span(bytes));
  ASSERT_TRUE(gguf.has_value());
  EXPECT_EQ(gguf->get_u32("none").status().code(), Code::not_found);
  EXPECT_EQ(gguf->get_u32("f32").status().message(),
            "`f32`: expected an integer in u32, found f32 0.5");
  EXPECT_EQ(gguf->get_u32("i32").status().message(),
            "`i32`: expected an integer in u32, found i32 -7");
  EXPECT_EQ(gguf->get_string("strings").status().message(),
            "`strings`: expected string, found array of string");
  for (const char* key : {"strings", "bool", "u64", "general.architecture", "f32s"}) {
    EXPECT_EQ(gguf->get_u32(key).status().code(), Code::corrupt) << key;
    EXPECT_EQ(gguf->opt_u32(key).status().code(), Code::corrupt) << key;
    EXPECT_EQ(gguf->get_i64(key).status().code(), Code::corrupt) << key;
    EXPECT_EQ(gguf->get_f32(key).status().code(), Code::corrupt) << key;
  }
  for (const char* key : {"strings", "i32s", "f32s", "u32", "f32"}) {
    EXPECT_EQ(gguf->get_bool(key).status().code(), Code::corrupt) << key;
    EXPECT_EQ(gguf->get_string(key).status().code(), Code::corrupt) << key;
  }
  for (const char* key : {"bool", "u32", "f32s", "strings"}) {
    EXPECT_EQ(gguf->get_integers(key).status().code(), Code::corrupt) << key;
  }
  for (const char* key : {"bool", "f32", "i32s", "strings"}) {
    EXPECT_EQ(gguf->get_floats(key).status().code(), Code::corrupt) << key;
  }
  for (const char* key : {"general.architecture", "f32s"}) {
    EXPECT_EQ(gguf->get_strings(key).status().code(), Code::corrupt) << key;
  }
}

// The types that our writer does not use, as other writers store them.
TEST(Gguf, OtherWidths) {
  RawGguf file;
  file.version = 2;
  file.tensors.clear();
  file.values = {
      raw_value("u8", GgufType::u8, raw<uint8_t>(200)),
      raw_value("i8", GgufType::i8, raw<int8_t>(-3)),
      raw_value("i16", GgufType::i16, raw<int16_t>(-300)),
      raw_value("i64", GgufType::i64, raw<int64_t>(1) + ""),
      raw_value("f64", GgufType::f64, raw<double>(1e39)),
      raw_value("nan", GgufType::f64, raw<double>(NAN)),
      raw_value("bad", GgufType::string, raw_text("\xFF")),
      raw_array("bools", GgufType::boolean, 2, std::string("\0\1", 2)),
      raw_array("u64s", GgufType::u64, 1, raw(~uint64_t{0})),
      raw_array("none", GgufType::string, 0, ""),
  };
  const std::string bytes = file.encode();
  const auto gguf = Gguf::parse(as_span(bytes));
  ASSERT_TRUE(gguf.has_value()) << gguf.status().message();
  EXPECT_EQ(gguf->version(), 2u);
  EXPECT_EQ(*gguf->get_u32("u8"), 200u);
  EXPECT_EQ(*gguf->get_i64("i8"), -3);
  EXPECT_EQ(*gguf->get_i64("i16"), -300);
  EXPECT_EQ(*gguf->get_u64("i64"), 1u);
  EXPECT_EQ(gguf->get_u64("i8").status().code(), Code::corrupt);
  EXPECT_EQ(gguf->get_f32("f64").status().code(), Code::corrupt);
  EXPECT_TRUE(std::isnan(*gguf->get_f32("nan")));
  EXPECT_EQ(gguf->get_string("bad").status().code(), Code::corrupt);
  EXPECT_EQ(gguf->get_integers("bools")->integer(1), 1);
  EXPECT_EQ(gguf->get_integers("u64s")->integer(0), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(gguf->get_integers("u64s")->number(0), 18446744073709551616.0);
  EXPECT_EQ(gguf->get_strings("none")->size(), 0);
  const auto none = gguf->get_strings("none");
  for (const std::string_view text : *none) FAIL() << text;
  EXPECT_EQ(gguf->find_value("bools")->to_string(), "[false, true]");
}

// Random declarations of every type, written in random pieces, come back bit for bit.
TEST(Gguf, RandomFilesRoundTrip) {
  const std::vector<std::string> types = {"F32",  "F16", "BF16", "Q4_0", "Q8_0",   "Q4_K", "Q5_K",
                                          "Q6_K", "I8",  "I32",  "F64",  "IQ4_XS", "MXFP4"};
  std::mt19937 random(1);
  const auto draw = [&](int64_t lo, int64_t hi) {
    return std::uniform_int_distribution<int64_t>(lo, hi)(random);
  };
  for (int round = 0; round < 50; ++round) {
    GgufHeader header;
    header.set_u32("round", static_cast<uint32_t>(round));
    std::vector<std::string> contents;
    std::vector<Shape> shapes;
    std::string all;
    const int64_t count = draw(0, 6);
    for (int64_t i = 0; i < count; ++i) {
      const std::string& type = types[static_cast<size_t>(draw(0, 12))];
      std::vector<int64_t> shape(static_cast<size_t>(draw(1, 4)));
      for (int64_t& size : shape) size = draw(1, 3);
      shape.back() *= ggml_type_by_name(type)->block_elements;
      ASSERT_TRUE(header.declare(fmt::format("t{}", i), type, shape).is_ok());
      shapes.emplace_back(shape);
      std::string content(static_cast<size_t>(header.tensor_bytes().back()), '\0');
      for (char& c : content) c = static_cast<char>(draw(0, 255));
      contents.push_back(content);
      all += content;
    }
    const std::string path = temp("random.gguf");
    auto writer = GgufWriter::create(path, header);
    ASSERT_TRUE(writer.has_value());
    for (std::string_view rest = all; !rest.empty();) {
      const auto piece =
          rest.substr(0, static_cast<size_t>(draw(1, static_cast<int64_t>(rest.size()))));
      ASSERT_TRUE(writer->write(std::as_bytes(std::span(piece.data(), piece.size()))).is_ok());
      rest.remove_prefix(piece.size());
    }
    ASSERT_TRUE(writer->finish().is_ok());
    const auto gguf = Gguf::open(path);
    ASSERT_TRUE(gguf.has_value()) << gguf.status().message();
    ASSERT_EQ(gguf->tensors().size(), contents.size());
    for (size_t i = 0; i < contents.size(); ++i) {
      const TensorEntry* entry = gguf->find(fmt::format("t{}", i));
      ASSERT_NE(entry, nullptr);
      EXPECT_EQ(entry->tensor.shape, shapes[i]);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(entry->tensor.data) % 32, 0u);
      EXPECT_EQ(std::string(reinterpret_cast<const char*>(entry->tensor.data),
                            static_cast<size_t>(entry->bytes)),
                contents[i]);
      if (entry->format) {
        EXPECT_EQ(entry->tensor.bytes(), entry->bytes);
      }
    }
  }
}

TEST(GgufWriter, RefusesWhatTheFormatCannotHold) {
  GgufHeader header;
  const auto declare = [&](std::string_view name, std::string_view type,
                           std::vector<int64_t> shape) {
    return header.declare(name, type, shape).code();
  };
  EXPECT_EQ(declare("w", "Q9", {32}), Code::unsupported);
  EXPECT_EQ(declare("", "F32", {32}), Code::corrupt);
  EXPECT_EQ(declare(std::string(65, 'n'), "F32", {32}), Code::invalid);
  EXPECT_EQ(declare("w", "F32", {}), Code::invalid);
  EXPECT_EQ(declare("w", "F32", {0}), Code::invalid);
  EXPECT_EQ(declare("w", "Q8_0", {33}), Code::corrupt);
  EXPECT_EQ(declare("w", "F32", {2}), Code::ok);
  const std::string path = temp("unfinished.gguf");
  std::filesystem::remove(path);
  {
    auto writer = GgufWriter::create(path, header);
    ASSERT_TRUE(writer.has_value());
    EXPECT_EQ(writer->finish().code(), Code::invalid);
    EXPECT_EQ(writer->write(as_span("123456789")).code(), Code::invalid);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_FALSE(std::filesystem::exists(path + ".partial"));
  EXPECT_FALSE(GgufWriter::create("/nonexistent/x.gguf", header).has_value());
}

TEST(GgufFixtures, VocabulariesLoad) {
  const std::filesystem::path folder =
      std::filesystem::path(HEARTH_SHARED_DIR) / "fixtures/tokenizers/gguf";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no shared fixtures beside the repository";
  int files = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    const auto gguf = Gguf::open(file.path().string());
    ASSERT_TRUE(gguf.has_value()) << gguf.status().message();
    const auto tokens = gguf->get_strings("tokenizer.ggml.tokens");
    ASSERT_TRUE(tokens.has_value()) << tokens.status().message();
    EXPECT_GT(tokens->size(), 30'000);
    int64_t walked = 0;
    for (const std::string_view token : *tokens) walked += token.empty() ? 0 : 1;
    EXPECT_EQ(walked, tokens->size());
    EXPECT_EQ(gguf->get_integers("tokenizer.ggml.token_type")->size(), tokens->size());
    ++files;
  }
  EXPECT_EQ(files, 5);
}

}  // namespace
}  // namespace hearth
