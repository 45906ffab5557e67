// Models that other tools have fetched, read where they lie and never copied or changed:
//
//   Hugging Face  HUB/models--ORG--REPO/{refs/main, snapshots/COMMIT/...} hf://ORG/REPO[:LABEL]
//   Ollama        MODELS/manifests/HOST/SPACE/NAME/TAG, blobs/sha256-DIGEST    ollama://NAME:TAG
//   LM Studio     MODELS/PUBLISHER/REPO/FILE.gguf                  lmstudio://PUBLISHER/REPO/FILE
//   llama.cpp     FOLDER/FILE.gguf                                              llamacpp://FILE
//
// Their contents are outside bytes: names are checked, JSON is bounded, folders that are too large
// are read in part.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "hearth/base/status.h"
#include "hearth/store/store.h"

namespace hearth::store {

std::vector<StoredModel> list_foreign(const Places& places);

// By the name that `list_foreign` gives; Ollama's also without `ollama://`.
Result<std::optional<StoredModel>> find_foreign(const Places& places, std::string_view text);

Result<std::optional<StoredModel>> find_in_hugging_face_cache(const Places& places,
                                                              const ModelRef& ref);

// The digest of the weights in a manifest of Ollama, 64 hexadecimal digits. corrupt: it has none.
Result<std::string> parse_ollama_manifest(std::string_view text);

}  // namespace hearth::store
