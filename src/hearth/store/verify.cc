// See verify.h.
#include "hearth/store/verify.h"

#include <fcntl.h>

#include <algorithm>
#include <filesystem>

#include "hearth/base/checked_math.h"
#include "hearth/base/sha256.h"
#include "hearth/store/block_hash.h"
#include "hearth/store/pull.h"
#include "hearth/store/safe_name.h"

namespace hearth::store {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kForeignFilesMax = 10'000;

std::string block_hash_of(const FileRecord& record, size_t block) {
  return record.blocks.empty() ? record.sha256 : record.blocks[block];
}

// The blocks of a file that differ, with the ranges that they cover.
Damage compare(const FileRecord& record, const FileHashes& found) {
  Damage out{record.path, Fault::content, {}, {}};
  const size_t count = record.blocks.empty() ? 1 : record.blocks.size();
  for (size_t i = 0; i < count; ++i) {
    const bool whole = record.blocks.empty();
    if (block_hash_of(record, i) == (whole ? found.sha256 : found.blocks[i])) continue;
    const int64_t begin = static_cast<int64_t>(i) * kBlockBytes;
    const int64_t end = whole ? record.bytes : std::min(begin + kBlockBytes, record.bytes);
    out.blocks.push_back(static_cast<int64_t>(i));
    if (!out.ranges.empty() && out.ranges.back().second == begin) {
      out.ranges.back().second = end;
    } else {
      out.ranges.emplace_back(begin, end);
    }
  }
  const bool same = found.sha256 == record.sha256;
  if (same == !out.blocks.empty()) out.fault = Fault::manifest;
  return out;
}

Result<StoreFolder> open_files(const Places& places, const OwnModel& model) {
  TRY_ASSIGN(const StoreFolder models, StoreFolder::open(places.home + "/models", false));
  TRY_ASSIGN(const StoreFolder place, models.below(model.folder, false));
  return place.below(model.manifest.folder, true);
}

// The digest that a file of another store has as its name, or the blob that a link leads to.
std::string digest_in_name(const fs::path& path) {
  std::error_code failure;
  std::string name = fs::canonical(path, failure).filename().string();
  constexpr std::string_view kOllama = "sha256-";
  if (name.starts_with(kOllama)) name = name.substr(kOllama.size());
  return !failure && is_hex(name, 64) ? name : "";
}

Status verify_foreign_file(const fs::path& path, const TransferEvents& events,
                           VerifyReport& report) {
  const std::string wanted = digest_in_name(path);
  if (wanted.empty()) {
    ++report.unchecked;
    return Status::ok();
  }
  std::error_code failure;
  const fs::path real = fs::canonical(path, failure);
  TRY_ASSIGN(const StoreFolder folder, StoreFolder::open(real.parent_path().string(), false));
  TRY_ASSIGN(const FileHandle file, folder.open_file(real.filename().string(), O_RDONLY));
  TRY_ASSIGN(const int64_t bytes, file.size());
  TRY_ASSIGN(const FileHashes hashes, hash_file(folder, real.filename().string(), bytes, events));
  ++report.files;
  report.bytes += bytes;
  if (hashes.sha256 != wanted) {
    report.damages.push_back({path.filename().string(), Fault::content, {}, {{0, bytes}}});
  }
  return Status::ok();
}

// Block by block into memory, hashed there, and only then into its place.
Status repair_blocks(const Damage& damage, const FileRecord& record, HttpClient& client,
                     const RemoteFile& remote, const StoreFolder& folder,
                     const TransferOptions& options, const TransferEvents& events) {
  TRY_ASSIGN(const FileHandle file, folder.open_file(record.path, O_RDWR));
  for (const int64_t block : damage.blocks) {
    const int64_t begin = block * kBlockBytes;
    const int64_t bytes = std::min(kBlockBytes, record.bytes - begin);
    TRY_ASSIGN(const std::string got,
               download_range(client, remote, begin, bytes, record.bytes, options, events));
    Sha256 sum;
    sum.update(got);
    const std::string wanted = block_hash_of(record, static_cast<size_t>(block));
    if (sum.hex() != wanted) {
      return error(Code::corrupt,
                   "{}: the hub has other bytes from {} on: expected sha256 {}, found {}",
                   record.path, begin, wanted, sum.hex());
    }
    TRY(file.write(begin, std::as_bytes(std::span(got))));
    if (events.advanced) events.advanced(bytes);
  }
  return file.flush();
}

}  // namespace

std::string_view fault_name(Fault fault) {
  switch (fault) {
    case Fault::missing:
      return "missing";
    case Fault::content:
      return "content";
    default:
      return "manifest";
  }
}

Result<VerifyReport> verify_own(const Places& places, const OwnModel& model,
                                const TransferEvents& events) {
  TRY_ASSIGN(const StoreFolder folder, open_files(places, model));
  VerifyReport report;
  for (const FileRecord& record : model.manifest.files) {
    const auto size = folder.size_of(record.path);
    ++report.files;
    if (!size || *size != record.bytes) {
      report.damages.push_back({record.path, Fault::missing, {}, {{0, record.bytes}}});
      continue;
    }
    TRY_ASSIGN(const FileHashes found, hash_file(folder, record.path, record.bytes, events));
    report.bytes += record.bytes;
    Damage damage = compare(record, found);
    if (damage.fault == Fault::manifest || !damage.blocks.empty()) {
      report.damages.push_back(std::move(damage));
    }
  }
  return report;
}

Result<VerifyReport> verify_foreign(const StoredModel& model, const TransferEvents& events) {
  VerifyReport report;
  std::error_code failure;
  if (!fs::is_directory(model.path, failure)) {
    TRY(verify_foreign_file(model.path, events, report));
    return report;
  }
  int64_t seen = 0;
  for (const auto& entry : fs::recursive_directory_iterator(model.path, failure)) {
    if (++seen > kForeignFilesMax) break;
    if (entry.is_regular_file(failure)) TRY(verify_foreign_file(entry.path(), events, report));
  }
  return report;
}

Status repair(const Places& places, HttpClient& client, const Hub& hub, const ModelRef& ref,
              const OwnModel& model, const std::vector<Damage>& damages,
              const TransferOptions& options, const TransferEvents& events) {
  TRY(check_hub(hub));
  TRY_ASSIGN(const StoreFolder home, StoreFolder::open(places.home, false));
  TRY_ASSIGN(const ModelLock lock, ModelLock::take(home, ref.folder()));
  TRY_ASSIGN(const StoreFolder folder, open_files(places, model));
  for (const Damage& damage : damages) {
    const FileRecord* record = model.manifest.find(damage.path);
    CHECK(record != nullptr);
    if (damage.fault == Fault::manifest) {
      return error(Code::corrupt,
                   "{}: manifest.json contradicts itself; `hearth rm` and `hearth pull` the model",
                   damage.path);
    }
    const RemoteFile remote{hub.file_url(ref, model.manifest.commit, record->path), hub.access};
    if (damage.fault == Fault::content) {
      TRY(repair_blocks(damage, *record, client, remote, folder, options, events));
      continue;
    }
    TRY(folder.remove_file(record->path));
    const RepoFile file{record->path, record->bytes, record->sha256, ""};
    TRY(download_file(client, remote, file, folder, options, events));
  }
  return Status::ok();
}

}  // namespace hearth::store
