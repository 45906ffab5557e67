// What `hearth serve` will hold, and whether this machine has room for it.
#pragma once

#include <string_view>

#include "hearth/cli/model_options.h"
#include "hearth/serve/memory_budget.h"

namespace hearth::cli {

// Of a loaded model, an engine of these settings and the fullest step that they allow; adapters and
// connections are not counted yet. What the process holds beside its models is measured here:
// before there is an engine, whose KV cache is written to at once. `mapped_before`: pages of files,
// before the models' were opened. process is 0 where the system doesn't tell.
serve::MemoryBudget serve_budget(const OpenedText& opened, const EngineOptions& settings,
                                 int64_t mapped_before);
int64_t mapped_now();

// As many blocks of so many bytes as `megabytes` have; 0: see affordable_kv_blocks. Of an engine
// whose context and sequences are set. no_memory: they hold no whole context.
Status set_kv_blocks(EngineOptions& settings, int64_t megabytes, int64_t block_bytes,
                     int64_t to_come);

// check_room() in what this machine has available. A device's own memory is its backend's to check;
// a machine whose memory can't be read refuses nothing.
Status check_serve_budget(const serve::MemoryBudget& budget, bool cache_held,
                          std::string_view backend);

}  // namespace hearth::cli
