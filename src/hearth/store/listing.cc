// See listing.h.
#include "hearth/store/listing.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "hearth/files/outside_bytes.h"
#include "hearth/store/safe_name.h"

namespace hearth::store {
namespace {

constexpr size_t kLicenceMax = 200;

Result<std::string> digits_or_none(const Json& object, std::string_view key, size_t count) {
  TRY_ASSIGN(std::string digits, json_string_or(object, key, ""));
  if (digits.empty() || is_hex(digits, count)) return digits;
  return error(Code::corrupt, "`{}`: expected {} hexadecimal digits, found `{}`", key, count,
               excerpt(digits));
}

Result<RepoFile> read_hugging_face_file(const Json& item) {
  RepoFile file;
  TRY_ASSIGN(file.path, json_string(item, "rfilename"));
  if (is_hidden_path(file.path)) return file;
  TRY(check_relative_path(file.path));
  TRY_ASSIGN(file.bytes, json_int_or(item, "size", -1, 0, kFileBytesMax));
  TRY_ASSIGN(file.git_sha1, digits_or_none(item, "blobId", 40));
  const Json* lfs = json_find(item, "lfs");
  if (lfs == nullptr) return file;
  // The blob is then a pointer to the content, which has a name of its own.
  file.git_sha1.clear();
  TRY_ASSIGN(file.sha256, digits_or_none(*lfs, "sha256", 64));
  TRY_ASSIGN(file.bytes, json_int_or(*lfs, "size", file.bytes, 0, kFileBytesMax));
  return file;
}

Result<RepoFile> read_modelscope_file(const Json& item) {
  RepoFile file;
  TRY_ASSIGN(const std::string type, json_string_or(item, "Type", "blob"));
  if (type == "tree") return file;
  TRY_ASSIGN(file.path, json_string(item, "Path"));
  if (is_hidden_path(file.path)) return file;
  TRY(check_relative_path(file.path));
  TRY_ASSIGN(file.bytes, json_int(item, "Size", 0, kFileBytesMax));
  TRY_ASSIGN(file.sha256, digits_or_none(item, "Sha256", 64));
  return file;
}

Result<std::vector<RepoFile>> read_files(const Json& items, Result<RepoFile> (*read)(const Json&)) {
  if (static_cast<int64_t>(items.size()) > kListingFilesMax) {
    return error(Code::corrupt, "expected at most {} files, found {}", kListingFilesMax,
                 items.size());
  }
  std::vector<RepoFile> files;
  for (size_t i = 0; i < items.size(); ++i) {
    auto file = read(items[i]);
    if (!file) return std::move(file).status().at(fmt::format("file {}", i));
    if (file->path.empty() || is_hidden_path(file->path)) continue;
    files.push_back(*std::move(file));
  }
  TRY(sort_by_path(files));
  return files;
}

// For a line of output: one line, of bounded length.
std::string tidy(const std::string& text) {
  return excerpt(text, kLicenceMax);
}

// "license" of the card: a text or a list of them; "other" has its name beside it.
std::string licence_of_card(const Json& card) {
  const Json* licence = json_find(card, "license");
  if (licence != nullptr && licence->is_array() && !licence->empty()) licence = &(*licence)[0];
  if (licence == nullptr || !licence->is_string()) return "";
  std::string out = licence->get<std::string>();
  const Json* name = json_find(card, "license_name");
  if (out == "other" && name != nullptr && name->is_string()) out = name->get<std::string>();
  const Json* link = json_find(card, "license_link");
  if (out != "" && link != nullptr && link->is_string()) {
    out += " (" + link->get<std::string>() + ")";
  }
  return tidy(out);
}

std::string licence_of_tags(const Json& tags) {
  constexpr std::string_view kPrefix = "license:";
  for (const Json& tag : tags) {
    if (!tag.is_string()) continue;
    const auto& text = tag.get_ref<const std::string&>();
    if (text.starts_with(kPrefix)) return tidy(text.substr(kPrefix.size()));
  }
  return "";
}

JsonLimits limits() {
  JsonLimits out;
  out.bytes_max = kListingBytesMax;
  out.depth_max = 32;
  return out;
}

}  // namespace

Status sort_by_path(std::vector<RepoFile>& files) {
  std::sort(files.begin(), files.end(),
            [](const RepoFile& a, const RepoFile& b) { return a.path < b.path; });
  for (size_t i = 1; i < files.size(); ++i) {
    if (files[i].path == files[i - 1].path) {
      return error(Code::corrupt, "`{}` is listed twice", excerpt(files[i].path));
    }
  }
  return Status::ok();
}

Result<RepoListing> parse_hugging_face_listing(std::string_view text) {
  TRY_ASSIGN(const Json root, parse_json(text, limits()));
  RepoListing out;
  TRY_ASSIGN(out.commit, json_string(root, "sha"));
  if (!is_hex(out.commit, 40)) {
    return error(Code::corrupt, "`sha`: expected a commit of 40 hexadecimal digits, found `{}`",
                 excerpt(out.commit));
  }
  TRY_ASSIGN(const Json* siblings, json_array(root, "siblings"));
  TRY_ASSIGN(out.files, read_files(*siblings, read_hugging_face_file));
  if (const Json* card = json_find(root, "cardData")) out.licence = licence_of_card(*card);
  const Json* tags = json_find(root, "tags");
  if (out.licence.empty() && tags != nullptr && tags->is_array()) {
    out.licence = licence_of_tags(*tags);
  }
  return out;
}

Result<RepoListing> parse_modelscope_listing(std::string_view text) {
  TRY_ASSIGN(const Json root, parse_json(text, limits()));
  TRY_ASSIGN(const Json* data, json_object(root, "Data"));
  TRY_ASSIGN(const Json* files, json_array(*data, "Files"));
  RepoListing out;
  TRY_ASSIGN(out.files, read_files(*files, read_modelscope_file));
  return out;
}

Result<std::string> parse_modelscope_licence(std::string_view text) {
  TRY_ASSIGN(const Json root, parse_json(text, limits()));
  TRY_ASSIGN(const Json* data, json_object(root, "Data"));
  TRY_ASSIGN(const std::string licence, json_string_or(*data, "License", ""));
  return tidy(licence);
}

}  // namespace hearth::store
