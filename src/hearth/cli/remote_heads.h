// A model that is not here, for plans: the heads of its files, in a folder that goes with the
// object.
#pragma once

#include <string>

#include "hearth/base/status.h"
#include "hearth/cli/store_verbs.h"

namespace hearth::cli {

// Move-only.
class RemoteHeads {
 public:
  // `model`: as `hearth pull` takes it. Says what was read on standard error.
  static Result<RemoteHeads> fetch(const std::string& model, const TransferFlags& flags,
                                   const Session& session);
  RemoteHeads(RemoteHeads&& other) noexcept;
  RemoteHeads& operator=(RemoteHeads&&) = delete;
  ~RemoteHeads();

  const std::string& path() const { return path_; }

 private:
  explicit RemoteHeads(std::string folder) : folder_(std::move(folder)) {}

  std::string folder_;  // "": moved from
  std::string path_;
};

}  // namespace hearth::cli
