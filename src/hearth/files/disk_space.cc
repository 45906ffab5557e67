// Asks the file system of the nearest folder that exists.
#include "hearth/files/disk_space.h"

#include <filesystem>

namespace hearth {

namespace fs = std::filesystem;

Status check_disk(const std::string& path, int64_t bytes) {
  std::error_code failed;
  fs::path folder = fs::absolute(path, failed);
  while (!fs::is_directory(folder, failed) && folder.has_relative_path()) {
    folder = folder.parent_path();
  }
  const fs::space_info space = fs::space(folder, failed);
  if (failed || space.available >= static_cast<uintmax_t>(bytes)) return Status::ok();
  return error(Code::no_memory, "{}: needs {:.1f} GB, the disk has {:.1f} GB left", path,
               static_cast<double>(bytes) / 1e9, static_cast<double>(space.available) / 1e9);
}

}  // namespace hearth
