// A folder that plays /proc and /sys (the tests write the few files that a machine would show), and
// a library that plays NVIDIA's driver.
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

#if defined(HEARTH_FAKE_NVML)
// A copy of the fake NVML with a script of its own (see fake_nvml.cc).
class FakeGpus {
 public:
  explicit FakeGpus(const std::string& text) {
    static int count = 0;
    folder_ = testing::TempDir() + fmt::format("gpus_{}_{}", ::getpid(), count++);
    std::filesystem::create_directories(folder_);
    std::filesystem::copy_file(HEARTH_FAKE_NVML, library());
    script(text);
  }
  ~FakeGpus() { std::filesystem::remove_all(folder_); }
  FakeGpus(const FakeGpus&) = delete;
  FakeGpus& operator=(const FakeGpus&) = delete;

  // Replaced whole: a reader sees the old text or the new one.
  void script(const std::string& text) {
    std::ofstream(folder_ + "/new.txt") << text;
    std::filesystem::rename(folder_ + "/new.txt", folder_ + "/gpus.txt");
  }
  std::string library() const { return folder_ + "/libnvidia-ml.so.1"; }

 private:
  std::string folder_;
};
#endif

}  // namespace hearth::testing_sensors
