// A folder of the store, held open. Whatever lies below it is reached part by part without
// following a link, so that a link that somebody planted leads nowhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/status.h"

namespace hearth::store {

// An open file or folder. Move-only.
class FileHandle {
 public:
  FileHandle() = default;
  FileHandle(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  FileHandle(FileHandle&& other) noexcept;
  FileHandle& operator=(FileHandle&& other) noexcept;
  FileHandle(const FileHandle&) = delete;
  FileHandle& operator=(const FileHandle&) = delete;
  ~FileHandle();

  int fd() const { return fd_; }
  const std::string& path() const { return path_; }  // for messages

  Result<int64_t> size() const;
  // no_memory, here of the disk: it is full, or a limit on the size of files is reached.
  Status write(int64_t offset, std::span<const std::byte> bytes) const;
  Result<int64_t> read(int64_t offset, std::span<std::byte> bytes) const;  // 0: the end
  Status cut(int64_t bytes) const;
  Status flush() const;  // to the disk

 private:
  int fd_ = -1;
  std::string path_;
};

class StoreFolder {
 public:
  // The user's own choice: links on the way to it are followed.
  static Result<StoreFolder> open(const std::string& path, bool create);

  // Paths below are relative; corrupt where one is none or leads over a link; not_found where it is
  // absent and not to be made.
  Result<StoreFolder> below(std::string_view path, bool create) const;
  Result<FileHandle> open_file(std::string_view path, int flags) const;
  Result<std::string> read_text(std::string_view path, int64_t bytes_max) const;
  // nullopt: nothing there; corrupt: something that is no plain file.
  Result<std::optional<int64_t>> size_of(std::string_view path) const;
  Status rename(const std::string& from, const std::string& to) const;  // in the same folder
  Status link(const StoreFolder& from, std::string_view name, std::string_view to) const;
  Status remove_file(std::string_view path) const;  // absent is fine
  Status remove_tree(std::string_view name) const;
  std::vector<std::string> names() const;  // sorted; at most 10,000
  Status flush() const;

  const std::string& path() const { return folder_.path(); }

 private:
  explicit StoreFolder(FileHandle folder) : folder_(std::move(folder)) {}
  FileHandle folder_;
};

// One writer for each model: held as long as it lives. busy: another process has it.
class ModelLock {
 public:
  static Result<ModelLock> take(const StoreFolder& home, const std::string& model);

 private:
  explicit ModelLock(FileHandle file) : file_(std::move(file)) {}
  FileHandle file_;
};

}  // namespace hearth::store
