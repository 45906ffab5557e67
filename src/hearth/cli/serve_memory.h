// What `hearth serve` will hold, and whether this machine has room for it.
#pragma once

#include <string_view>

#include "hearth/cli/model_options.h"
#include "hearth/serve/memory_budget.h"

namespace hearth::cli {

// Of a loaded model, an engine of these settings and the fullest step that they allow; adapters
// are not counted yet.
serve::MemoryBudget serve_budget(const OpenedText& opened, const EngineOptions& settings);

// What the process holds beside its models and adapters, which are loaded by now; the KV cache and
// scratch are empty yet. `mapped_before`: pages of files, before the model's were opened. 0 where
// the system doesn't tell.
int64_t process_bytes(const OpenedText& opened, int64_t adapters, int64_t mapped_before);
int64_t mapped_now();

// With weights and adapters loaded: no_memory, in one line that says what would fit, where the KV
// cache, still empty, and scratch find no room beside them. A device's own memory is its backend's
// to check; a machine whose memory can't be read refuses nothing.
Status check_serve_budget(const serve::MemoryBudget& budget, std::string_view backend);

}  // namespace hearth::cli
