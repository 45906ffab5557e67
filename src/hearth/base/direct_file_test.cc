// Pieces at any offset are the file's bytes, with and without the page cache; a file that changes
// under way is told from a good one.
#include "hearth/base/direct_file.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

#include "hearth/base/random.h"

namespace hearth {
namespace {

std::string written(const char* name, const std::vector<char>& content) {
  const std::string path = testing::TempDir() + name;
  std::ofstream(path, std::ios::binary)
      .write(content.data(), static_cast<std::streamsize>(content.size()));
  return path;
}

struct Room {
  explicit Room(int64_t bytes)
      : data(static_cast<std::byte*>(
            std::aligned_alloc(4096, static_cast<size_t>(DirectFile::room_bytes(bytes))))) {}
  ~Room() { std::free(data); }
  std::byte* data;
};

TEST(DirectFile, ReadsAnyPiece) {
  std::vector<char> content(50'001);
  for (size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 131 >> 3);
  const std::string path = written("direct", content);
  const auto size = static_cast<int64_t>(content.size());
  for (const bool past_cache : {true, false}) {
    const auto file = DirectFile::open(path, past_cache);
    ASSERT_TRUE(file.has_value()) << file.status().message();
    for (uint64_t n = 0; n < 300; ++n) {
      const int64_t offset = static_cast<int64_t>(splitmix64(2 * n) % content.size());
      const int64_t bytes =
          static_cast<int64_t>(splitmix64(2 * n + 1) % static_cast<uint64_t>(size - offset + 1));
      const Room room(bytes);
      const auto read = (*file)->read(offset, bytes, room.data);
      ASSERT_TRUE(read.has_value()) << read.status().message();
      ASSERT_EQ(std::memcmp(*read, content.data() + offset, static_cast<size_t>(bytes)), 0);
      ASSERT_LE(*read + bytes, room.data + DirectFile::room_bytes(bytes));
    }
  }
}

TEST(DirectFile, TellsAFileThatChanged) {
  for (const bool past_cache : {true, false}) {
    const std::string path = written("changing", std::vector<char>(20'000, 'x'));
    const auto file = DirectFile::open(path, past_cache);
    ASSERT_TRUE(file.has_value());
    const Room room(9000);
    EXPECT_TRUE((*file)->read(8000, 9000, room.data).has_value());
    std::filesystem::resize_file(path, 10'000);
    const auto cut = (*file)->read(8000, 9000, room.data);
    ASSERT_FALSE(cut.has_value());
    EXPECT_EQ(cut.status().code(), Code::corrupt);
    EXPECT_NE(cut.status().message().find("expected 20000 bytes, found 10000"), std::string::npos);
    EXPECT_FALSE((*file)->read(0, 100, room.data).has_value());  // though these bytes are there
  }
}

TEST(DirectFile, RefusesWhatIsNoFile) {
  EXPECT_EQ(DirectFile::open(testing::TempDir() + "absent").status().code(), Code::not_found);
  EXPECT_EQ(DirectFile::open("/tmp").status().code(), Code::invalid);
  EXPECT_EQ(DirectFile::open("/dev/zero").status().code(), Code::invalid);
}

}  // namespace
}  // namespace hearth
