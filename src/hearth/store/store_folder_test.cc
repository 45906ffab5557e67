// Links that lead out of the store, other kinds of files, two writers.
#include "hearth/store/store_folder.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace hearth::store {
namespace {

namespace fs = std::filesystem;

class Folder : public testing::Test {
 protected:
  Folder() {
    std::string name = (fs::temp_directory_path() / "hearth_store_XXXXXX").string();
    CHECK(::mkdtemp(name.data()) != nullptr);
    root_ = name;
    fs::create_directories(root_ / "store/inside");
    std::ofstream(root_ / "outside.txt") << "secret";
  }
  ~Folder() override { fs::remove_all(root_); }

  StoreFolder open() const {
    auto folder = StoreFolder::open((root_ / "store").string(), false);
    CHECK(folder.has_value());
    return *std::move(folder);
  }

  fs::path root_;
};

TEST_F(Folder, FilesComeBack) {
  const StoreFolder folder = open();
  auto file = folder.open_file("new/deep/a.bin", O_RDWR | O_CREAT);
  ASSERT_TRUE(file.has_value()) << file.status().message();
  const std::string text = "abcdef";
  EXPECT_TRUE(file->write(0, std::as_bytes(std::span(text))).is_ok());
  EXPECT_EQ(*folder.read_text("new/deep/a.bin", 100), text);
  EXPECT_EQ(folder.read_text("new/deep/a.bin", 5).status().code(), Code::corrupt);
  EXPECT_EQ(**folder.size_of("new/deep/a.bin"), 6);
  EXPECT_FALSE(folder.size_of("new/none")->has_value());
  EXPECT_TRUE(folder.remove_file("new/deep/a.bin").is_ok());
  EXPECT_TRUE(folder.remove_file("new/deep/a.bin").is_ok());
  EXPECT_EQ(folder.names(), (std::vector<std::string>{"inside", "new"}));
}

TEST_F(Folder, LinksAreNotFollowed) {
  fs::create_symlink(root_ / "outside.txt", root_ / "store/link.txt");
  fs::create_directory_symlink(root_, root_ / "store/up");
  const StoreFolder folder = open();
  for (const char* path : {"link.txt", "up/outside.txt"}) {
    EXPECT_EQ(folder.open_file(path, O_RDONLY).status().code(), Code::corrupt) << path;
    EXPECT_EQ(folder.open_file(path, O_RDWR | O_CREAT).status().code(), Code::corrupt) << path;
    EXPECT_EQ(folder.size_of(path).status().code(), Code::corrupt) << path;
  }
  EXPECT_EQ(folder.below("up/store", true).status().code(), Code::corrupt);
  EXPECT_EQ(folder.open_file("../outside.txt", O_RDONLY).status().code(), Code::corrupt);
  EXPECT_TRUE(folder.remove_tree("up").is_ok());  // the link, not what it leads to
  EXPECT_TRUE(fs::exists(root_ / "outside.txt"));
}

TEST_F(Folder, OtherKindsAreRefusedWithoutWaiting) {
  ASSERT_EQ(::mkfifo((root_ / "store/pipe").c_str(), 0600), 0);
  const StoreFolder folder = open();
  EXPECT_EQ(folder.open_file("pipe", O_RDONLY).status().code(), Code::corrupt);
  EXPECT_FALSE(folder.open_file("inside", O_RDONLY).has_value());
}

TEST_F(Folder, OneWriterForEachModel) {
  const StoreFolder folder = open();
  {
    const auto first = ModelLock::take(folder, "a");
    ASSERT_TRUE(first.has_value());
    const auto second = ModelLock::take(folder, "a");
    ASSERT_FALSE(second.has_value());
    EXPECT_EQ(second.status().code(), Code::busy);
    EXPECT_NE(second.status().message().find(fmt::format("process {}", ::getpid())),
              std::string::npos);
    EXPECT_TRUE(ModelLock::take(folder, "b").has_value());
  }
  EXPECT_TRUE(ModelLock::take(folder, "a").has_value());
}

}  // namespace
}  // namespace hearth::store
