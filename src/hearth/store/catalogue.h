// The short names of models, as data: what `hearth pull deepseek-r1:1.5b` fetches. The repositories
// have the same names at Hugging Face and at ModelScope.
#pragma once

#include <span>
#include <string_view>

namespace hearth::store {

struct CatalogueEntry {
  std::string_view name;
  std::string_view repo;  // ORG/REPO
};

std::span<const CatalogueEntry> catalogue();
const CatalogueEntry* find_in_catalogue(std::string_view name);  // nullptr: not listed
const CatalogueEntry* find_in_catalogue_by_repo(std::string_view repo);

}  // namespace hearth::store
