// Adapter: the deltas of one fine-tuning, beside the model that they are for. Loaded in two moves,
// so that a server can go on in between: `AdapterLoad::read` does the work of files and checks on
// any thread, `prepare` hands the backend a few matrices at a time between two steps.
//
// Adapters are shared: who computes with one holds it, and its memory goes with the last holder.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "hearth/backend/adapted/adapter_deltas.h"
#include "hearth/models/adapters/match_adapter.h"
#include "hearth/models/load.h"

namespace hearth {

struct AdapterFacts {
  std::string path;
  std::string format;                // peft | gguf
  std::string base;                  // what its maker called the base; may be ""
  std::vector<std::string> targets;  // "q_proj", ..., sorted
  int64_t rank = 0;                  // the largest
  int64_t parameters = 0;
  int64_t bytes = 0;  // of memory that it takes, at most
};

// Immutable and thread-safe.
class Adapter {
 public:
  // Never 0, and never used again in this process: it is part of the names of cached blocks.
  uint64_t id() const { return id_; }
  const AdapterFacts& facts() const { return facts_; }
  const AdapterDeltas& deltas() const { return deltas_; }

 private:
  friend class AdapterLoad;
  uint64_t id_ = 0;
  AdapterFacts facts_;
  AdapterDeltas deltas_;
};

class AdapterLoad {
 public:
  // A PEFT directory or a GGUF file for this model, which must outlive the adapter. Errors as of
  // StoredAdapter::open and match_adapter, which may take what memory is free; unsupported: a
  // change of MLA's expansion `kv_b_proj` where the base keeps it in two parts or the backend can't
  // attend by it.
  static Result<AdapterLoad> read(const std::string& path, const LoadedModel& base,
                                  const Backend& backend);

  const AdapterFacts& facts() const { return adapter_->facts_; }
  // Prepares matrices until `bytes` of them are done; true: all are. On the backend's thread,
  // between steps.  no_memory: they don't fit.
  Result<bool> prepare(Backend& backend, int64_t bytes);
  // When all are prepared.
  std::shared_ptr<const Adapter> finish();

 private:
  // A change of MLA's expansion: the whole matrix, and the layer that it is for.
  struct Expansion {
    Weight kv_b;
    AttendMla shape;
  };

  AdapterLoad() : adapter_(std::make_shared<Adapter>()) {}
  Status change_expansion(const MatchedDelta& delta, const Model& model, const Backend& backend);

  std::shared_ptr<Adapter> adapter_;
  std::vector<MatchedDelta> linears_;
  std::vector<Expansion> expansions_;
  size_t next_ = 0;  // of the linears, then of the expansions
};

// Both moves at once.
Result<std::shared_ptr<const Adapter>> load_adapter(const std::string& path,
                                                    const LoadedModel& base, Backend& backend);

}  // namespace hearth
