// The old file stays whole until the new one is; nothing is left behind by a failure.
#include "hearth/files/atomic_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

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

fs::perms mode_of(const std::string& path) {
  return fs::status(path).permissions();
}

TEST(AtomicFile, TakesNothingOverFromALeftOverPartial) {
  const std::string path = testing::TempDir() + "atomic_secret";
  fs::remove(path);
  std::ofstream(path + ".partial") << "left over";
  fs::permissions(path + ".partial", fs::perms::all);
  std::ifstream reader(path + ".partial");  // somebody who opened it while it was readable
  const mode_t mask = ::umask(0277);        // would take the owner's right to write, too
  const Status written = write_whole(path, "secret", 0600);
  ::umask(0022);
  ASSERT_TRUE(written.is_ok()) << written.message();
  EXPECT_EQ(mode_of(path), fs::perms(0600));
  EXPECT_EQ(*read_file(path, 100), "secret");
  std::string seen;
  std::getline(reader, seen);
  EXPECT_EQ(seen, "left over");
  ASSERT_TRUE(write_whole(path, "public").is_ok());
  ::umask(mask);
  EXPECT_EQ(mode_of(path), fs::perms(0644));
  fs::remove(path);
}

}  // namespace
}  // namespace hearth
