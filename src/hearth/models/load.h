// load_model: from a checkpoint on disk to a Model whose weights a backend holds.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hearth/files/checkpoint.h"
#include "hearth/models/model.h"
#include "hearth/models/model_hints.h"

namespace hearth {

struct LoadOptions {
  // nullopt: as stored. Else every matrix is converted while loading, one tensor at a time, so that
  // the peak is the converted size plus the largest tensor. Embeddings, norms, biases and routers
  // stay as stored.
  std::optional<Format> dtype;
  // Routed experts stay in their files, as stored, for a backend that reads them when they are
  // chosen. unsupported: it doesn't, or they are of another tool's scheme.
  bool experts_from_disk = false;
  std::function<void(int64_t done, int64_t total)> progress;  // bytes of the checkpoint
  ModelHints hints;
};

struct LoadedModel {
  std::unique_ptr<Model> model;
  CheckpointKind kind = CheckpointKind::hugging_face;  // how its rows are arranged
  std::vector<std::string> notices;                    // lines that the user should read
  int64_t parameters = 0;
  int64_t weight_bytes = 0;  // as held, mapped or owned
  int64_t mapped_bytes = 0;  // of these, views of the checkpoint's files
  int64_t disk_bytes = 0;    // of experts that stay in their files
};

// The architectures Hearth knows, by model_type or GGUF's general.architecture.
std::vector<std::string> known_architectures();

// Builds the empty network of a checkpoint: its config read and checked, no tensor touched.
Result<std::unique_ptr<Model>> make_model(const Checkpoint& checkpoint,
                                          std::vector<std::string>& notices,
                                          const ModelHints& hints = {});
// The same from a config.json alone.
Result<std::unique_ptr<Model>> make_model(const Json& config, const ModelHints& hints = {});

// Fills the network. `checkpoint` must outlive the model: unconverted weights are views of it.
Result<LoadedModel> load_model(const Checkpoint& checkpoint, Backend& backend,
                               const LoadOptions& options);

}  // namespace hearth
