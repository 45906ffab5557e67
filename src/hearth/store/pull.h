// From a reference to a verified model in the store. First what would be fetched, for the user to
// see and to accept; then the files, one after the other; the manifest last.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "hearth/base/status.h"
#include "hearth/store/block_hash.h"
#include "hearth/store/hub.h"
#include "hearth/store/selection.h"
#include "hearth/store/store.h"

namespace hearth::store {

// Holds the model's lock. Move-only.
class Pull {
 public:
  // Asks the hub. busy: another process is pulling, repairing or removing this model.
  static Result<Pull> prepare(const Places& places, HttpClient& client, const Hub& hub,
                              const ModelRef& ref, const TransferOptions& options,
                              const TransferEvents& events);

  const ModelRef& ref() const { return ref_; }
  const RepoListing& listing() const { return listing_; }
  const SelectedFiles& selected() const { return selected_; }
  const std::string& path() const { return version_.path(); }
  int64_t bytes_present() const { return bytes_present_; }
  // Everything is there, verified: `run` fetches nothing.
  bool complete() const;
  // The user has accepted this licence before.
  bool licence_accepted() const { return !accepted_.empty(); }

  Status accept_licence();
  // Without a licence: leaves no trace of a model of which nothing was here before.
  void abandon();
  // no_memory: the disk can't hold it.
  Result<OwnModel> run(HttpClient& client, const TransferOptions& options,
                       const TransferEvents& events);

 private:
  Pull(Hub hub, ModelRef ref, RepoListing listing, SelectedFiles selected, ModelLock lock,
       StoreFolder models, StoreFolder model, StoreFolder version);
  void look_around();
  Result<FileRecord> obtain(const RepoFile& file, HttpClient& client,
                            const TransferOptions& options, const TransferEvents& events);
  Result<std::optional<FileRecord>> take_over(const RepoFile& file, const TransferEvents& events);
  Status remove_other_versions() const;

  Hub hub_;
  ModelRef ref_;
  RepoListing listing_;
  SelectedFiles selected_;
  ModelLock lock_;
  StoreFolder models_;              // HOME/models
  StoreFolder model_;               // HOME/models/MODEL
  StoreFolder version_;             // HOME/models/MODEL/VERSION/REPO
  std::string folder_;              // VERSION/REPO
  std::optional<Manifest> before_;  // of an earlier pull, of this version or another
  std::string accepted_;            // when
  int64_t bytes_present_ = 0;
};

// The hashes of a file that is there; `advanced` is told as it is read.
Result<FileHashes> hash_file(const StoreFolder& folder, const std::string& path, int64_t bytes,
                             const TransferEvents& events);

// Whether a file has the checksum that the hub gave; an S3 store may have given none.
bool matches(const FileHashes& hashes, const RepoFile& file);

}  // namespace hearth::store
