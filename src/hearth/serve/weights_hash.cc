// See weights_hash.h.
#include "hearth/serve/weights_hash.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "hearth/base/mapped_file.h"
#include "hearth/base/sha256.h"
#include "hearth/models/adapters/stored_adapter.h"

namespace hearth::serve {
namespace {

namespace fs = std::filesystem;

constexpr size_t kHashedAtOnce = 64 << 20;  // then its pages may leave memory again

Status hash_file(const std::string& path, Sha256& hash) {
  TRY_ASSIGN(const MappedFile file, MappedFile::open(path));
  const auto bytes = file.bytes();
  for (size_t at = 0; at < bytes.size(); at += kHashedAtOnce) {
    const auto piece = bytes.subspan(at, std::min(kHashedAtOnce, bytes.size() - at));
    hash.update(piece);
    forget_pages(piece.data(), static_cast<int64_t>(piece.size()));
  }
  return file.unchanged();
}

bool is_part_of_model(const fs::path& file) {
  const std::string end = file.extension().string();
  return end == ".safetensors" || end == ".gguf" || end == ".json";
}

// The files beside a part of a split GGUF file that have its name and another number.
bool is_same_split(const std::string& a, const std::string& b) {
  constexpr std::string_view kForm = "-00000-of-00000.gguf";
  if (a == b) return true;
  if (a.size() != b.size() || a.size() < kForm.size()) return false;
  const size_t number = a.size() - kForm.size() + 1;
  return a.substr(0, number) == b.substr(0, number) && a.substr(number + 5, 4) == "-of-" &&
         a.substr(number + 5) == b.substr(number + 5);
}

}  // namespace

Result<std::string> hash_of_file(const std::string& path) {
  Sha256 hash;
  TRY(hash_file(path, hash));
  return hash.hex();
}

Result<std::string> hash_of_model(const std::string& path) {
  const bool directory = fs::is_directory(path);
  const fs::path folder = directory ? fs::path(path) : fs::path(path).parent_path();
  const std::string name = fs::path(path).filename().string();
  std::vector<fs::path> files;
  std::error_code failure;
  for (fs::directory_iterator it(folder.empty() ? "." : folder, failure), end;
       !failure && it != end; it.increment(failure)) {
    const bool ours = directory ? is_part_of_model(it->path())
                                : is_same_split(name, it->path().filename().string());
    if (ours && it->is_regular_file()) files.push_back(it->path());
  }
  if (failure) return error(Code::not_found, "{}: {}", folder.string(), failure.message());
  std::ranges::sort(files);
  Sha256 hash;
  for (const fs::path& file : files) {
    Sha256 own;
    TRY(hash_file(file.string(), own));
    hash.update(fmt::format("{}  {}\n", own.hex(), file.filename().string()));
  }
  return hash.hex();
}

std::string hash_of_adapter(const std::string& path) {
  std::error_code ignored;
  const bool directory = fs::is_directory(path, ignored);
  Sha256 hash;
  const Status status =
      hash_file(directory ? (fs::path(path) / kAdapterWeightsFile).string() : path, hash);
  return status.is_ok() ? hash.hex() : "";
}

}  // namespace hearth::serve
