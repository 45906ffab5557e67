// The memory that a model will take, to the byte, before any of it is taken: weights as the loader
// will hold them, the KV cache of a context, and the scratch of the fullest step, traced through
// the model's own forward pass. From a checkpoint's headers, or from a config.json alone.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hearth/backend/trace/trace_backend.h"
#include "hearth/files/checkpoint.h"
#include "hearth/models/model.h"

namespace hearth {

struct PlanOptions {
  std::optional<Format> dtype;     // as LoadOptions: nullopt holds weights as stored
  int64_t context = 4096;          // longest sequence; cut to what the model can do
  int64_t batch = 1;               // sequences at once, each with a whole context of KV cache
  int64_t batch_tokens_max = 512;  // rows in one step
  int64_t prompt_tokens = 512;     // of the prompt whose time is foretold
  Format kv_format = Format::f16;
  bool mtp = false;  // with the layer for multi-token prediction, where there is one
  // Routed experts stay on disk, as stored, behind a cache of so many bytes (see plan_within).
  bool experts_from_disk = false;
  int64_t expert_memory = 0;
  bool experts_may_stay = true;  // plan_within may leave them there
};

// Routed experts that are read from disk when they are chosen.
struct ExpertsOnDisk {
  int64_t count = 0;          // of all layers; 0: all weights are in memory
  int64_t stored_bytes = 0;   // in the files
  int64_t held_bytes = 0;     // as a cache would hold all of them
  int64_t largest_bytes = 0;  // of one of them, in the cache
  int64_t cache_bytes = 0;    // most that the cache takes
  int64_t room_bytes = 0;     // of the threads that read

  // Of experts that are chosen, those that have to be read, if all are chosen equally often. Real
  // routers have favourites, which the cache keeps: then it is less.
  double miss_rate() const;
};

// One step of the engine, or several in a row.
struct TracedSteps {
  int64_t rows = 0;           // tokens computed
  int64_t scratch_bytes = 0;  // most that one of the steps takes
  Work work;
  std::vector<TracedVerb> verbs;  // of all steps, in order
};

// The weights under one choice of --dtype.
struct HeldWeights {
  std::optional<Format> dtype;   // nullopt: as stored
  int64_t bytes = 0;             // in memory: mapped and copied, scales included
  int64_t mapped_bytes = 0;      // of these, views of the checkpoint
  int64_t conversion_bytes = 0;  // largest tensor that is read while its copy is made
  int64_t latent_bytes = 0;      // made of MLA's kv_b when it is loaded, beside it

  int64_t resident_bytes() const;  // what stays
};

struct MemoryPlan {
  std::string architecture;
  Format main_format = Format::f32;  // in which most bytes of the weights are
  int64_t context = 0;
  int64_t batch = 1;
  int64_t prompt_tokens = 0;
  int64_t parameters = 0;
  bool mtp = false;  // a layer for multi-token prediction is counted
  HeldWeights weights;
  ExpertsOnDisk experts;
  std::vector<HeldWeights> smaller;  // other choices of dtype, best quality first
  int64_t kv_block_bytes = 0;        // 64 tokens of one sequence
  int64_t kv_bytes = 0;
  int64_t activation_bytes = 0;
  TracedSteps prompt;  // `prompt_tokens` of one sequence, in chunks
  TracedSteps decode;  // one token of each sequence, after that prompt

  int64_t peak_bytes() const { return peak_bytes(weights, kv_bytes); }
  // Least that the cache of experts must take: those of one layer, for one token of each sequence.
  int64_t expert_memory_least() const;
  // Read from disk for a step of decoding, or for the prompt, at that rate of misses.
  int64_t disk_bytes(const TracedSteps& steps) const;
  // While loading or while running, whichever needs more.
  int64_t peak_bytes(const HeldWeights& held, int64_t kv) const;
};

Result<MemoryPlan> plan_memory(const Checkpoint& checkpoint, const PlanOptions& options);
// Of a model whose weights are not here: stored as `torch_dtype` and `quantization_config` say.
Result<MemoryPlan> plan_memory(const Json& config, const PlanOptions& options);

// The plan in so much memory: with all weights in it where they fit; else with routed experts on
// disk and a cache that takes what is left, if that is enough for a step, else its least. With
// options.expert_memory they are on disk, and the cache has that size. invalid: that is too little.
Result<MemoryPlan> plan_within(const Checkpoint& checkpoint, const PlanOptions& options,
                               int64_t available_bytes);
Result<MemoryPlan> plan_within(const Json& config, const PlanOptions& options,
                               int64_t available_bytes);
// How fast the files of a model are read past the page cache, in pieces as experts are; 1e9 bytes a
// second. unsupported: they can't be read so, or are too small to tell.
Result<double> measure_model_read(const std::string& path, double seconds = 0.3);
// Which smaller choice would fit without experts on disk; "": none.
std::string memory_advice(const MemoryPlan& plan, int64_t available_bytes);

// no_memory, in one line: what is needed, what is available, and which smaller choice would fit.
Status check_fits(const MemoryPlan& plan, int64_t available_bytes);

// The work and scratch of one step of a model whose weights are set.
TracedSteps trace_step(const Model& model, const KvSpec& kv, const Batch& batch);
// Of the layer for multi-token prediction behind such a step, which the model must have.
TracedSteps trace_mtp(const Model& model, const KvSpec& kv, const Batch& batch);
// What a step of so many rows takes beside its scratch: their states, where the model has it.
int64_t mtp_states_bytes(const Model& model, int64_t rows);

std::string bytes_text(int64_t bytes);  // "15.2 GB", in powers of 1000

}  // namespace hearth
