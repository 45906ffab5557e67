// Each line of the checklist of bad GGUF files: a generator, the code it must give, a word its
// message must hold; in less than a second and without large allocations.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

#include "hearth/base/check.h"
#include "hearth/base/sanitized.h"
#include "hearth/files/checkpoint.h"
#include "hearth/files/gguf/gguf.h"
#include "hearth/files/gguf/raw_gguf.h"

namespace hearth {
namespace {

struct Case {
  std::string name;
  std::string bytes;
  Code code;
  std::string word;
};

Result<Gguf> parse(const std::string& bytes) {
  return Gguf::parse(std::as_bytes(std::span(bytes.data(), bytes.size())));
}

void expect_refused(const Case& bad) {
  SCOPED_TRACE(bad.name);
  const auto start = std::chrono::steady_clock::now();
  const auto result = parse(bad.bytes);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.status().code(), bad.code) << result.status().message();
  EXPECT_NE(result.status().message().find(bad.word), std::string::npos)
      << result.status().message();
  EXPECT_EQ(result.status().message().find('\n'), std::string::npos);
}

std::string with(const std::function<void(RawGguf&)>& change) {
  RawGguf gguf;
  change(gguf);
  return gguf.encode();
}

std::string with_tensor(const std::function<void(RawTensor&)>& change) {
  return with([&](RawGguf& g) { change(g.tensors[0]); });
}

std::string with_value(const std::string& value) {
  return with([&](RawGguf& g) { g.values.push_back(value); });
}

TEST(GgufMalformed, ValidBase) {
  const std::string bytes = RawGguf().encode();
  const auto gguf = parse(bytes);
  ASSERT_TRUE(gguf.has_value()) << gguf.status().message();
  EXPECT_EQ(gguf->find("w")->tensor.shape, (Shape{2, 4}));
}

TEST(GgufMalformed, TruncatedAtEveryByte) {
  RawGguf raw_gguf;
  raw_gguf.values.push_back(
      raw_array("strings", GgufType::string, 2, raw_text("a") + raw_text("")));
  raw_gguf.values.push_back(raw_array("bools", GgufType::boolean, 2, std::string(2, '\1')));
  const std::string whole = raw_gguf.encode();
  for (size_t size = 0; size < whole.size(); ++size) {
    // A copy of exactly this size: AddressSanitizer sees a step beyond it.
    const std::vector<char> part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    const auto result = Gguf::parse(std::as_bytes(std::span(part)));
    ASSERT_FALSE(result.has_value()) << size;
    EXPECT_EQ(result.status().code(), Code::corrupt) << result.status().message();
  }
  EXPECT_TRUE(parse(whole).has_value());
}

TEST(GgufMalformed, Header) {
  std::vector<Case> cases = {
      {"magic", with([](RawGguf& g) { g.magic = "GGUX"; }), Code::corrupt, "GGUX"},
      {"lfs", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", Code::corrupt,
       "LFS"},
      {"zip", std::string("PK\3\4", 4) + "xxxx", Code::corrupt, "zip"},
      {"old", "tjgg\1\1\1\1", Code::corrupt, "GGML"},
      {"v0", with([](RawGguf& g) { g.version = 0; }), Code::corrupt, "found 0"},
      {"v1", with([](RawGguf& g) { g.version = 1; }), Code::unsupported, "found 1"},
      {"v4", with([](RawGguf& g) { g.version = 4; }), Code::unsupported, "found 4"},
      {"vmax", with([](RawGguf& g) { g.version = 0xFFFFFFFF; }), Code::corrupt, "4294967295"},
      {"swapped", with([](RawGguf& g) { g.version = 0x03000000; }), Code::unsupported,
       "big-endian"},
  };
  for (const uint64_t count : {uint64_t{1} << 31, uint64_t{1} << 32, uint64_t{1} << 60,
                               uint64_t{1} << 63, ~uint64_t{0}, uint64_t{100}}) {
    cases.push_back({fmt::format("n_kv {}", count),
                     with([&](RawGguf& g) { g.values_count = count; }), Code::corrupt, "metadata"});
    cases.push_back({fmt::format("n_tensors {}", count),
                     with([&](RawGguf& g) { g.tensors_count = count; }), Code::corrupt, "tensors"});
  }
  for (const Case& bad : cases) expect_refused(bad);
}

TEST(GgufMalformed, Metadata) {
  const auto u32 = [](uint32_t v) { return raw(v); };
  std::vector<Case> cases = {
      {"empty key", with_value(raw_value("", GgufType::u32, u32(1))), Code::corrupt, "name"},
      {"key twice", with_value(raw_value("general.architecture", GgufType::u32, u32(1))),
       Code::corrupt, "twice"},
      {"key NUL", with_value(raw_value(std::string_view("a\0b", 3), GgufType::u32, u32(1))),
       Code::corrupt, "control"},
      {"key not UTF-8", with_value(raw_value("a\xFF", GgufType::u32, u32(1))), Code::corrupt,
       "UTF-8"},
      {"key of 64 KiB", with_value(raw_value(std::string(65536, 'k'), GgufType::u32, u32(1))),
       Code::corrupt, "65535"},
      {"type 13", with_value(raw_value("k", static_cast<GgufType>(13), u32(1))), Code::corrupt,
       "found 13"},
      {"type -1", with_value(raw_value("k", static_cast<GgufType>(~0u), u32(1))), Code::corrupt,
       "type"},
      {"bool 2", with_value(raw_value("k", GgufType::boolean, "\2")), Code::corrupt, "found 2"},
      {"bools 2", with_value(raw_array("k", GgufType::boolean, 2, "\1\2")), Code::corrupt,
       "found 2"},
      {"array of arrays", with_value(raw_array("k", GgufType::array, 1, std::string(20, '\0'))),
       Code::unsupported, "array of arrays"},
      {"array of type 13",
       with_value(raw_array("k", static_cast<GgufType>(13), 1, std::string(20, '\0'))),
       Code::corrupt, "found 13"},
  };
  for (const uint64_t length :
       {~uint64_t{0}, uint64_t{1} << 40, uint64_t{1} << 63, uint64_t{200}}) {
    cases.push_back({fmt::format("string of {}", length),
                     with_value(raw_value("k", GgufType::string, raw(length) + "x")), Code::corrupt,
                     "string"});
    cases.push_back(
        {fmt::format("key of {}", length), with_value(raw(length) + "k"), Code::corrupt, "key"});
    cases.push_back(
        {fmt::format("string of {} in an array", length),
         with_value(raw_array("k", GgufType::string, 2, raw_text("a") + raw(length) + "x")),
         Code::corrupt, "string"});
  }
  // Sizes whose product with the element wraps to something small.
  for (const uint64_t size : {~uint64_t{0}, uint64_t{1} << 61, (uint64_t{1} << 61) + 1,
                              uint64_t{1} << 62, uint64_t{1} << 32}) {
    for (const GgufType type : {GgufType::u64, GgufType::u32, GgufType::u8, GgufType::string}) {
      cases.push_back({fmt::format("array of {}", size), with_value(raw_array("k", type, size, "")),
                       Code::corrupt, "array"});
    }
  }
  for (const Case& bad : cases) expect_refused(bad);
}

TEST(GgufMalformed, Alignment) {
  for (const uint32_t alignment : {0u, 1u, 3u, 4u, 13u, 1u << 31, ~0u}) {
    expect_refused({fmt::format("alignment {}", alignment),
                    with_value(raw_value("general.alignment", GgufType::u32, raw(alignment))),
                    Code::corrupt, "general.alignment"});
  }
  expect_refused({"wide",
                  with_value(raw_value("general.alignment", GgufType::u64, raw(uint64_t{1} << 63))),
                  Code::corrupt, "found u64"});
  expect_refused({"text",
                  with_value(raw_value("general.alignment", GgufType::string, raw_text("32"))),
                  Code::corrupt, "found string"});
  const std::string wide = with([](RawGguf& g) {
    g.values.push_back(raw_value("general.alignment", GgufType::u32, raw(256u)));
    g.alignment = 256;
  });
  EXPECT_TRUE(parse(wide).has_value());
}

TEST(GgufMalformed, TensorDeclarations) {
  const auto named = [](std::string_view name) {
    return with_tensor([&](RawTensor& t) { t.name = std::string(name); });
  };
  const auto sized = [](std::vector<uint64_t> sizes, uint32_t type = 0) {
    return with_tensor([&](RawTensor& t) {
      t.sizes = sizes;
      t.type = type;
    });
  };
  const auto ranked = [](uint32_t rank) {
    return with_tensor([&](RawTensor& t) { t.rank = rank; });
  };
  std::vector<Case> cases = {
      {"name of 0", named(""), Code::corrupt, "name"},
      {"name of 65", named(std::string(65, 'n')), Code::corrupt, "64"},
      {"name with NUL", named(std::string_view("a\0b", 3)), Code::corrupt, "control"},
      {"name not UTF-8", named("\xC0\xAF"), Code::corrupt, "UTF-8"},
      {"rank 0", ranked(0), Code::corrupt, "found 0"},
      {"rank 5", ranked(5), Code::corrupt, "found 5"},
      {"rank -1", ranked(~0u), Code::corrupt, "dimensions"},
      {"ne 0", sized({4, 0}), Code::corrupt, "found 0"},
      {"ne -1", sized({4, ~uint64_t{0}}), Code::corrupt, "dimensions"},
      {"ne 2^62", sized({4, uint64_t{1} << 62}), Code::corrupt, "2^63"},
      {"product wraps to 0", sized({1ull << 32, 1ull << 32}), Code::corrupt, "2^63"},
      {"product wraps to 8", sized({(1ull << 61) + 1, 8}), Code::corrupt, "2^63"},
      {"bytes wrap", sized({1ull << 31, 1ull << 30}), Code::corrupt, "2^63"},
      {"bytes just below 2^63", sized({(1ull << 61) - 1}), Code::corrupt, "truncated"},
      {"three sizes wrap", sized({1ull << 22, 1ull << 22, 1ull << 22}), Code::corrupt, "2^63"},
      {"row of 31 in Q8_0", sized({31, 1}, 8), Code::corrupt, "multiple of 32"},
      {"row of 128 in Q4_K", sized({128, 2}, 12), Code::corrupt, "multiple of 256"},
  };
  for (const uint32_t type : {4u, 5u, 9u, 31u, 32u, 33u, 36u, 38u, 40u, 255u, ~0u}) {
    cases.push_back({fmt::format("type {}", type), sized({32, 2}, type), Code::unsupported,
                     fmt::format("found {}", type)});
  }
  cases.push_back({"name twice", with([](RawGguf& g) {
                     g.tensors.push_back(g.tensors[0]);
                     g.tensors[1].offset = 32;
                     g.data_bytes = 64;
                   }),
                   Code::corrupt, "twice"});
  for (const Case& bad : cases) expect_refused(bad);
  EXPECT_TRUE(parse(named(std::string(63, 'n'))).has_value());
  EXPECT_TRUE(parse(named(std::string(64, 'n'))).has_value());
}

TEST(GgufMalformed, TensorPlaces) {
  const auto at = [](uint64_t offset) {
    return with_tensor([&](RawTensor& t) { t.offset = offset; });
  };
  std::vector<Case> cases = {
      {"unaligned", at(8), Code::corrupt, "multiple of 32"},
      {"beyond the end", at(64), Code::corrupt, "truncated"},
      {"far beyond", at(1ull << 40), Code::corrupt, "truncated"},
      {"offset + size wraps", at(~uint64_t{31}), Code::corrupt, "truncated"},
      {"offset 2^63", at(1ull << 63), Code::corrupt, "truncated"},
      {"size > file", with_tensor([](RawTensor& t) {
         t.sizes = {1 << 20, 64};
       }),
       Code::corrupt, "truncated"},
      {"data cut", with([](RawGguf& g) { g.data_bytes = 31; }), Code::corrupt, "truncated"},
      {"no data", with([](RawGguf& g) { g.data_bytes = 0; }), Code::corrupt, "truncated"},
      {"overlap", with([](RawGguf& g) {
         g.tensors.push_back({"v", {4, 4}, 0, 0, {}});
         g.data_bytes = 64;
       }),
       Code::corrupt, "over"},
      {"partial overlap", with([](RawGguf& g) {
         g.tensors = {{"v", {4, 4}, 0, 0, {}}, {"w", {4, 4}, 0, 32, {}}};
         g.data_bytes = 128;
       }),
       Code::corrupt, "over"},
  };
  for (const Case& bad : cases) expect_refused(bad);
}

// A million declared things in a file that holds them must cost no more than the file.
TEST(GgufMalformed, ManyValues) {
  RawGguf many;
  for (int i = 0; i < 70'000; ++i) {
    many.values.push_back(raw_value(fmt::format("k{}", i), GgufType::u8, "\1"));
  }
  expect_refused({"70,001 values", many.encode(), Code::corrupt, "65536"});
}

// Leaves the process `bytes` more of memory than it has.
void limit_memory(rlim_t bytes) {
  int64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  const rlim_t most = static_cast<rlim_t>(pages * ::sysconf(_SC_PAGESIZE)) + bytes;
  const struct rlimit limit = {most, most};
  CHECK(::setrlimit(RLIMIT_AS, &limit) == 0);
}

// Counts that lie must not be believed by an allocator: a process that may have 64 MiB more reads
// them all.
TEST(GgufMalformed, TakesLittleMemory) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer changes the memory in use";
  const auto read_all = [] {
    limit_memory(64 << 20);
    int taken = 0;
    for (const uint64_t count : {uint64_t{1} << 28, uint64_t{1} << 40, ~uint64_t{0}}) {
      RawGguf lie;
      lie.tensors_count = count;
      taken += parse(lie.encode()).has_value();
      lie.tensors_count.reset();
      lie.values.push_back(raw_array("k", GgufType::string, count, ""));
      taken += parse(lie.encode()).has_value();
    }
    return taken;
  };
  EXPECT_EXIT(std::exit(read_all()), testing::ExitedWithCode(0), "");
}

