// See selection.h.
#include "hearth/store/selection.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <set>

#include "hearth/files/outside_bytes.h"

namespace hearth::store {
namespace {

constexpr int64_t kTextFileMax = int64_t{64} << 20;  // kCheckpointTextMax of files/checkpoint.h

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

std::string_view name_of(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

std::string_view folder_of(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == path.npos ? std::string_view() : path.substr(0, slash);
}

// "model-00002-of-00003" is part 2 of 3 of "model"; 0 of 0: no part.
struct Part {
  std::string_view stem;
  int number = 0;
  int count = 0;
};

Part part_of(std::string_view stem) {
  constexpr size_t kSuffix = 15;  // -00001-of-00003
  const Part whole{stem};
  if (stem.size() <= kSuffix) return whole;
  const std::string_view tail = stem.substr(stem.size() - kSuffix);
  if (tail[0] != '-' || tail.substr(6, 4) != "-of-") return whole;
  const auto digits = [](std::string_view text) {
    int value = 0;
    for (const char c : text) {
      if (c < '0' || c > '9') return -1;
      value = value * 10 + (c - '0');
    }
    return value;
  };
  const Part part{stem.substr(0, stem.size() - kSuffix), digits(tail.substr(1, 5)),
                  digits(tail.substr(10, 5))};
  return part.number < 1 || part.count < 1 ? whole : part;
}

bool is_weights(std::string_view path) {
  const std::string name = upper(name_of(path));
  return name.ends_with(".GGUF") && !name.starts_with("MMPROJ") &&
         name.find("IMATRIX") == name.npos;
}

std::string_view stem_of(std::string_view path) {
  const std::string_view name = name_of(path);
  return part_of(name.substr(0, name.size() - std::string_view(".gguf").size())).stem;
}

// What is left of each name without the beginning that all share, cut at a dash: the labels that
// people know, such as UD-IQ1_S beside IQ1_S.
void label_sets(std::vector<GgufSet>& sets) {
  size_t shared = std::string::npos;
  const std::string_view first = sets.empty() ? "" : stem_of(sets[0].paths[0]);
  for (const GgufSet& set : sets) {
    const std::string_view stem = stem_of(set.paths[0]);
    const auto ends = std::mismatch(first.begin(), first.end(), stem.begin(), stem.end());
    shared = std::min(shared, static_cast<size_t>(ends.first - first.begin()));
  }
  for (GgufSet& set : sets) {
    const std::string_view stem = stem_of(set.paths[0]);
    const size_t dash = stem.substr(0, std::min(shared, stem.size() - 1)).rfind('-');
    set.label = dash == stem.npos ? stem : stem.substr(dash + 1);
  }
}

bool ends_with_label(std::string_view stem, const std::string& wanted) {
  const std::string name = upper(stem);
  if (!name.ends_with(wanted)) return false;
  if (name.size() == wanted.size()) return true;
  const char before = name[name.size() - wanted.size() - 1];
  return before == '-' || before == '.' || before == '_';
}

bool in_folder(std::string_view path, const std::string& wanted) {
  return upper(name_of(folder_of(path))) == wanted;
}

// From the narrowest meaning of a selection to the widest.
using Match = bool (*)(const GgufSet&, const std::string& wanted);
constexpr std::array<Match, 4> kMatches = {
    [](const GgufSet& set, const std::string& wanted) {
      return std::any_of(set.paths.begin(), set.paths.end(),
                         [&](const std::string& path) { return upper(path) == wanted; });
    },
    [](const GgufSet& set, const std::string& wanted) { return upper(set.label) == wanted; },
    [](const GgufSet& set, const std::string& wanted) { return in_folder(set.paths[0], wanted); },
    [](const GgufSet& set, const std::string& wanted) {
      return ends_with_label(stem_of(set.paths[0]), wanted);
    },
};

std::string list_sets(const std::vector<GgufSet>& sets) {
  std::string out;
  for (const GgufSet& set : sets) {
    if (!out.empty()) out += ", ";
    if (out.size() > 600) return out + "...";
    out += fmt::format("{} ({:.1f} GB)", excerpt(set.label), static_cast<double>(set.bytes) / 1e9);
  }
  return out;
}

bool has_extension(const std::string& path, std::initializer_list<std::string_view> extensions) {
  return std::any_of(extensions.begin(), extensions.end(),
                     [&](std::string_view end) { return path.ends_with(end); });
}

bool is_licence(const std::string& path) {
  const std::string name = upper(path);
  return name.starts_with("LICEN") || name == "NOTICE" || name == "README.MD" ||
         name.starts_with("USE_POLICY");
}

bool is_code(const std::string& path) {
  return has_extension(path, {".py", ".pyc", ".so", ".bin", ".pt", ".pth", ".ckpt", ".pkl",
                              ".pickle", ".sh", ".ipynb", ".h5", ".msgpack"});
}

// Text files that describe a model; what lies in folders belongs to other tools.
bool describes(const RepoFile& file) {
  if (file.path.find('/') != file.path.npos || file.bytes > kTextFileMax) return false;
  return has_extension(file.path, {".json", ".jinja"}) || file.path == "tokenizer.model" ||
         file.path == "merges.txt" || file.path == "vocab.txt" || is_licence(file.path);
}

// Some repositories have the same weights again under another name (consolidated.safetensors).
std::vector<const RepoFile*> safetensors(const std::vector<RepoFile>& files) {
  std::vector<const RepoFile*> all;
  std::vector<const RepoFile*> named;
  for (const RepoFile& file : files) {
    if (file.path.find('/') != file.path.npos || !file.path.ends_with(".safetensors")) continue;
    all.push_back(&file);
    if (file.path == "model.safetensors" || file.path.starts_with("model-")) named.push_back(&file);
  }
  return named.empty() ? all : named;
}

Status check_selected(const RepoFile& file) {
  if (!file.etag.empty()) return Status::ok();  // an S3 store gives none; see s3_hub.h
  if (file.sha256.empty() && file.git_sha1.empty()) {
    return error(
        Code::unsupported,
        "{}: the hub gives no checksum (of an S3 store: SHA256SUMS leaves it out), so that it "
        "can't be verified",
        excerpt(file.path));
  }
  const bool weights = has_extension(file.path, {".safetensors", ".gguf"});
  if (weights && file.sha256.empty()) {
    return error(Code::unsupported, "{}: expected a SHA-256 from the hub, found none",
                 excerpt(file.path));
  }
  if (file.bytes >= 0) return Status::ok();
  return error(Code::unsupported, "{}: the hub gives no size", excerpt(file.path));
}

}  // namespace

Result<std::vector<GgufSet>> gguf_sets(const std::vector<RepoFile>& files, Incomplete incomplete) {
  std::map<std::string, std::vector<const RepoFile*>> by_stem;  // folder/stem/count
  for (const RepoFile& file : files) {
    if (!is_weights(file.path)) continue;
    const std::string_view name = name_of(file.path);
    const Part part = part_of(name.substr(0, name.size() - 5));
    by_stem[fmt::format("{}/{}/{}", folder_of(file.path), part.stem, part.count)].push_back(&file);
  }
  std::vector<GgufSet> sets;
  for (const auto& [key, parts] : by_stem) {
    GgufSet set;
    for (const RepoFile* file : parts) {  // by path: parts of one width are in order
      set.paths.push_back(file->path);
      set.bytes += std::max<int64_t>(0, file->bytes);
    }
    const std::string_view first = name_of(set.paths[0]);
    const Part part = part_of(first.substr(0, first.size() - 5));
    if (part.count > 0 && static_cast<size_t>(part.count) != parts.size()) {
      if (incomplete == Incomplete::passed_over) continue;
      return error(Code::corrupt, "{}: expected {} parts, found {}", excerpt(set.paths[0], 200),
                   part.count, parts.size());
    }
    sets.push_back(std::move(set));
  }
  label_sets(sets);
  return sets;
}

Result<GgufSet> choose_gguf(const std::vector<GgufSet>& sets, const std::string& selection,
                            const std::string& where) {
  if (selection.empty()) {
    if (sets.size() == 1) return sets[0];
    return error(Code::invalid, "{}: expected which of {} GGUF files, as `{}:LABEL`; there are {}",
                 where, sets.size(), where, list_sets(sets));
  }
  const std::string wanted = upper(selection);
  for (const Match match : kMatches) {
    std::vector<GgufSet> found;
    for (const GgufSet& set : sets) {
      if (match(set, wanted)) found.push_back(set);
    }
    if (found.size() == 1) return found[0];
    if (found.size() > 1) {
      return error(Code::invalid, "{}: `{}` may mean {}; give the path of the file", where,
                   selection, list_sets(found));
    }
  }
  return error(Code::not_found, "{}: expected a GGUF file for `{}`; there are {}", where, selection,
               sets.empty() ? "none" : list_sets(sets));
}

Result<SelectedFiles> select_files(const RepoListing& listing, const ModelRef& ref) {
  SelectedFiles out;
  const std::vector<const RepoFile*> tensors = safetensors(listing.files);
  TRY_ASSIGN(const std::vector<GgufSet> sets, gguf_sets(listing.files));
  std::set<std::string_view> wanted;  // of paths in the listing
  if (!ref.selection.empty() || (tensors.empty() && !sets.empty())) {
    TRY_ASSIGN(const GgufSet set, choose_gguf(sets, ref.selection, ref.text()));
    for (const RepoFile& file : listing.files) {
      if (std::binary_search(set.paths.begin(), set.paths.end(), file.path)) {
        wanted.insert(file.path);
      }
    }
    out.gguf = set.paths[0];
  } else if (tensors.empty()) {
    return error(Code::unsupported,
                 "{}: expected safetensors or GGUF files, found none among {} files; pickles are "
                 "never loaded",
                 ref.text(), listing.files.size());
  }
  for (const RepoFile* file : tensors) {
    if (out.gguf.empty()) wanted.insert(file->path);
  }
  for (const RepoFile& file : listing.files) {
    const bool is_wanted = wanted.contains(file.path);
    if (is_code(file.path)) out.code.push_back(file.path);
    const bool text = out.gguf.empty() ? describes(file) : is_licence(file.path);
    if (!is_wanted && !(text && !is_code(file.path))) continue;
    TRY(check_selected(file));
    out.bytes += file.bytes;  // at most 100,000 files of 16 TiB
    out.files.push_back(file);
  }
  return out;
}

}  // namespace hearth::store
