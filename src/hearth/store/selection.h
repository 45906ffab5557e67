// Which files of a repository are fetched: those that a checkpoint needs, and no others. Python
// code and pickles are never among them.
#pragma once

#include <string>
#include <vector>

#include "hearth/base/status.h"
#include "hearth/store/listing.h"
#include "hearth/store/model_ref.h"

namespace hearth::store {

// A GGUF file, or the set that it was split into.
struct GgufSet {
  std::string label;               // what tells it from the others: Q4_K_M, UD-IQ1_S
  std::vector<std::string> paths;  // in order; the first is what a reader opens
  int64_t bytes = 0;
};

// The sets among these files, by path; projectors of images and importance matrices are none.
// A set that is not whole is corrupt, or passed over.
enum class Incomplete { refused, passed_over };
Result<std::vector<GgufSet>> gguf_sets(const std::vector<RepoFile>& files,
                                       Incomplete incomplete = Incomplete::refused);

// The set that a selection means, by label, by folder or by path; "": the only one. invalid, with
// what there is: none, or several.
Result<GgufSet> choose_gguf(const std::vector<GgufSet>& sets, const std::string& selection,
                            const std::string& where);

struct SelectedFiles {
  std::vector<RepoFile> files;  // by path, each with a checksum, or of an S3 store with an ETag
  std::string gguf;             // the file that a reader opens; "": the directory
  int64_t bytes = 0;
  std::vector<std::string> code;  // what was left out because it is a program or a pickle
};

Result<SelectedFiles> select_files(const RepoListing& listing, const ModelRef& ref);

}  // namespace hearth::store
