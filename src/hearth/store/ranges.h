// One file by ranges of 8 MiB, several on their way at once over connections of their own, handed
// over in order: one connection seldom fills the line to an S3 store, and what is hashed and
// written stays a beginning of the file, so that a pull that breaks off goes on there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "hearth/base/function_ref.h"
#include "hearth/base/status.h"
#include "hearth/store/download.h"

namespace hearth::store {

inline constexpr int64_t kRangeBytes = int64_t{8} << 20;

// The bytes [begin, total) of a file of `total` bytes. `take` and `events` are called by this
// thread alone. At most 2 * options.connections ranges are held.
Status fetch_ranges(HttpClient& client, const RemoteFile& remote, int64_t begin, int64_t total,
                    const TransferOptions& options, const TransferEvents& events,
                    FunctionRef<Status(std::span<const std::byte>)> take);

}  // namespace hearth::store
