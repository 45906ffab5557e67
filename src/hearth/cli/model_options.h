// The flags that every command with a model shares, and what they open.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>

#include "hearth/backend/backend.h"
#include "hearth/base/status.h"
#include "hearth/cli/verb.h"
#include "hearth/engine/engine.h"
#include "hearth/engine/text_model.h"
#include "hearth/host/memory_plan.h"
#include "hearth/models/load.h"

namespace hearth::cli {

struct ModelOptions {
  std::string model;
  std::string device = "auto";
  int64_t gpu_memory = 0;          // bytes; 0: all that the GPU has
  std::string weights = "packed";  // or mapped
  int64_t memory = 0;              // most that the process is to take; 0: what is available
  int64_t expert_memory = 0;       // of routed experts on disk; 0: see plan_within
  bool needs_all_weights = false;  // of commands that look into experts themselves
  std::string dtype = "auto";
  bool load_in_8bit = false;
  std::string activations = "auto";  // or f32
  std::string kv_format = "auto";    // f32 where the weights are asked for in f32, else f16
  int threads = 0;                   // 0: as many as the machine has physical cores for us
  int64_t context = 4096;
  std::string draft = "off";  // of commands that generate auto: mtp or ngram on the CPU
  std::string draft_model;    // a smaller one that guesses; "": none
  int64_t draft_max = 0;      // 0: see engine_options_of

  bool wants_mtp() const;  // where the model has the layer

  void declare(CLI::App& verb, bool model_required);
  void declare_draft(CLI::App& verb);
  // Of commands that generate; their number, and who makes them, too.
  void declare_drafts(CLI::App& verb);
  void declare_device(CLI::App& verb);  // and its memory
  void declare_memory(CLI::App& verb);
  void declare_kv_format(CLI::App& verb);
};

// A network on a backend, without its text side.
struct OpenedModel {
  std::unique_ptr<Backend> backend;
  std::unique_ptr<Checkpoint> checkpoint;
  LoadedModel loaded;
};

// A model that talks.
struct OpenedText {
  std::unique_ptr<Backend> backend;  // outlives the model
  std::unique_ptr<TextModel> model;
  std::unique_ptr<TextModel> draft_model;  // of the same vocabulary; null: none
};

// "int8" is Q8_0; nullopt: as stored.
Result<std::optional<Format>> dtype_of(const ModelOptions& options);
Result<std::unique_ptr<Backend>> open_backend(const ModelOptions& options,
                                              const ExpertsOnDisk& experts = {});
// Whether its experts may stay on disk: not on a GPU, nor where they are looked into.
bool experts_may_stay(const ModelOptions& options);
Result<OpenedModel> open_model(const ModelOptions& options, const Session& session);
Result<OpenedText> open_text_model(const ModelOptions& options, const Session& session);
// An adapter of an opened model; "": none.
void declare_adapter(CLI::App& verb, std::string& path);
Result<std::shared_ptr<const Adapter>> open_adapter(const std::string& path,
                                                    const OpenedText& opened);
Format kv_format_of(const ModelOptions& options);
// An engine for one conversation with the opened model.
EngineOptions engine_options_of(const ModelOptions& options, const OpenedText& opened);

// KV blocks, each of so many bytes, for `sequences` at once: a whole context for each, if that is
// no more than half of what is free, less `to_come` that something else will take; one context at
// least.
int64_t affordable_kv_blocks(int64_t sequences, int64_t block_bytes, int64_t context,
                             int64_t to_come = 0);

// The directory of the bundled model.
std::string bundled_model(const Session& session);
// The file of API prices that comes with Hearth.
std::string bundled_prices(const Session& session);
// The folder of the items that come with a suite.
std::string suite_folder(std::string_view suite, const Session& session);

}  // namespace hearth::cli
