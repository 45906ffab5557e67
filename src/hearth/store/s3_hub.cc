// See s3_hub.h.
#include "hearth/store/s3_hub.h"

#include <algorithm>

#include "hearth/files/outside_bytes.h"
#include "hearth/store/s3_replies.h"
#include "hearth/store/safe_name.h"

namespace hearth::store {
namespace {

constexpr std::string_view kBucket = "{bucket}";
constexpr std::string_view kSums = "SHA256SUMS";
constexpr size_t kKeyMax = 4096;
constexpr int kPagesMax = 1000;

bool is_region(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

bool is_printable(std::string_view text) {
  return text.size() <= kKeyMax &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

std::string bucket_url(const Hub& hub, const std::string& bucket) {
  std::string url = hub.endpoint;
  if (const size_t at = url.find(kBucket); at != url.npos) {
    return url.replace(at, kBucket.size(), bucket);
  }
  return url + "/" + bucket;
}

std::string prefix_of(const ModelRef& ref) {
  return ref.repository.empty() ? "" : ref.repository + "/";
}

// The files of a page; `out` grows.
Status add_page(const S3Page& page, const std::string& prefix, std::vector<RepoFile>& out) {
  for (const S3Object& object : page.objects) {
    if (!object.key.starts_with(prefix)) {
      return error(Code::corrupt, "asked for what begins with `{}`, the store lists `{}`", prefix,
                   excerpt(object.key));
    }
    RepoFile file;
    file.path = object.key.substr(prefix.size());
    // What some tools leave where they show a folder.
    if (object.bytes == 0 && (file.path.empty() || file.path.ends_with('/'))) continue;
    if (is_hidden_path(file.path)) continue;
    TRY(check_relative_path(file.path));
    file.bytes = object.bytes;
    file.etag = object.etag;
    out.push_back(std::move(file));
    if (static_cast<int64_t>(out.size()) > kListingFilesMax) {
      return error(Code::corrupt, "expected at most {} objects below the prefix", kListingFilesMax);
    }
  }
  return Status::ok();
}

Result<std::vector<RepoFile>> list_objects(HttpClient& client, const Hub& hub, const ModelRef& ref,
                                           const TransferOptions& options,
                                           const TransferEvents& events) {
  const std::string prefix = prefix_of(ref);
  std::vector<RepoFile> out;
  std::string next;
  for (int page = 0; page < kPagesMax; ++page) {
    // In the order and form that is signed: by name, all but unreserved characters encoded.
    std::string query =
        next.empty() ? "" : "continuation-token=" + percent_encoded(next, false) + "&";
    query += "list-type=2&prefix=" + percent_encoded(prefix, false);
    const RemoteFile remote{bucket_url(hub, ref.organisation) + "/?" + query, hub.access};
    TRY_ASSIGN(const std::string text,
               download_text(client, remote, kListingBytesMax, options, events));
    auto found = parse_s3_page(text);
    if (!found) return std::move(found).status().at("listing");
    Status added = add_page(*found, prefix, out);
    if (!added.is_ok()) return std::move(added).at("listing");
    if (found->next.empty()) {
      Status sorted = sort_by_path(out);
      if (!sorted.is_ok()) return std::move(sorted).at("listing");
      return out;
    }
    if (found->next == next) return error(Code::corrupt, "listing: the pages don't move on");
    next = found->next;
  }
  return error(Code::corrupt, "listing: more than {} pages", kPagesMax);
}

Status add_checksums(HttpClient& client, const Hub& hub, const ModelRef& ref,
                     std::vector<RepoFile>& files, const TransferOptions& options,
                     const TransferEvents& events) {
  const auto sums = std::find_if(files.begin(), files.end(),
                                 [](const RepoFile& file) { return file.path == kSums; });
  if (sums == files.end()) {
    if (events.notice) {
      events.notice(
          fmt::format("{}: no {}: sizes and ETags are checked, and SHA-256 is recorded of "
                      "what comes",
                      ref.text(), kSums));
    }
    return Status::ok();
  }
  const RemoteFile remote{object_url(hub, ref, std::string(kSums)), hub.access, sums->etag};
  TRY_ASSIGN(const std::string text,
             download_text(client, remote, kListingBytesMax, options, events));
  auto digests = parse_sha256sums(text);
  if (!digests) return std::move(digests).status().at(kSums);
  files.erase(sums);
  for (RepoFile& file : files) {
    const auto found = digests->find(file.path);
    if (found != digests->end()) {
      file.sha256 = found->second;
    } else {
      file.etag.clear();  // not to be chosen: whoever writes checksums means all of them
    }
  }
  return Status::ok();
}

}  // namespace

Status check_s3(const Hub& hub) {
  const std::string url = bucket_url(hub, "bucket");
  if (origin_of(url).empty() || url.find('?') != url.npos || hub.endpoint.ends_with('/') ||
      url.find('{') != url.npos || hub.endpoint.size() > kEndpointBytesMax) {
    return error(Code::invalid,
                 "`{}`: expected the address of an S3 store, such as https://s3.example:8443",
                 excerpt(hub.endpoint, 200));
  }
  CHECK(hub.access.s3.has_value());
  const S3Keys& keys = *hub.access.s3;
  if (!is_region(keys.region)) {
    return error(Code::invalid, "AWS_REGION: expected a name such as us-east-1, found `{}`",
                 excerpt(keys.region));
  }
  if (keys.key_id.empty() != keys.secret.empty()) {
    return error(Code::invalid,
                 "expected AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, found only {}",
                 keys.secret.empty() ? "the first" : "the second");
  }
  for (const auto& [name, value] : {std::pair{"AWS_ACCESS_KEY_ID", &keys.key_id},
                                    {"AWS_SECRET_ACCESS_KEY", &keys.secret},
                                    {"AWS_SESSION_TOKEN", &keys.session}}) {
    if (!is_printable(*value)) {
      return error(Code::invalid, "{}: expected printable characters in one line", name);
    }
  }
  return Status::ok();
}

std::string object_url(const Hub& hub, const ModelRef& ref, const std::string& path) {
  return fmt::format("{}/{}", bucket_url(hub, ref.organisation),
                     percent_encoded(prefix_of(ref) + path, true));
}

Result<RepoListing> fetch_s3_listing(HttpClient& client, const Hub& hub, const ModelRef& ref,
                                     const TransferOptions& options, const TransferEvents& events) {
  auto files = list_objects(client, hub, ref, options, events);
  if (!files) return std::move(files).status().at(ref.text());
  if (files->empty()) {
    return error(Code::not_found, "{}: nothing lies there at {}", ref.text(), hub.endpoint);
  }
  Status added = add_checksums(client, hub, ref, *files, options, events);
  if (!added.is_ok()) return std::move(added).at(ref.text());
  RepoListing out;
  out.files = *std::move(files);
  return out;
}

}  // namespace hearth::store