class GgufPaths : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "gguf_paths";
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  std::string write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path(name), std::ios::binary) << bytes;
    return path(name);
  }

  std::string folder_;
};

TEST_F(GgufPaths, NotRegularFiles) {
  EXPECT_EQ(Gguf::open(folder_).status().code(), Code::invalid);
  EXPECT_EQ(Gguf::open("/dev/zero").status().code(), Code::invalid);
  EXPECT_EQ(Gguf::open(path("absent.gguf")).status().code(), Code::not_found);
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  EXPECT_EQ(Gguf::open(path("fifo")).status().code(), Code::invalid);
  EXPECT_EQ(Checkpoint::open(path("fifo")).status().code(), Code::invalid);
  ASSERT_EQ(::symlink("/dev/zero", path("link.gguf").c_str()), 0);
  EXPECT_EQ(Gguf::open(path("link.gguf")).status().code(), Code::invalid);
  ASSERT_EQ(::symlink("loop", path("loop").c_str()), 0);
  EXPECT_FALSE(Gguf::open(path("loop")).has_value());
  write("real.gguf", RawGguf().encode());
  ASSERT_EQ(::symlink("real.gguf", path("good.gguf").c_str()), 0);
  EXPECT_TRUE(Gguf::open(path("good.gguf")).has_value());
}

