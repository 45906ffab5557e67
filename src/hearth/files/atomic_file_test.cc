// The old file stays whole until the new one is; nothing is left behind by a failure.
#include "hearth/files/atomic_file.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "hearth/base/mapped_file.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

TEST(AtomicFile, ReplacesOnCommitOnly) {
  const std::string path = testing::TempDir() + "atomic";
  fs::remove_all(path);
  for (const char* content : {"first", "second"}) {
    auto file = AtomicFile::create(path);
    ASSERT_TRUE(file.has_value());
    ASSERT_TRUE(file->write(std::string_view(content)).is_ok());
    EXPECT_NE(fs::exists(path) ? *read_file(path, 100) : "", content);
    AtomicFile moved = std::move(*file);
    ASSERT_TRUE(moved.commit().is_ok());
    EXPECT_EQ(*read_file(path, 100), content);
  }
  {
    auto abandoned = AtomicFile::create(path);
    ASSERT_TRUE(abandoned->write(std::string_view("third")).is_ok());
  }
  EXPECT_EQ(*read_file(path, 100), "second");
  EXPECT_FALSE(fs::exists(path + ".partial"));
}

TEST(AtomicFile, SaysWhyItFails) {
  const std::string path = testing::TempDir() + "atomic_folder";
  fs::create_directories(path + "/x");
  auto file = AtomicFile::create(path);
  ASSERT_TRUE(file.has_value());
  const Status failed = file->commit();
  EXPECT_EQ(failed.code(), Code::internal);
  EXPECT_NE(failed.message().find(path), std::string::npos);
  EXPECT_FALSE(fs::exists(path + ".partial"));
  fs::create_symlink("/dev/null", path + ".partial");
  EXPECT_EQ(AtomicFile::create(path).status().code(), Code::invalid);  // no writing through links
  fs::remove(path + ".partial");
  fs::remove_all(path);
}

}  // namespace
}  // namespace hearth
