// The file that survives its writer: what an earlier run recorded comes back, another job's does
// not, and two writers can't meet.
#include "hearth/convert/partial_file.h"

#include <cstring>
#include <fstream>

#include "hearth/convert/testing.h"

namespace hearth {
namespace {

using test::Folder;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

PartialFile must_open(const std::string& path, const std::string& job, int64_t bytes = 8) {
  auto file = PartialFile::open(path, job, bytes);
  EXPECT_TRUE(file.has_value()) << file.status().message();
  return *std::move(file);
}

TEST(PartialFile, ComesBackToItsJob) {
  const Folder folder;
  const std::string path = folder / "out";
  {
    PartialFile file = must_open(path, "job");
    EXPECT_TRUE(file.recorded().empty());
    EXPECT_TRUE(file.write(2, bytes_of("abc")).is_ok());
    EXPECT_TRUE(file.record("one").is_ok());
    EXPECT_TRUE(file.record("two").is_ok());
  }
  std::ofstream(path + ".journal", std::ios::app) << "torn";
  EXPECT_FALSE(std::filesystem::exists(path));
  {
    PartialFile file = must_open(path, "job");
    EXPECT_EQ(file.recorded(), (std::vector<std::string>{"one", "two"}));
    std::vector<std::byte> back(3);
    EXPECT_TRUE(file.read(2, back).is_ok());
    EXPECT_EQ(std::memcmp(back.data(), "abc", 3), 0);
    EXPECT_TRUE(file.record("three").is_ok());
    EXPECT_TRUE(file.commit().is_ok());
  }
  EXPECT_EQ(test::content(path), std::string("\0\0abc\0\0\0", 8));
  EXPECT_FALSE(std::filesystem::exists(path + ".journal"));
  EXPECT_FALSE(std::filesystem::exists(path + ".partial"));
}

TEST(PartialFile, AnotherJobFindsNothing) {
  const Folder folder;
  const std::string path = folder / "out";
  {
    PartialFile file = must_open(path, "job");
    EXPECT_TRUE(file.write(0, bytes_of("abc")).is_ok());
    EXPECT_TRUE(file.record("one").is_ok());
  }
  PartialFile file = must_open(path, "other", 3);
  EXPECT_TRUE(file.recorded().empty());
  EXPECT_EQ(test::content(path + ".partial"), std::string(3, '\0'));
  file.discard();
  EXPECT_FALSE(std::filesystem::exists(path + ".journal"));
  EXPECT_FALSE(std::filesystem::exists(path + ".partial"));
}

TEST(PartialFile, HasOneWriter) {
  const Folder folder;
  const PartialFile file = must_open(folder / "out", "job");
  const auto second = PartialFile::open(folder / "out", "job", 8);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.status().code(), Code::busy);
}

TEST(PartialFile, RefusesAFolderThatIsNotThere) {
  const Folder folder;
  const auto file = PartialFile::open(folder / "none/out", "job", 8);
  ASSERT_FALSE(file.has_value());
  EXPECT_NE(file.status().message().find("none/out.journal"), std::string::npos);
}

}  // namespace
}  // namespace hearth
