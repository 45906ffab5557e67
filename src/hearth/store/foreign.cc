// See foreign.h.
#include "hearth/store/foreign.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "hearth/base/mapped_file.h"
#include "hearth/files/json.h"
#include "hearth/files/outside_bytes.h"
#include "hearth/store/safe_name.h"
#include "hearth/store/selection.h"

namespace hearth::store {
namespace {

namespace fs = std::filesystem;

constexpr int kEntriesMax = 20'000;  // of one store
constexpr int64_t kManifestMax = 1 << 20;
constexpr std::string_view kHuggingFace = "Hugging Face's cache";
constexpr std::string_view kOllama = "Ollama";
constexpr std::string_view kLmStudio = "LM Studio";
constexpr std::string_view kLlamaCpp = "llama.cpp's cache";

// Files below a folder with their sizes; links are followed to files only, as these stores use
// them.
std::vector<RepoFile> files_below(const fs::path& root, int depth_max) {
  std::vector<RepoFile> out;
  std::error_code failure;
  fs::recursive_directory_iterator at(root, fs::directory_options::skip_permission_denied, failure);
  for (int seen = 0; !failure && at != fs::recursive_directory_iterator(); at.increment(failure)) {
    if (++seen > kEntriesMax) break;
    if (at.depth() >= depth_max) at.disable_recursion_pending();
    std::error_code not_a_file;
    if (!at->is_regular_file(not_a_file) || not_a_file) continue;
    RepoFile file;
    file.path = fs::path(at->path()).lexically_relative(root).string();
    file.bytes = static_cast<int64_t>(at->file_size(not_a_file));
    if (!not_a_file && check_relative_path(file.path).is_ok()) out.push_back(std::move(file));
  }
  std::sort(out.begin(), out.end(),
            [](const RepoFile& a, const RepoFile& b) { return a.path < b.path; });
  return out;
}

StoredModel make(std::string name, const fs::path& path, int64_t bytes, std::string_view source) {
  StoredModel out;
  out.name = std::move(name);
  out.path = path.string();
  out.bytes = bytes;
  out.source = source;
  return out;
}

// --- Hugging Face ---

// The commit that a revision of a repository in the cache means; "": it isn't there.
std::string commit_of(const fs::path& repo, const std::string& revision) {
  if (is_hex(revision, 40)) return revision;
  auto text = read_file((repo / "refs" / (revision.empty() ? "main" : revision)).string(), 100);
  if (!text) return "";
  while (!text->empty() && text->back() == '\n') text->pop_back();
  return is_hex(*text, 40) ? *text : "";
}

// The models of a snapshot: its directory, and each of its GGUF files.
std::vector<StoredModel> models_of_snapshot(const fs::path& snapshot, const std::string& name) {
  std::vector<StoredModel> out;
  const std::vector<RepoFile> files = files_below(snapshot, 2);
  int64_t bytes = 0;
  bool config = false, tensors = false;
  for (const RepoFile& file : files) {
    bytes += file.bytes;
    config = config || file.path == "config.json";
    tensors =
        tensors || (file.path.ends_with(".safetensors") && file.path.find('/') == file.path.npos);
  }
  if (config && tensors) out.push_back(make(name, snapshot, bytes, kHuggingFace));
  const auto sets = gguf_sets(files, Incomplete::passed_over);
  if (!sets) return out;
  for (const GgufSet& set : *sets) {
    out.push_back(make(name + ":" + set.label, snapshot / set.paths[0], set.bytes, kHuggingFace));
  }
  return out;
}

std::vector<StoredModel> list_hugging_face(const Places& places) {
  std::vector<StoredModel> out;
  std::error_code failure;
  int seen = 0;
  for (const auto& entry : fs::directory_iterator(places.hugging_face, failure)) {
    if (++seen > kEntriesMax) break;
    const std::string folder = entry.path().filename().string();
    constexpr std::string_view kPrefix = "models--";
    const size_t dashes = folder.find("--", kPrefix.size());
    if (!folder.starts_with(kPrefix) || dashes == folder.npos) continue;
    ModelRef ref;
    ref.organisation = folder.substr(kPrefix.size(), dashes - kPrefix.size());
    ref.repository = folder.substr(dashes + 2);
    if (!is_plain_name(ref.organisation) || !is_plain_name(ref.repository)) continue;
    const std::string commit = commit_of(entry.path(), "");
    if (commit.empty()) continue;
    for (StoredModel& model : models_of_snapshot(entry.path() / "snapshots" / commit, ref.text())) {
      out.push_back(std::move(model));
    }
  }
  return out;
}

// --- Ollama ---

// manifests/HOST/SPACE/NAME/TAG as its user types it.
std::string ollama_name(const std::string& path) {
  const size_t tag = path.rfind('/');
  std::string name = path.substr(0, tag);
  for (const std::string_view usual : {"registry.ollama.ai/library/", "registry.ollama.ai/"}) {
    if (!name.starts_with(usual)) continue;
    name = name.substr(usual.size());
    break;
  }
  return fmt::format("ollama://{}:{}", name, path.substr(tag + 1));
}

std::vector<StoredModel> list_ollama(const Places& places) {
  std::vector<StoredModel> out;
  for (const std::string& place : places.ollama) {
    const fs::path root = place;
    for (const RepoFile& file : files_below(root / "manifests", 5)) {
      if (file.path.find('/') == file.path.npos) continue;
      const auto text = read_file((root / "manifests" / file.path).string(), kManifestMax);
      if (!text) continue;
      const auto digest = parse_ollama_manifest(*text);
      if (!digest) continue;
      const fs::path blob = root / "blobs" / ("sha256-" + *digest);
      std::error_code failure;
      const uintmax_t bytes = fs::file_size(blob, failure);
      if (failure) continue;
      StoredModel model = make(ollama_name(file.path), blob, static_cast<int64_t>(bytes), kOllama);
      model.sha256 = *digest;
      out.push_back(std::move(model));
    }
  }
  return out;
}

// --- Folders of GGUF files ---

std::vector<StoredModel> list_gguf_folder(const std::string& place, int depth_max,
                                          std::string_view scheme, std::string_view source) {
  std::vector<StoredModel> out;
  if (place.empty()) return out;
  const auto sets = gguf_sets(files_below(place, depth_max), Incomplete::passed_over);
  if (!sets) return out;
  for (const GgufSet& set : *sets) {
    std::string name = set.paths[0].substr(0, set.paths[0].size() - 5);
    out.push_back(make(fmt::format("{}://{}", scheme, name), fs::path(place) / set.paths[0],
                       set.bytes, source));
  }
  return out;
}

std::vector<StoredModel> list_lm_studio(const Places& places) {
  std::vector<StoredModel> out;
  for (const std::string& place : places.lm_studio) {
    for (StoredModel& model : list_gguf_folder(place, 3, "lmstudio", kLmStudio)) {
      out.push_back(std::move(model));
    }
  }
  return out;
}

std::vector<StoredModel> list_llama_cpp(const Places& places) {
  return list_gguf_folder(places.llama_cpp, 0, "llamacpp", kLlamaCpp);
}

}  // namespace

Result<std::string> parse_ollama_manifest(std::string_view text) {
  JsonLimits limits;
  limits.bytes_max = kManifestMax;
  limits.depth_max = 16;
  TRY_ASSIGN(const Json root, parse_json(text, limits));
  TRY_ASSIGN(const Json* layers, json_array(root, "layers"));
  for (const Json& layer : *layers) {
    TRY_ASSIGN(const std::string type, json_string_or(layer, "mediaType", ""));
    if (type != "application/vnd.ollama.image.model") continue;
    TRY_ASSIGN(const std::string digest, json_string(layer, "digest"));
    constexpr std::string_view kPrefix = "sha256:";
    if (digest.starts_with(kPrefix) && is_hex(digest.substr(kPrefix.size()), 64)) {
      return digest.substr(kPrefix.size());
    }
    return error(Code::corrupt, "`digest`: expected sha256: and 64 hexadecimal digits, found `{}`",
                 excerpt(digest));
  }
  return error(Code::corrupt, "`layers`: expected one of weights, found none");
}

std::vector<StoredModel> list_foreign(const Places& places) {
  std::vector<StoredModel> out;
  for (auto* list : {list_hugging_face, list_ollama, list_lm_studio, list_llama_cpp}) {
    for (StoredModel& model : list(places)) out.push_back(std::move(model));
  }
  return out;
}

Result<std::optional<StoredModel>> find_foreign(const Places& places, std::string_view text) {
  const bool bare = text.find("://") == text.npos;
  const std::string wanted = bare ? "ollama://" + std::string(text) : std::string(text);
  std::vector<StoredModel> models;
  if (wanted.starts_with("ollama://")) {
    models = list_ollama(places);
  } else if (wanted.starts_with("lmstudio://")) {
    models = list_lm_studio(places);
  } else if (wanted.starts_with("llamacpp://")) {
    models = list_llama_cpp(places);
  } else {
    return std::optional<StoredModel>();
  }
  for (StoredModel& model : models) {
    if (model.name == wanted || model.name == wanted + ":latest") {
      return std::optional(std::move(model));
    }
  }
  if (bare) return std::optional<StoredModel>();
  return error(Code::not_found, "{}: no such model; hearth ls shows what is here",
               excerpt(text, 200));
}

Result<std::optional<StoredModel>> find_in_hugging_face_cache(const Places& places,
                                                              const ModelRef& ref) {
  if (places.hugging_face.empty()) return std::optional<StoredModel>();
  const fs::path repo = fs::path(places.hugging_face) /
                        fmt::format("models--{}--{}", ref.organisation, ref.repository);
  const std::string commit = commit_of(repo, ref.revision);
  if (commit.empty()) return std::optional<StoredModel>();
  const fs::path snapshot = repo / "snapshots" / commit;
  ModelRef plain = ref;
  plain.selection.clear();
  std::vector<StoredModel> models = models_of_snapshot(snapshot, plain.text());
  if (models.empty()) return std::optional<StoredModel>();
  if (ref.selection.empty() && models[0].name == plain.text()) return std::optional(models[0]);
  TRY_ASSIGN(const std::vector<GgufSet> sets,
             gguf_sets(files_below(snapshot, 2), Incomplete::passed_over));
  auto set = choose_gguf(sets, ref.selection, plain.text());
  if (!set && set.status().code() == Code::not_found) return std::optional<StoredModel>();
  if (!set) return std::move(set).status();
  return std::optional(make(ref.text(), snapshot / set->paths[0], set->bytes, kHuggingFace));
}

}  // namespace hearth::store
