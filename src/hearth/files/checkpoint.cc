// Opens what a path names and joins its shards into one table; FP8 weights meet their scales here.
#include "hearth/files/checkpoint.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>
#include <utility>

#include "hearth/base/checked_math.h"
#include "hearth/base/mapped_file.h"
#include "hearth/files/outside_bytes.h"
#include "hearth/files/safetensors/safetensors.h"
#include "hearth/files/shard_index.h"

namespace hearth {

struct Checkpoint::State {
  CheckpointKind kind = CheckpointKind::hugging_face;
  std::string path;
  TensorTable table;
  std::vector<Safetensors> shards;
  std::optional<Gguf> gguf;
  std::optional<Json> config;
  std::optional<Json> generation_config;
};

namespace {

namespace fs = std::filesystem;

constexpr const char* kConfigName = "config.json";
constexpr const char* kGenerationConfigName = "generation_config.json";
constexpr const char* kSingleName = "model.safetensors";
constexpr const char* kIndexName = "model.safetensors.index.json";
constexpr std::string_view kScaleSuffix = "_scale_inv";
constexpr int64_t kConfigMax = 4 << 20;

std::string join(const std::string& folder, std::string_view name) {
  return (fs::path(folder) / name).string();
}

bool exists(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

// A file of `folder` whose name ends so, or "": only to give better advice in an error.
std::string first_ending(const std::string& folder, std::string_view ending) {
  std::error_code failed;
  std::string first;
  fs::directory_iterator it(folder, failed);
  for (int seen = 0; !failed && it != fs::directory_iterator() && seen < 10'000; ++seen) {
    const std::string name = it->path().filename().string();
    if (name.ends_with(ending) && (first.empty() || name < first)) first = name;
    it.increment(failed);
  }
  return first;
}

Status no_config(const std::string& folder) {
  if (const std::string gguf = first_ending(folder, ".gguf"); !gguf.empty()) {
    return error(Code::invalid, "{}: expected config.json, found none (for the GGUF file give {})",
                 folder, join(folder, excerpt(gguf, 200)));
  }
  return error(
      Code::invalid,
      "{}: expected a model directory with config.json, or a .gguf file; found a directory "
      "without config.json",
      folder);
}

Status no_weights(const std::string& folder) {
  for (const std::string_view ending : {".bin", ".pt", ".pth"}) {
    const std::string pickle = first_ending(folder, ending);
    if (pickle.empty()) continue;
    return error(Code::unsupported,
                 "{}: expected model.safetensors, found {} (Hearth does not run pickle files; "
                 "convert it to safetensors)",
                 folder, excerpt(pickle, 200));
  }
  return error(Code::not_found, "{}: expected {} or {}, found neither", folder, kSingleName,
               kIndexName);
}

Result<std::optional<Json>> optional_json(const std::string& path) {
  if (!exists(path)) return std::optional<Json>();
  JsonLimits limits;
  limits.bytes_max = kConfigMax;
  TRY_ASSIGN(Json json, read_json_file(path, limits));
  if (!json.is_object()) {
    return error(Code::corrupt, "{}: expected a JSON object, found {}", path, json_excerpt(json));
  }
  return std::optional<Json>(std::move(json));
}

// The item of a tensor, or nullptr when the index does not name it.
const ShardIndex::Item* find_item(const ShardIndex& index, const std::string& tensor) {
  const auto at = std::lower_bound(
      index.items.begin(), index.items.end(), tensor,
      [](const ShardIndex::Item& item, const std::string& name) { return item.tensor < name; });
  return at == index.items.end() || at->tensor != tensor ? nullptr : &*at;
}

// Each tensor of the index lies in its shard and in no other: else it would be a matter of luck
// which bytes are loaded.
Status check_shards(const ShardIndex& index, std::span<const Safetensors> shards) {
  for (const auto& [tensor, shard] : index.items) {
    if (shards[shard].find(tensor)) continue;
    for (size_t other = 0; other < shards.size(); ++other) {
      if (!shards[other].find(tensor)) continue;
      return error(Code::corrupt, "`{}`: expected in {}, found in {}", tensor, index.shards[shard],
                   index.shards[other]);
    }
    return error(Code::corrupt, "`{}`: expected in {}, found nowhere", tensor, index.shards[shard]);
  }
  for (size_t shard = 0; shard < shards.size(); ++shard) {
    for (const TensorEntry& entry : shards[shard].tensors()) {
      const ShardIndex::Item* item = find_item(index, entry.name);
      if (!item || item->shard == shard) continue;
      return error(Code::corrupt, "`{}`: expected in {} only, found in {} too", entry.name,
                   index.shards[item->shard], index.shards[shard]);
    }
  }
  return Status::ok();
}

struct Shards {
  std::vector<Safetensors> files;
  std::optional<ShardIndex> index;  // none: a single file, all of whose tensors count
};

Result<ShardIndex> read_index(const std::string& path) {
  TRY_ASSIGN(const std::string text, read_file(path, kShardIndexMax));
  const auto content = std::as_bytes(std::span(text.data(), text.size()));
  if (const std::string_view found = describe_content(content); !found.empty()) {
    return error(Code::corrupt, "{}: expected JSON, found {}", path, found);
  }
  auto index = parse_shard_index(text);
  if (!index) return std::move(index).status().at(path);
  return index;
}

Result<Shards> open_shards(const std::string& folder) {
  Shards shards;
  if (const std::string single = join(folder, kSingleName); exists(single)) {
    TRY_ASSIGN(Safetensors file, Safetensors::open(single));
    shards.files.push_back(std::move(file));
    return shards;
  }
  const std::string index_path = join(folder, kIndexName);
  if (!exists(index_path)) return no_weights(folder);
  TRY_ASSIGN(shards.index, read_index(index_path));
  for (const std::string& name : shards.index->shards) {
    const std::string path = join(folder, name);
    if (!exists(path)) {
      return error(Code::not_found, "{}: expected the shard {}, found no such file", index_path,
                   name);
    }
    TRY_ASSIGN(Safetensors file, Safetensors::open(path));
    shards.files.push_back(std::move(file));
  }
  TRY(check_shards(*shards.index, shards.files).at(index_path));
  return shards;
}

// Points an FP8 weight to its scales: DeepSeek's layout, one f32 for each 128x128 block, the
// dequantised weight being value * scale_inv (DeepSeek-V3 report, section 3.3.2). Scales of other
// names or of one number are a matter of the scheme that config.json declares (models/foreign).
Status attach_scales(const TensorTable& table, TensorEntry& weight) {
  const std::string name = weight.name + std::string(kScaleSuffix);
  const TensorEntry* scale = table.find(name);
  if (!scale || scale->tensor.shape.rank() < 2) return Status::ok();
  if (weight.tensor.shape.rank() != 2) {
    return error(Code::unsupported, "`{}`: expected F8_E4M3 with two dimensions, found {}",
                 weight.name, weight.tensor.shape.to_string());
  }
  const Shape shape = {ceil_div(weight.tensor.shape[0], kScaleTile),
                       ceil_div(weight.tensor.shape[1], kScaleTile)};
  if (scale->format != Format::f32 || !(scale->tensor.shape == shape)) {
    return error(Code::corrupt, "`{}`: expected F32 {}, found {} {}", name, shape.to_string(),
                 scale->dtype, scale->tensor.shape.to_string());
  }
  weight.tensor.scales = reinterpret_cast<const float*>(scale->tensor.data);
  weight.tensor.scale_columns = shape[1];
  return Status::ok();
}

// What a shard holds beside the tensors that the index names is left out, as transformers does.
Result<TensorTable> join_tables(const Shards& shards) {
  std::vector<TensorEntry> entries;
  for (const Safetensors& file : shards.files) {
    for (const TensorEntry& entry : file.tensors()) {
      if (!shards.index || find_item(*shards.index, entry.name)) entries.push_back(entry);
    }
  }
  TRY_ASSIGN(const TensorTable unscaled, TensorTable::build(entries));
  for (TensorEntry& entry : entries) {
    if (entry.format == Format::f8_e4m3) TRY(attach_scales(unscaled, entry));
  }
  return TensorTable::build(std::move(entries));
}

}  // namespace

Result<Checkpoint> Checkpoint::open(const std::string& path) {
  std::error_code failed;
  const fs::file_status status = fs::status(path, failed);
  if (status.type() == fs::file_type::not_found) {
    return error(Code::not_found,
                 "{}: expected a model directory or a .gguf file, found no such path", path);
  }
  auto state = std::make_unique<State>();
  state->path = path;
  if (fs::is_directory(status)) {
    TRY_ASSIGN(state->config, optional_json(join(path, kConfigName)));
    if (!state->config) return no_config(path);
    TRY_ASSIGN(state->generation_config, optional_json(join(path, kGenerationConfigName)));
    TRY_ASSIGN(Shards shards, open_shards(path));
    auto table = join_tables(shards);
    if (!table) return std::move(table).status().at(path);
    state->table = std::move(*table);
    state->shards = std::move(shards.files);
    return Checkpoint(std::move(state));
  }
  if (path.ends_with(".safetensors")) {
    return error(Code::invalid,
                 "{}: expected a model directory or a .gguf file, found one safetensors file (give "
                 "the directory that also holds its config.json)",
                 path);
  }
  state->kind = CheckpointKind::gguf;
  TRY_ASSIGN(Gguf gguf, Gguf::open(path));
  state->gguf = std::move(gguf);
  return Checkpoint(std::move(state));
}

Checkpoint::Checkpoint(std::unique_ptr<State> state) : state_(std::move(state)) {}
Checkpoint::Checkpoint(Checkpoint&&) noexcept = default;
Checkpoint& Checkpoint::operator=(Checkpoint&&) noexcept = default;
Checkpoint::~Checkpoint() = default;

CheckpointKind Checkpoint::kind() const {
  return state_->kind;
}
const std::string& Checkpoint::path() const {
  return state_->path;
}

std::span<const TensorEntry> Checkpoint::tensors() const {
  return state_->gguf ? state_->gguf->tensors() : state_->table.entries();
}

const TensorEntry* Checkpoint::find(std::string_view name) const {
  return state_->gguf ? state_->gguf->find(name) : state_->table.find(name);
}

const Json* Checkpoint::config() const {
  return state_->config ? &*state_->config : nullptr;
}
const Json* Checkpoint::generation_config() const {
  return state_->generation_config ? &*state_->generation_config : nullptr;
}
const Gguf* Checkpoint::gguf() const {
  return state_->gguf ? &*state_->gguf : nullptr;
}

bool Checkpoint::has(std::string_view file_name) const {
  return state_->kind == CheckpointKind::hugging_face && exists(join(state_->path, file_name));
}

Result<std::string> Checkpoint::text(std::string_view file_name) const {
  CHECK(file_name.find('/') == file_name.npos);  // names come from our code, never from input
  if (!has(file_name)) {
    return error(Code::not_found, "{}: expected {}, found none", state_->path, file_name);
  }
  const std::string path = join(state_->path, file_name);
  TRY_ASSIGN(std::string content, read_file(path, kCheckpointTextMax));
  const auto bytes = std::as_bytes(std::span(content.data(), content.size()));
  if (describe_content(bytes).starts_with("a Git LFS pointer")) {
    return error(Code::corrupt, "{}: expected text, found {}", path, describe_content(bytes));
  }
  return content;
}

std::optional<FileRange> Checkpoint::range_of(const std::byte* begin, int64_t bytes) const {
  if (state_->gguf) return state_->gguf->range_of(begin, bytes);
  for (const Safetensors& shard : state_->shards) {
    if (auto range = shard.range_of(begin, bytes)) return range;
  }
  return std::nullopt;
}

int64_t Checkpoint::tensor_bytes() const {
  int64_t bytes = 0;
  for (const TensorEntry& entry : tensors()) bytes += entry.bytes;
  return bytes;
}

Status Checkpoint::unchanged() const {
  if (state_->gguf) return state_->gguf->unchanged();
  for (const Safetensors& shard : state_->shards) TRY(shard.unchanged());
  return Status::ok();
}

}  // namespace hearth
