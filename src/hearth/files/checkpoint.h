// One model on disk, as it is: a Hugging Face directory (config.json, safetensors in one file or in
// shards, tokenizer files) or a GGUF file (or the set it was split into). The model loader asks it
// for tensors by name and never learns where they lie.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "hearth/base/file_range.h"
#include "hearth/base/status.h"
#include "hearth/files/gguf/gguf.h"
#include "hearth/files/json.h"
#include "hearth/files/tensor_table.h"

namespace hearth {

enum class CheckpointKind { hugging_face, gguf };

// Owner of all mappings; tensors are views that live as long as it does. Move-only, thread-safe
// (const). FP8 weights carry their scales: the tensor of `X.weight` (F8_E4M3) points to the values
// of `X.weight_scale_inv` (F32 [ceil(out/128), ceil(in/128)]), which stays in the list, too.
//
// A file that another process cuts while it is mapped raises SIGBUS on access; no reader of a
// mapping can prevent that. Call `unchanged` when a pass over the weights is done (and before
// blaming the data): it tells such a change from a defect.
class Checkpoint {
 public:
  // One line says what is wrong: not_found (no such path, a missing shard), invalid (a path that
  // is no model), corrupt (bytes against their format), unsupported (pickle files, ...).
  static Result<Checkpoint> open(const std::string& path);

  Checkpoint(Checkpoint&&) noexcept;
  Checkpoint& operator=(Checkpoint&&) noexcept;
  ~Checkpoint();

  CheckpointKind kind() const;
  const std::string& path() const;

  std::span<const TensorEntry> tensors() const;
  const TensorEntry* find(std::string_view name) const;  // nullptr: absent

  const Json* config() const;             // config.json; nullptr for GGUF
  const Json* generation_config() const;  // nullptr when absent, or for GGUF
  const Gguf* gguf() const;               // nullptr for a Hugging Face directory

  // The content of a file of the directory by its plain name ("tokenizer.json",
  // "tokenizer_config.json", "chat_template.jinja"); not_found when absent, or for GGUF.
  Result<std::string> text(std::string_view file_name) const;
  bool has(std::string_view file_name) const;

  // Where bytes of a tensor lie, for who reads them without the mapping; nullopt: nowhere as they
  // are (a safetensors file whose tensors are misaligned).
  std::optional<FileRange> range_of(const std::byte* begin, int64_t bytes) const;

  int64_t tensor_bytes() const;  // of all tensors
  Status unchanged() const;

 private:
  struct State;
  explicit Checkpoint(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

inline constexpr int64_t kCheckpointTextMax = 64 << 20;  // bytes of one tokenizer file

}  // namespace hearth
