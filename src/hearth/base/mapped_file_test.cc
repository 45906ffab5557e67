// What must not be mapped or read is refused with a line that names it.
#include "hearth/base/mapped_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

namespace hearth {
namespace {

std::string temp_path(const char* name) {
  return testing::TempDir() + name;
}

TEST(MappedFile, MapsContent) {
  const std::string path = temp_path("mapped");
  std::ofstream(path) << "hearth";
  auto file = MappedFile::open(path);
  ASSERT_TRUE(file.has_value());
  EXPECT_EQ(file->bytes().size(), 6u);
  EXPECT_EQ(static_cast<char>(file->bytes()[0]), 'h');
  EXPECT_TRUE(file->unchanged().is_ok());
  const auto range = file->range_of(file->bytes().data() + 2, 4);
  ASSERT_TRUE(range.has_value());
  EXPECT_EQ(range->path, path);
  EXPECT_EQ(range->offset, 2);
  EXPECT_EQ(range->bytes, 4);
  EXPECT_FALSE(file->range_of(file->bytes().data() + 2, 5).has_value());
  const std::byte elsewhere{};
  EXPECT_FALSE(file->range_of(&elsewhere, 1).has_value());
  std::filesystem::resize_file(path, 3);
  EXPECT_EQ(file->unchanged().code(), Code::corrupt);
}

TEST(MappedFile, RefusesWhatIsNotAFile) {
  EXPECT_EQ(MappedFile::open(temp_path("absent")).status().code(), Code::not_found);
  EXPECT_EQ(MappedFile::open("/tmp").status().code(), Code::invalid);
  EXPECT_EQ(MappedFile::open("/dev/zero").status().code(), Code::invalid);
  const std::string fifo = temp_path("fifo");
  std::remove(fifo.c_str());
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(MappedFile::open(fifo).status().code(), Code::invalid);
}

TEST(ReadFile, IsBounded) {
  const std::string path = temp_path("bounded");
  std::ofstream(path) << "0123456789";
  EXPECT_EQ(*read_file(path, 10), "0123456789");
  EXPECT_EQ(read_file(path, 9).status().code(), Code::corrupt);
}

}  // namespace
}  // namespace hearth
