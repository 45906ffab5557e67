// The outline of a model that is elsewhere, for whoever plans and computes nothing: its small JSON
// files whole, of its weights the heads alone, each in a file of the whole one's size whose rest
// takes no room on the disk.
#pragma once

#include <cstdint>
#include <string>

#include "hearth/base/function_ref.h"
#include "hearth/base/status.h"
#include "hearth/store/hub.h"

namespace hearth::store {

struct Outline {
  std::string path;     // what a reader opens: the folder, or a GGUF file in it
  int64_t bytes = 0;    // of all files that a pull would fetch
  int64_t fetched = 0;  // of them
};

// Into `folder`, which is empty. `progress`: files that are done, files there are. What the readers
// of weights would refuse is left to them.
Result<Outline> fetch_outline(HttpClient& client, const Hub& hub, const ModelRef& ref,
                              const std::string& folder, const TransferOptions& options,
                              const TransferEvents& events,
                              FunctionRef<void(int64_t done, int64_t files)> progress);

}  // namespace hearth::store
