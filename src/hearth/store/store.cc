// See store.h.
#include "hearth/store/store.h"

#include <algorithm>

#include "hearth/store/foreign.h"

namespace hearth::store {
namespace {

constexpr std::string_view kManifestName = "manifest.json";

Result<StoreFolder> open_models(const Places& places) {
  TRY_ASSIGN(const StoreFolder home, StoreFolder::open(places.home, false));
  // The user may have put the models on another disk: a link here is his.
  return StoreFolder::open(home.path() + "/models", false);
}

}  // namespace

Result<OwnModel> read_own(const StoreFolder& models, const std::string& folder) {
  TRY_ASSIGN(const StoreFolder place, models.below(folder, false));
  TRY_ASSIGN(const std::string text, place.read_text(kManifestName, kManifestBytesMax));
  auto manifest = parse_manifest(text);
  if (!manifest) {
    return std::move(manifest).status().at(fmt::format("{}/{}", place.path(), kManifestName));
  }
  OwnModel out{folder, *std::move(manifest), ""};
  out.path = fmt::format("{}/{}", place.path(), out.manifest.folder);
  if (!out.manifest.gguf.empty()) out.path += "/" + out.manifest.gguf;
  return out;
}

Status check_present(const StoreFolder& models, const OwnModel& model) {
  TRY_ASSIGN(const StoreFolder place, models.below(model.folder, false));
  TRY_ASSIGN(const StoreFolder files, place.below(model.manifest.folder, false));
  for (const FileRecord& file : model.manifest.files) {
    const auto size = files.size_of(file.path);
    const std::optional<int64_t> bytes = size ? *size : std::nullopt;
    const std::string found = bytes ? fmt::format("{}", *bytes) : "no plain file";
    if (bytes != file.bytes) {
      return error(Code::corrupt,
                   "{}/{}: expected {} bytes, found {}; `hearth verify {} --repair` mends it",
                   files.path(), file.path, file.bytes, found, model.manifest.name);
    }
  }
  return Status::ok();
}

StoredModel described(const OwnModel& model) {
  StoredModel out;
  out.name = model.manifest.name;
  out.path = model.path;
  out.bytes = model.manifest.bytes();
  out.sha256 = model.manifest.sha256();
  out.licence = model.manifest.licence;
  out.source = model.manifest.source;
  out.own = true;
  return out;
}

std::vector<ModelRef> references_of(std::string_view text) {
  std::vector<ModelRef> out;
  for (const HubKind hub : {HubKind::hugging_face, HubKind::modelscope}) {
    auto ref = parse_model_ref(text, hub);
    if (ref && (out.empty() || !(out.back() == *ref))) out.push_back(*std::move(ref));
  }
  return out;
}

std::vector<OwnModel> Store::own(std::vector<std::string>& broken) const {
  std::vector<OwnModel> out;
  const auto models = open_models(places_);
  if (!models) return out;
  for (const std::string& folder : models->names()) {
    auto model = read_own(*models, folder);
    if (model) {
      out.push_back(*std::move(model));
    } else if (model.status().code() == Code::not_found) {
      broken.push_back(fmt::format("{}/{}: not pulled to the end", models->path(), folder));
    } else {
      broken.push_back(model.status().message());
    }
  }
  return out;
}

Result<OwnModel> Store::read(const ModelRef& ref) const {
  const Status absent = error(Code::not_found, "{}: not in the store; `hearth pull {}` fetches it",
                              ref.name(), ref.name());
  auto models = open_models(places_);
  if (!models && models.status().code() == Code::not_found) return absent;
  if (!models) return std::move(models).status();
  auto model = read_own(*models, ref.folder());
  if (!model && model.status().code() == Code::not_found) return absent;
  return model;
}

Result<OwnModel> Store::find_own(const ModelRef& ref) const {
  TRY_ASSIGN(OwnModel model, read(ref));
  TRY_ASSIGN(const StoreFolder models, open_models(places_));
  TRY(check_present(models, model));
  return model;
}

std::vector<StoredModel> Store::list(std::vector<std::string>& broken) const {
  std::vector<StoredModel> out;
  for (const OwnModel& model : own(broken)) out.push_back(described(model));
  for (StoredModel& model : list_foreign(places_)) out.push_back(std::move(model));
  return out;
}

Result<std::optional<StoredModel>> Store::find(std::string_view text) const {
  const std::vector<ModelRef> refs = references_of(text);
  for (const ModelRef& ref : refs) {
    auto model = find_own(ref);
    if (model) return std::optional(described(*model));
    if (model.status().code() != Code::not_found) return std::move(model).status();
  }
  for (const ModelRef& ref : refs) {
    if (ref.hub != HubKind::hugging_face) continue;
    TRY_ASSIGN(std::optional<StoredModel> found, find_in_hugging_face_cache(places_, ref));
    if (found) return found;
  }
  return find_foreign(places_, text);
}

Status Store::remove(const ModelRef& ref) const {
  TRY_ASSIGN(const StoreFolder home, StoreFolder::open(places_.home, false));
  TRY_ASSIGN(const ModelLock lock, ModelLock::take(home, ref.folder()));
  TRY_ASSIGN(const StoreFolder models, open_models(places_));
  const std::vector<std::string> names = models.names();
  if (!std::binary_search(names.begin(), names.end(), ref.folder())) {
    return error(Code::not_found, "{}: not in the store", ref.name());
  }
  // The manifest first: what is half removed is no model.
  TRY(models.remove_file(fmt::format("{}/{}", ref.folder(), kManifestName)));
  return models.remove_tree(ref.folder());
}

}  // namespace hearth::store