TEST_F(GgufPaths, SparseTerabyte) {
  RawGguf lie;
  lie.values.push_back(raw_array("zeros", GgufType::string, uint64_t{1} << 28, ""));
  for (const std::string& bytes : {std::string("GGUF"), lie.encode()}) {
    const std::string file = write("sparse.gguf", bytes);
    if (::truncate(file.c_str(), off_t{1} << 40) != 0) GTEST_SKIP() << "no sparse files here";
    const auto start = std::chrono::steady_clock::now();
    EXPECT_FALSE(Gguf::open(file).has_value());
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
  }
}

TEST_F(GgufPaths, ShrinkingFileIsNoticed) {
  const std::string file = write("shrink.gguf", RawGguf().encode());
  const auto gguf = Gguf::open(file);
  ASSERT_TRUE(gguf.has_value());
  EXPECT_TRUE(gguf->unchanged().is_ok());
  std::filesystem::resize_file(file, 40);
  EXPECT_EQ(gguf->unchanged().code(), Code::corrupt);
}

std::string part(uint16_t no, uint16_t count, const std::string& tensor, int32_t tensors = 2,
                 const std::string& architecture = "tiny") {
  RawGguf gguf;
  gguf.values = {raw_value("general.architecture", GgufType::string, raw_text(architecture)),
                 raw_value("split.no", GgufType::u16, raw(no)),
                 raw_value("split.count", GgufType::u16, raw(count)),
                 raw_value("split.tensors.count", GgufType::i32, raw(tensors))};
  gguf.tensors[0].name = tensor;
  return gguf.encode();
}

