// See catalogue.h. A name stays with its repository for good: a newer release gets a new one.
#include "hearth/store/catalogue.h"

#include <algorithm>

namespace hearth::store {
namespace {

constexpr CatalogueEntry kCatalogue[] = {
    {"deepseek-r1:1.5b", "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B"},
    {"deepseek-r1:7b", "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B"},
    {"deepseek-r1:8b", "deepseek-ai/DeepSeek-R1-Distill-Llama-8B"},
    {"deepseek-r1:14b", "deepseek-ai/DeepSeek-R1-Distill-Qwen-14B"},
    {"deepseek-r1:32b", "deepseek-ai/DeepSeek-R1-Distill-Qwen-32B"},
    {"deepseek-r1:70b", "deepseek-ai/DeepSeek-R1-Distill-Llama-70B"},
    {"deepseek-r1:671b", "deepseek-ai/DeepSeek-R1"},
    {"deepseek-r1-0528:8b", "deepseek-ai/DeepSeek-R1-0528-Qwen3-8B"},
    {"deepseek-r1-0528:671b", "deepseek-ai/DeepSeek-R1-0528"},
    {"deepseek-r1-zero:671b", "deepseek-ai/DeepSeek-R1-Zero"},
    {"deepseek-v3", "deepseek-ai/DeepSeek-V3"},
    {"deepseek-v3-0324", "deepseek-ai/DeepSeek-V3-0324"},
    {"deepseek-v3.1", "deepseek-ai/DeepSeek-V3.1"},
    {"deepseek-v2", "deepseek-ai/DeepSeek-V2"},
    {"deepseek-v2-chat", "deepseek-ai/DeepSeek-V2-Chat"},
    {"deepseek-v2-lite", "deepseek-ai/DeepSeek-V2-Lite"},
    {"deepseek-v2-lite-chat", "deepseek-ai/DeepSeek-V2-Lite-Chat"},
};

}  // namespace

std::span<const CatalogueEntry> catalogue() {
  return kCatalogue;
}

const CatalogueEntry* find_in_catalogue(std::string_view name) {
  const auto* found = std::find_if(std::begin(kCatalogue), std::end(kCatalogue),
                                   [&](const CatalogueEntry& e) { return e.name == name; });
  return found == std::end(kCatalogue) ? nullptr : found;
}

const CatalogueEntry* find_in_catalogue_by_repo(std::string_view repo) {
  const auto* found = std::find_if(std::begin(kCatalogue), std::end(kCatalogue),
                                   [&](const CatalogueEntry& e) { return e.repo == repo; });
  return found == std::end(kCatalogue) ? nullptr : found;
}

}  // namespace hearth::store
