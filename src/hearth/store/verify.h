// Every byte of a stored model against its manifest; what differs is told to the block of 16 MiB,
// and only that is fetched again.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "hearth/base/status.h"
#include "hearth/store/hub.h"
#include "hearth/store/store.h"

namespace hearth::store {

enum class Fault {
  missing,   // or of another size, or no plain file
  content,   // some blocks differ
  manifest,  // the manifest contradicts itself: its blocks match, its checksum doesn't, or both
             // ways
};

std::string_view fault_name(Fault fault);

struct Damage {
  std::string path;
  Fault fault = Fault::missing;
  std::vector<int64_t> blocks;                      // which differ
  std::vector<std::pair<int64_t, int64_t>> ranges;  // their bytes [begin, end), neighbours joined
};

struct VerifyReport {
  int64_t files = 0;      // with a checksum, which were read
  int64_t unchecked = 0;  // of other stores: without one
  int64_t bytes = 0;
  std::vector<Damage> damages;
};

// Of our own store.
Result<VerifyReport> verify_own(const Places& places, const OwnModel& model,
                                const TransferEvents& events);

// Of another tool's store: files that bear their SHA-256 as a name.
Result<VerifyReport> verify_foreign(const StoredModel& model, const TransferEvents& events);

// Fetches what is broken from the hub that the model came from, and checks it before it is written.
// Takes the model's lock. The caller verifies again afterwards.
Status repair(const Places& places, HttpClient& client, const Hub& hub, const ModelRef& ref,
              const OwnModel& model, const std::vector<Damage>& damages,
              const TransferOptions& options, const TransferEvents& events);

}  // namespace hearth::store