TEST_F(GgufPaths, SplitFilesJoin) {
  write("m-00001-of-00002.gguf", part(0, 2, "a"));
  write("m-00002-of-00002.gguf", part(1, 2, "b"));
  for (const char* name : {"m-00001-of-00002.gguf", "m-00002-of-00002.gguf"}) {
    const auto gguf = Gguf::open(path(name));
    ASSERT_TRUE(gguf.has_value()) << gguf.status().message();
    EXPECT_EQ(gguf->files(), 2);
    ASSERT_EQ(gguf->tensors().size(), 2u);
    EXPECT_NE(gguf->find("a"), nullptr);
    EXPECT_NE(gguf->find("b"), nullptr);
    EXPECT_EQ(*gguf->get_u32("split.no"), 0u);
  }
}

TEST_F(GgufPaths, SplitFilesThatDoNotFit) {
  const std::string first = write("m-00001-of-00002.gguf", part(0, 2, "a"));
  const auto expect = [&](Code code, const std::string& word) {
    const auto gguf = Gguf::open(first);
    ASSERT_FALSE(gguf.has_value());
    EXPECT_EQ(gguf.status().code(), code) << gguf.status().message();
    EXPECT_NE(gguf.status().message().find(word), std::string::npos) << gguf.status().message();
  };
  expect(Code::not_found, "m-00002-of-00002.gguf");
  write("m-00002-of-00002.gguf", part(1, 3, "b"));
  expect(Code::corrupt, "split.count");
  write("m-00002-of-00002.gguf", part(0, 2, "b"));
  expect(Code::corrupt, "split.no");
  write("m-00002-of-00002.gguf", part(UINT16_MAX, 2, "b"));
  expect(Code::corrupt, "split.no");
  write("m-00002-of-00002.gguf", part(1, 2, "b", 2, "other"));
  expect(Code::corrupt, "general.architecture");
  write("m-00002-of-00002.gguf", part(1, 2, "b", 7));
  expect(Code::corrupt, "split.tensors.count");
  write("m-00002-of-00002.gguf", part(1, 2, "a"));
  expect(Code::corrupt, "twice");
  write("m-00002-of-00002.gguf", RawGguf().encode());
  expect(Code::not_found, "split.count");
  write("m-00002-of-00002.gguf", "GGUF");
  expect(Code::corrupt, "m-00002-of-00002.gguf");
  write("m-00001-of-00002.gguf", part(0, 2, "a", 3));
  write("m-00002-of-00002.gguf", part(1, 2, "b", 3));
  expect(Code::corrupt, "split.tensors.count");
  EXPECT_EQ(Gguf::open(write("renamed.gguf", part(0, 2, "a"))).status().code(), Code::invalid);
  EXPECT_EQ(Gguf::open(write("m-00003-of-00002.gguf", part(0, 2, "a"))).status().code(),
            Code::invalid);
  EXPECT_EQ(Gguf::open(write("m-0000x-of-00002.gguf", part(0, 2, "a"))).status().code(),
            Code::invalid);
}

TEST(GgufCorpus, FilesThatBrokeAnotherReader) {
  const std::filesystem::path folder =
      std::filesystem::path(HEARTH_SHARED_DIR) / "fixtures/malformed/gguf_bitnet_rs";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no shared fixtures beside the repository";
  int files = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    const auto gguf = Gguf::open(file.path().string());
    if (gguf) {
      for (const GgufValue& value : gguf->metadata()) EXPECT_FALSE(value.to_string().empty());
    }
    ++files;
  }
  EXPECT_GT(files, 100);
}

}  // namespace
}  // namespace hearth
