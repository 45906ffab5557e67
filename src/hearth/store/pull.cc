// See pull.h.
#include "hearth/store/pull.h"

#include <fcntl.h>
#include <fmt/chrono.h>

#include <algorithm>
#include <ctime>

#include "hearth/base/sha256.h"
#include "hearth/files/atomic_file.h"
#include "hearth/files/disk_space.h"
#include "hearth/files/outside_bytes.h"
#include "hearth/store/transfer.h"

namespace hearth::store {
namespace {

constexpr size_t kVersionDigits = 12;
constexpr size_t kReadBytes = size_t{1} << 20;
constexpr std::string_view kAcceptedName = "accepted";
constexpr int64_t kAcceptedMax = 4096;

std::string now() {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
}

// Of the commit; where the hub names none, of what it lists.
std::string version_of(const RepoListing& listing) {
  if (!listing.commit.empty()) return listing.commit.substr(0, kVersionDigits);
  Sha256 sum;
  for (const RepoFile& file : listing.files) {
    sum.update(fmt::format("{}{} {}\n", file.sha256, file.etag, file.path));
  }
  return sum.hex().substr(0, kVersionDigits);
}

FileRecord record_of(const RepoFile& file, FileHashes hashes) {
  FileRecord out;
  out.path = file.path;
  out.bytes = file.bytes;
  out.sha256 = std::move(hashes.sha256);
  if (hashes.blocks.size() > 1) out.blocks = std::move(hashes.blocks);
  out.checked = checked_against(file);
  out.etag = file.etag;
  return out;
}

// A record of an earlier pull is about these very bytes. Git's names of small files aren't
// recorded.
bool same_content(const FileRecord& record, const RepoFile& file) {
  if (record.bytes != file.bytes) return false;
  if (!file.sha256.empty()) return record.sha256 == file.sha256;
  return !file.etag.empty() && record.etag == file.etag;
}

// What stands in a place of a path that belongs to a folder of the same version.
bool has_size(const StoreFolder& folder, const RepoFile& file) {
  const auto size = folder.size_of(file.path);
  return size && *size == file.bytes;
}

}  // namespace

Result<FileHashes> hash_file(const StoreFolder& folder, const std::string& path, int64_t bytes,
                             const TransferEvents& events) {
  TRY_ASSIGN(const FileHandle file, folder.open_file(path, O_RDONLY));
  BlockHasher hasher(bytes);
  std::vector<std::byte> buffer(kReadBytes);
  for (;;) {
    TRY_ASSIGN(const int64_t got, file.read(hasher.bytes(), buffer));
    if (got == 0) break;
    hasher.update(std::span(buffer).first(static_cast<size_t>(got)));
    if (events.advanced) events.advanced(got);
  }
  return hasher.finish();
}

bool matches(const FileHashes& hashes, const RepoFile& file) {
  if (!file.sha256.empty()) return hashes.sha256 == file.sha256;
  // Without a checksum: a file has its name, in the folder of this very ETag, when all of it came.
  return file.git_sha1.empty() || hashes.git_sha1 == file.git_sha1;
}

Pull::Pull(Hub hub, ModelRef ref, RepoListing listing, SelectedFiles selected, ModelLock lock,
           StoreFolder models, StoreFolder model, StoreFolder version)
    : hub_(std::move(hub)),
      ref_(std::move(ref)),
      listing_(std::move(listing)),
      selected_(std::move(selected)),
      lock_(std::move(lock)),
      models_(std::move(models)),
      model_(std::move(model)),
      version_(std::move(version)),
      folder_(fmt::format("{}/{}", version_of(listing_), ref_.place())) {}

Result<Pull> Pull::prepare(const Places& places, HttpClient& client, const Hub& hub,
                           const ModelRef& ref, const TransferOptions& options,
                           const TransferEvents& events) {
  TRY_ASSIGN(const StoreFolder home, StoreFolder::open(places.home, true));
  TRY_ASSIGN(ModelLock lock, ModelLock::take(home, ref.folder()));
  TRY_ASSIGN(RepoListing listing, fetch_listing(client, hub, ref, options, events));
  TRY_ASSIGN(SelectedFiles selected, select_files(listing, ref));
  TRY_ASSIGN(StoreFolder models, StoreFolder::open(home.path() + "/models", true));
  TRY_ASSIGN(StoreFolder model, models.below(ref.folder(), true));
  const std::string folder = fmt::format("{}/{}", version_of(listing), ref.place());
  TRY_ASSIGN(StoreFolder version, model.below(folder, true));
  Pull out(hub, ref, std::move(listing), std::move(selected), std::move(lock), std::move(models),
           std::move(model), std::move(version));
  out.look_around();
  return out;
}

void Pull::look_around() {
  if (auto text = model_.read_text("manifest.json", kManifestBytesMax)) {
    if (auto manifest = parse_manifest(*text)) before_ = *std::move(manifest);
  }
  if (auto text = model_.read_text(kAcceptedName, kAcceptedMax)) {
    const size_t line = text->find('\n');
    if (line != text->npos && text->substr(0, line) == listing_.licence) {
      accepted_ = excerpt(text->substr(line + 1, text->find('\n', line + 1) - line - 1));
    }
  }
  bytes_present_ = 0;
  for (const RepoFile& file : selected_.files) {
    bytes_present_ += store::bytes_present(version_, file);
  }
}

bool Pull::complete() const {
  if (!before_ || before_->folder != folder_ || before_->gguf != selected_.gguf) return false;
  return std::all_of(selected_.files.begin(), selected_.files.end(), [&](const RepoFile& file) {
    const FileRecord* record = before_->find(file.path);
    return record != nullptr && record->bytes == file.bytes && has_size(version_, file);
  });
}

Status Pull::accept_licence() {
  accepted_ = now();
  return write_whole(fmt::format("{}/{}", model_.path(), kAcceptedName),
                     fmt::format("{}\n{}\n", listing_.licence, accepted_));
}

void Pull::abandon() {
  if (before_ || bytes_present_ > 0 || !accepted_.empty()) return;
  if (!models_.remove_tree(ref_.folder()).is_ok()) return;  // an empty folder is no harm
}

// What needs no download: of an earlier pull of this version, whole or broken off; of another
// version with the same bytes.
Result<std::optional<FileRecord>> Pull::take_over(const RepoFile& file,
                                                  const TransferEvents& events) {
  const FileRecord* record = before_ ? before_->find(file.path) : nullptr;
  const bool same_version = before_ && before_->folder == folder_;
  if (record != nullptr && !same_version && same_content(*record, file)) {
    auto old = model_.below(before_->folder, false);
    const size_t slash = file.path.rfind('/');
    if (old && slash == file.path.npos && has_size(*old, file)) {
      if (old->open_file(file.path, O_RDONLY)) TRY(version_.link(*old, file.path, file.path));
      if (events.advanced && has_size(version_, file)) events.advanced(file.bytes);
      if (has_size(version_, file)) return std::optional(*record);
    }
  }
  if (!has_size(version_, file)) return std::optional<FileRecord>();
  if (record != nullptr && same_version && record->bytes == file.bytes) {
    if (events.advanced) events.advanced(file.bytes);
    return std::optional(*record);
  }
  TRY_ASSIGN(FileHashes hashes, hash_file(version_, file.path, file.bytes, events));
  if (matches(hashes, file)) return std::optional(record_of(file, std::move(hashes)));
  if (events.advanced) events.advanced(-file.bytes);
  TRY(version_.remove_file(file.path));
  return std::optional<FileRecord>();
}

Result<FileRecord> Pull::obtain(const RepoFile& file, HttpClient& client,
                                const TransferOptions& options, const TransferEvents& events) {
  TRY_ASSIGN(std::optional<FileRecord> there, take_over(file, events));
  if (there) return *std::move(there);
  const RemoteFile remote{hub_.file_url(ref_, listing_.commit, file.path), hub_.access, file.etag};
  return download_file(client, remote, file, version_, options, events);
}

Status Pull::remove_other_versions() const {
  const std::string version = folder_.substr(0, folder_.find('/'));
  for (const std::string& name : model_.names()) {
    if (name != version && name != "manifest.json" && name != kAcceptedName) {
      TRY(model_.remove_tree(name));
    }
  }
  return Status::ok();
}

Result<OwnModel> Pull::run(HttpClient& client, const TransferOptions& options,
                           const TransferEvents& events) {
  TRY(check_disk(version_.path(), selected_.bytes - bytes_present_));
  Manifest manifest;
  manifest.name = ref_.name();
  manifest.source = ref_.text();
  manifest.endpoint = hub_.endpoint;
  manifest.commit = listing_.commit;
  manifest.licence = listing_.licence;
  manifest.licence_accepted = accepted_;
  manifest.folder = folder_;
  manifest.gguf = selected_.gguf;
  for (const RepoFile& file : selected_.files) {
    auto record = obtain(file, client, options, events);
    if (!record && record.status().code() == Code::no_memory) {
      return error(Code::no_memory, "{}; free space and pull again: it goes on where it stopped",
                   record.status().message());
    }
    if (!record) return std::move(record).status();
    manifest.files.push_back(*std::move(record));
  }
  manifest.pulled = now();
  TRY(write_whole(model_.path() + "/manifest.json", manifest.to_json()));
  TRY(remove_other_versions());
  OwnModel out{ref_.folder(), std::move(manifest), version_.path()};
  if (!selected_.gguf.empty()) out.path += "/" + selected_.gguf;
  return out;
}

}  // namespace hearth::store
