// Each line of the checklist of bad safetensors files: a generator, the code it must give, a word
// its message must hold; in less than a second.
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "hearth/base/thread_clock.h"
#include "hearth/files/safetensors/safetensors.h"

namespace hearth {
namespace {

// Length, header, data: the length follows the header unless `length` says otherwise.
std::string file(const std::string& header, size_t data_bytes,
                 std::optional<uint64_t> length = std::nullopt) {
  const uint64_t size = length.value_or(header.size());
  std::string bytes(sizeof size, '\0');
  std::memcpy(bytes.data(), &size, sizeof size);
  return bytes + header + std::string(data_bytes, '\1');
}

std::string tensor(const std::string& name, const std::string& dtype, const std::string& shape,
                   const std::string& offsets) {
  return fmt::format(R"("{}":{{"dtype":"{}","shape":{},"data_offsets":{}}})", name, dtype, shape,
                     offsets);
}

std::string object(const std::string& members) {
  return fmt::format("{{{}}}", members);
}

Result<Safetensors> parse(const std::string& bytes) {
  return Safetensors::parse(std::as_bytes(std::span(bytes.data(), bytes.size())));
}

void expect_refused(const std::string& bytes, Code code, const std::string& word) {
  const double start = thread_seconds();
  const auto result = parse(bytes);
  EXPECT_LT(thread_seconds() - start, 1) << word;
  ASSERT_FALSE(result.has_value()) << bytes.substr(0, 200);
  EXPECT_EQ(result.status().code(), code) << result.status().message();
  EXPECT_NE(result.status().message().find(word), std::string::npos) << result.status().message();
  EXPECT_EQ(result.status().message().find('\n'), std::string::npos);
  EXPECT_LT(result.status().message().size(), 400u);
}

void expect_corrupt(const std::string& bytes, const std::string& word) {
  expect_refused(bytes, Code::corrupt, word);
}

const std::string kGood = object(tensor("a", "F32", "[2,1]", "[0,8]"));

TEST(SafetensorsMalformed, ValidBase) {
  const std::string bytes = file(kGood, 8);
  ASSERT_TRUE(parse(bytes).has_value());
  EXPECT_TRUE(parse(file(kGood + "   ", 8)).has_value());  // padding
  EXPECT_TRUE(parse(file("{}", 0)).has_value());           // no tensors
  EXPECT_TRUE(parse(file("{\"__metadata__\":{\"format\":\"pt\"}}", 0)).has_value());
}

TEST(SafetensorsMalformed, TruncatedAtEveryByte) {
  const std::string whole = file(kGood, 8);
  for (size_t size = 0; size < whole.size(); ++size) {
    const std::vector<char> part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    const auto result = Safetensors::parse(std::as_bytes(std::span(part)));
    ASSERT_FALSE(result.has_value()) << size;
    EXPECT_EQ(result.status().code(), Code::corrupt) << result.status().message();
  }
}

TEST(SafetensorsMalformed, Length) {
  expect_corrupt("", "0 bytes");
  expect_corrupt("1234567", "7 bytes");
  expect_corrupt(file(kGood, 8, 100'000'001), "at most 100000000");
  expect_corrupt(file(kGood, 8, 4ull << 30), "at most 100000000");
  expect_corrupt(file(kGood, 8, 1ull << 63), "at most 100000000");
  expect_corrupt(file(kGood, 8, ~0ull), "at most 100000000");
  expect_corrupt(file(kGood, 8, 1000), "truncated");
  expect_corrupt(file(kGood, 8, 99'999'999), "truncated");
  expect_corrupt(file(kGood, 8, 0), "starts with");
  expect_corrupt(file(kGood, 8, kGood.size() - 1), "not JSON");
  expect_corrupt(file(kGood, 8, kGood.size() + 1), "not JSON");
}

TEST(SafetensorsMalformed, OtherFiles) {
  expect_corrupt("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n", "LFS");
  expect_corrupt(std::string("PK\3\4\24\0\0\0", 8) + std::string(100, 'x'), "zip");
  expect_corrupt("\x80\x02}q\x01." + std::string(100, 'x'), "pickle");
  expect_corrupt("<!DOCTYPE html><html><body>404</body></html>", "web page");
  expect_corrupt("GGUF" + std::string(100, '\0'), "GGUF");
}

TEST(SafetensorsMalformed, NotAHeader) {
  expect_corrupt(file("[]", 0), "starts with");
  expect_corrupt(file(" {}", 0), "starts with");
  expect_corrupt(file("{", 0), "not JSON");
  expect_corrupt(file("{}}", 0), "not JSON");
  expect_corrupt(file("{\"a\":1,}", 0), "not JSON");
  expect_corrupt(file("{\"\xFF\":{}}", 0), "not JSON");
  expect_corrupt(file("{\"\\ud800\":{}}", 0), "not JSON");
  expect_corrupt(file(std::string("{\0}", 3), 0), "not JSON");
  std::string deep = "{\"a\":";
  for (int i = 0; i < 100'000; ++i) deep += '[';
  expect_corrupt(file(deep, 0), "not JSON");
  for (int i = 0; i < 100'000; ++i) deep += ']';
  expect_corrupt(file(deep + "}", 0), "not JSON");
  expect_corrupt(file("{\"a\":1}", 0), "an object");
  expect_corrupt(file("{\"a\":null}", 0), "an object");
}

TEST(SafetensorsMalformed, Names) {
  const std::string rest = tensor("b", "F32", "[]", "[0,4]");
  expect_corrupt(file(object(tensor("", "F32", "[]", "[0,4]")), 4), "name");
  expect_corrupt(file(object(tensor("a\\u0000b", "F32", "[]", "[0,4]")), 4), "control");
  expect_corrupt(file(object(tensor("a\\nb", "F32", "[]", "[0,4]")), 4), "control");
  expect_corrupt(file(object(rest + "," + tensor("b", "F32", "[]", "[4,8]")), 8), "twice");
  expect_corrupt(file(object(rest + "," + tensor("\\u0062", "F32", "[]", "[4,8]")), 8), "twice");
  expect_corrupt(file("{\"__metadata__\":{},\"__metadata__\":{}}", 0), "two");
  expect_corrupt(file("{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", 0), "once");
  expect_corrupt(file("{\"__metadata__\":{\"a\":1}}", 0), "string");
  expect_corrupt(file("{\"__metadata__\":[]}", 0), "an object");
}

TEST(SafetensorsMalformed, Fields) {
  expect_corrupt(file("{\"a\":{}}", 0), "dtype, shape and data_offsets");
  expect_corrupt(file("{\"a\":{\"dtype\":\"F32\",\"shape\":[]}}", 0), "missing");
  expect_corrupt(file("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}", 0), "one `dtype`");
  expect_corrupt(file("{\"a\":{\"dtype\":\"F32\",\"code\":\"x\"}}", 0), "code");
  for (const char* dtype : {"F33", "f32", "", "Q4_K", "F32 "}) {
    expect_corrupt(file(object(tensor("a", dtype, "[2]", "[0,8]")), 8), "dtype");
  }
  expect_corrupt(file("{\"a\":{\"dtype\":1,\"shape\":[],\"data_offsets\":[0,4]}}", 4), "dtype");
  for (const char* shape : {"[-1]", "[1.5]", "[1e300]", "[\"2\"]", "[[2]]", "[null]",
                            "[9223372036854775808]", "[18446744073709551615]", "{}", "2"}) {
    expect_corrupt(file(object(tensor("a", "F32", shape, "[0,8]")), 8), "size");
  }
  std::string many = "[1";
  for (int i = 0; i < 100; ++i) many += ",1";
  expect_corrupt(file(object(tensor("a", "U8", many + "]", "[0,1]")), 1), "few sizes");
  expect_refused(file(object(tensor("a", "U8", "[1,1,1,1,1]", "[0,1]")), 1), Code::unsupported,
                 "dimensions");
}

TEST(SafetensorsMalformed, Offsets) {
  for (const char* offsets : {"[8,0]", "[0]", "[]", "[0,4,8]"}) {
    expect_corrupt(file(object(tensor("a", "F32", "[2]", offsets)), 8), "[begin, end]");
  }
  for (const char* offsets : {"[-8,0]", "[0,1e300]", "[0.0,8.0]", "[0,\"8\"]", "8", "[0,null]",
                              "[0,18446744073709551615]"}) {
    expect_corrupt(file(object(tensor("a", "F32", "[2]", offsets)), 8), "data_offsets");
  }
}

TEST(SafetensorsMalformed, ShapeAgainstBytes) {
  const auto one = [](const char* dtype, const char* shape, const char* offsets) {
    return file(object(tensor("a", dtype, shape, offsets)), 8);
  };
  expect_corrupt(one("F32", "[3]", "[0,8]"), "expected 12 bytes");
  expect_corrupt(one("F32", "[1]", "[0,8]"), "expected 4 bytes");
  expect_corrupt(one("F32", "[0]", "[0,8]"), "expected 0 bytes");
  expect_corrupt(one("F4", "[3]", "[0,1]"), "whole bytes");
  expect_corrupt(one("F32", "[4611686018427387904]", "[0,8]"), "2^63");
  expect_corrupt(one("F32", "[4294967296,4294967296]", "[0,8]"), "2^63");
  expect_corrupt(one("U8", "[4294967296,4294967296,0]", "[0,0]"), "2^63");
  expect_corrupt(one("U8", "[0,4294967296,4294967296]", "[0,0]"), "2^63");
  expect_corrupt(one("F64", "[2305843009213693953,8]", "[0,8]"), "2^63");
}

TEST(SafetensorsMalformed, Layout) {
  const std::string a = tensor("a", "F32", "[2]", "[0,8]");
  expect_corrupt(file(object(a + "," + tensor("b", "F32", "[2]", "[0,8]")), 8), "overlap");
  expect_corrupt(file(object(a + "," + tensor("b", "F32", "[2]", "[4,12]")), 12), "overlap");
  expect_corrupt(file(object(a + "," + tensor("b", "F32", "[2]", "[12,20]")), 20), "hole");
  expect_corrupt(file(object(tensor("a", "F32", "[2]", "[4,12]")), 12), "hole");
  expect_corrupt(file(object(a), 7), "truncated");
  expect_corrupt(file(object(a), 0), "truncated");
  expect_corrupt(file(object(a), 9), "surplus");
  expect_corrupt(file("{}", 1), "surplus");
  expect_corrupt(file(object(tensor("a", "U8", "[1099511627776]", "[0,1099511627776]")), 8),
                 "truncated");
  // test_json_attack of the reference: very many tensors over the same bytes.
  std::string attack = "{";
  for (int i = 0; i < 20'000; ++i) {
    attack += i ? "," : "";
    attack += tensor(fmt::format("t{}", i), "U8", "[8]", "[0,8]");
  }
  expect_corrupt(file(attack + "}", 8), "overlap");
}

TEST(SafetensorsMalformed, HeaderOfTensMegabytes) {
  std::string zeros = "{\"a\":[0";
  for (int i = 0; i < 10'000'000; ++i) zeros += ",0";
  expect_corrupt(file(zeros + "]}", 0), "an object");
}

TEST(SafetensorsCorpus, ValidFilesLoad) {
  const std::filesystem::path folder =
      std::filesystem::path(HEARTH_SHARED_DIR) / "fixtures/malformed/safetensors_valid";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no shared fixtures beside the repository";
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".safetensors") continue;
    const auto safetensors = Safetensors::open(entry.path().string());
    ASSERT_TRUE(safetensors.has_value()) << safetensors.status().message();
    EXPECT_FALSE(safetensors->tensors().empty());
    ++files;
  }
  EXPECT_EQ(files, 5);
}

}  // namespace
}  // namespace hearth
