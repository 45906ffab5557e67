// A folder that plays /proc and /sys: the tests write the few files that a machine would show.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "hearth/sensors/system_root.h"

namespace hearth::testing_sensors {

class FakeRoot {
 public:
  FakeRoot() {
    static int count = 0;
    folder_ = testing::TempDir() + fmt::format("root_{}_{}", ::getpid(), count++);
    std::filesystem::create_directories(folder_);
  }
  ~FakeRoot() { std::filesystem::remove_all(folder_); }
  FakeRoot(const FakeRoot&) = delete;
  FakeRoot& operator=(const FakeRoot&) = delete;

  FakeRoot& file(const std::string& path, const std::string& text) {
    const std::filesystem::path full = folder_ + path;
    std::filesystem::create_directories(full.parent_path());
    std::ofstream(full) << text;
    return *this;
  }
  // As sysfs points to devices: `path` becomes a link to `target`, which is relative to it.
  FakeRoot& link(const std::string& path, const std::string& target) {
    std::filesystem::create_symlink(target, folder_ + path);
    return *this;
  }
  SystemRoot root() const { return SystemRoot(folder_); }

 private:
  std::string folder_;
};

}  // namespace hearth::testing_sensors
