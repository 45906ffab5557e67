// See manifest.h.
#include "hearth/store/manifest.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "hearth/base/checked_math.h"
#include "hearth/base/sha256.h"
#include "hearth/files/json.h"
#include "hearth/files/outside_bytes.h"
#include "hearth/store/block_hash.h"
#include "hearth/store/listing.h"
#include "hearth/store/safe_name.h"

namespace hearth::store {
namespace {

constexpr int64_t kVersion = 1;
constexpr size_t kLineMax = 2000;

Result<std::string> digest(const Json& object, std::string_view key) {
  TRY_ASSIGN(std::string digits, json_string(object, key));
  if (is_hex(digits, 64)) return digits;
  return error(Code::corrupt, "`{}`: expected 64 hexadecimal digits, found `{}`", key,
               excerpt(digits));
}

// One line, as it may be printed.
Result<std::string> line(const Json& root, std::string_view key) {
  TRY_ASSIGN(std::string text, json_string_or(root, key, ""));
  if (excerpt(text, kLineMax) == text) return text;
  return error(Code::corrupt, "`{}`: expected one line of at most {} bytes, found `{}`", key,
               kLineMax, excerpt(text));
}

Result<FileRecord> read_file_record(const Json& item) {
  FileRecord out;
  TRY_ASSIGN(out.path, json_string(item, "path"));
  TRY(check_relative_path(out.path));
  TRY_ASSIGN(out.bytes, json_int(item, "bytes", 0, kFileBytesMax));
  TRY_ASSIGN(out.sha256, digest(item, "sha256"));
  TRY_ASSIGN(out.checked, json_string_or(item, "checked", "sha256"));
  TRY_ASSIGN(out.etag, line(item, "etag"));
  const Json* blocks = json_find(item, "blocks");
  if (blocks == nullptr) return out;
  TRY(json_array(item, "blocks"));
  if (static_cast<int64_t>(blocks->size()) != ceil_div(out.bytes, kBlockBytes)) {
    return error(Code::corrupt, "`{}`: expected {} blocks, found {}", excerpt(out.path),
                 ceil_div(out.bytes, kBlockBytes), blocks->size());
  }
  for (const Json& block : *blocks) {
    if (!block.is_string() || !is_hex(block.get_ref<const std::string&>(), 64)) {
      return error(Code::corrupt, "`{}`: expected 64 hexadecimal digits a block, found {}",
                   excerpt(out.path), json_excerpt(block));
    }
    out.blocks.push_back(block.get<std::string>());
  }
  return out;
}

Status read_files(const Json& root, Manifest& out) {
  TRY_ASSIGN(const Json* files, json_array(root, "files"));
  if (static_cast<int64_t>(files->size()) > kListingFilesMax) {
    return error(Code::corrupt, "`files`: expected at most {}, found {}", kListingFilesMax,
                 files->size());
  }
  for (const Json& item : *files) {
    TRY_ASSIGN(FileRecord file, read_file_record(item));
    if (!out.files.empty() && !(out.files.back().path < file.path)) {
      return error(Code::corrupt, "`files`: expected paths in order, found `{}` after `{}`",
                   excerpt(file.path), excerpt(out.files.back().path));
    }
    out.files.push_back(std::move(file));
  }
  if (out.files.empty()) return error(Code::corrupt, "`files`: expected some, found none");
  return Status::ok();
}

}  // namespace

int64_t Manifest::bytes() const {
  int64_t sum = 0;
  for (const FileRecord& file : files) sum += file.bytes;
  return sum;
}

std::string Manifest::sha256() const {
  if (files.size() == 1) return files[0].sha256;
  Sha256 sum;
  for (const FileRecord& file : files) sum.update(fmt::format("{}  {}\n", file.sha256, file.path));
  return sum.hex();
}

const FileRecord* Manifest::find(std::string_view path) const {
  const auto found = std::lower_bound(
      files.begin(), files.end(), path,
      [](const FileRecord& file, std::string_view wanted) { return file.path < wanted; });
  return found == files.end() || found->path != path ? nullptr : &*found;
}

std::string Manifest::to_json() const {
  Json out = {{"hearth_store", kVersion},
              {"name", name},
              {"source", source},
              {"endpoint", endpoint},
              {"commit", commit},
              {"licence", licence},
              {"licence_accepted", licence_accepted},
              {"pulled", pulled},
              {"folder", folder},
              {"gguf", gguf},
              {"block_bytes", kBlockBytes}};
  Json items = Json::array();
  for (const FileRecord& file : files) {
    Json item = {{"path", file.path},
                 {"bytes", file.bytes},
                 {"sha256", file.sha256},
                 {"checked", file.checked}};
    if (!file.etag.empty()) item["etag"] = file.etag;
    if (!file.blocks.empty()) item["blocks"] = file.blocks;
    items.push_back(std::move(item));
  }
  out["files"] = std::move(items);
  return out.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Manifest> parse_manifest(std::string_view text) {
  JsonLimits limits;
  limits.bytes_max = kManifestBytesMax;
  limits.depth_max = 8;
  limits.refuse_duplicates = true;
  TRY_ASSIGN(const Json root, parse_json(text, limits));
  TRY(json_int(root, "hearth_store", kVersion, kVersion));
  TRY(json_int(root, "block_bytes", kBlockBytes, kBlockBytes));
  Manifest out;
  TRY_ASSIGN(out.name, line(root, "name"));
  TRY_ASSIGN(out.source, line(root, "source"));
  TRY_ASSIGN(out.endpoint, line(root, "endpoint"));
  TRY_ASSIGN(out.commit, json_string_or(root, "commit", ""));
  if (!out.commit.empty() && !is_hex(out.commit, 40)) {
    return error(Code::corrupt, "`commit`: expected 40 hexadecimal digits, found `{}`",
                 excerpt(out.commit));
  }
  TRY_ASSIGN(out.licence, line(root, "licence"));
  TRY_ASSIGN(out.licence_accepted, line(root, "licence_accepted"));
  TRY_ASSIGN(out.pulled, line(root, "pulled"));
  TRY_ASSIGN(out.folder, json_string(root, "folder"));
  TRY(check_relative_path(out.folder));
  TRY_ASSIGN(out.gguf, json_string_or(root, "gguf", ""));
  if (!out.gguf.empty()) TRY(check_relative_path(out.gguf));
  TRY(read_files(root, out));
  if (!out.gguf.empty() && out.find(out.gguf) == nullptr) {
    return error(Code::corrupt, "`gguf`: expected one of the files, found `{}`", excerpt(out.gguf));
  }
  return out;
}

}  // namespace hearth::store
