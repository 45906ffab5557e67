// The models on this machine: our own store, and those of other tools, read in place.
//
//   HOME/models/MODEL/manifest.json         what it is; written when all files are verified
//   HOME/models/MODEL/VERSION/REPO/...      its files; VERSION from the commit
//   HOME/locks/MODEL                        one writer for each model
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/status.h"
#include "hearth/store/manifest.h"
#include "hearth/store/model_ref.h"
#include "hearth/store/store_folder.h"

namespace hearth::store {

// Where the stores of this user lie. An empty or absent one has no models.
struct Places {
  std::string home;                    // of Hearth
  std::string hugging_face;            // .../huggingface/hub
  std::vector<std::string> ollama;     // .../.ollama/models
  std::vector<std::string> lm_studio;  // .../.lmstudio/models
  std::string llama_cpp;               // .../llama.cpp
};

struct StoredModel {
  std::string name;  // what the commands take: deepseek-r1:1.5b, hf://..., ollama://...
  std::string path;  // what a reader opens
  int64_t bytes = 0;
  std::string sha256;   // "": that store has none
  std::string licence;  // "": unknown
  std::string source;   // the reference that it came from; of other stores, their name
  bool own = false;     // in Hearth's store
};

// A model of our own store with its place.
struct OwnModel {
  std::string folder;  // below HOME/models
  Manifest manifest;
  std::string path;  // what a reader opens
};

class Store {
 public:
  explicit Store(Places places) : places_(std::move(places)) {}

  const Places& places() const { return places_; }

  // Of our own store; a broken manifest is told in `broken`, a line each.
  std::vector<OwnModel> own(std::vector<std::string>& broken) const;
  // not_found: not pulled.
  Result<OwnModel> read(const ModelRef& ref) const;
  // corrupt, too: a file is missing, has another size, or is a link.
  Result<OwnModel> find_own(const ModelRef& ref) const;

  // All stores, our own first.
  std::vector<StoredModel> list(std::vector<std::string>& broken) const;

  // The model that a name of the catalogue, a reference or a name from `list` means; names of the
  // catalogue are looked for at both hubs. nullopt: `text` names nothing that is here.
  Result<std::optional<StoredModel>> find(std::string_view text) const;

  // Removes a model of our own with what is left of unfinished pulls. busy: it is being pulled.
  Status remove(const ModelRef& ref) const;

 private:
  Places places_;
};

// The references that a text may mean: one, or of a name of the catalogue one for each hub.
std::vector<ModelRef> references_of(std::string_view text);

Result<OwnModel> read_own(const StoreFolder& models, const std::string& folder);
// Whether its files are there with their sizes; corrupt names the first that is not.
Status check_present(const StoreFolder& models, const OwnModel& model);

StoredModel described(const OwnModel& model);

}  // namespace hearth::store
