// See s3_replies.h.
#include "hearth/store/s3_replies.h"

#include <algorithm>
#include <charconv>

#include "hearth/files/outside_bytes.h"
#include "hearth/store/listing.h"
#include "hearth/store/safe_name.h"
#include "hearth/store/xml.h"

namespace hearth::store {
namespace {

constexpr size_t kEtagMax = 200;
constexpr size_t kTokenMax = 4096;
constexpr size_t kCodeMax = 64;
constexpr size_t kDigestDigits = 64;

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

Status read_size(std::string_view text, int64_t& out) {
  const auto [stop, failure] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (failure == std::errc() && stop == text.data() + text.size() && out >= 0 &&
      out <= kFileBytesMax) {
    return Status::ok();
  }
  return error(Code::corrupt, "<Size>: expected a number of bytes, found `{}`", excerpt(text));
}

// Some stores leave the quotes out in lists; in headers they always stand.
Status read_etag(std::string_view text, std::string& out) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    text = text.substr(1, text.size() - 2);
  }
  if (text.empty() || text.size() > kEtagMax || !is_printable(text) ||
      text.find('"') != text.npos) {
    return error(Code::corrupt, "<ETag>: expected a printable one, found `{}`", excerpt(text));
  }
  out = fmt::format("\"{}\"", text);
  return Status::ok();
}

class PageReader {
 public:
  Status take(std::string_view path, std::string_view text) {
    constexpr std::string_view kRoot = "ListBucketResult";
    if (!path.starts_with(kRoot) || (path.size() > kRoot.size() && path[kRoot.size()] != '/')) {
      return error(Code::corrupt, "expected a <{}>, found <{}>", kRoot, excerpt(path));
    }
    if (path == kRoot) return finish();
    const std::string_view name = path.substr(kRoot.size() + 1);
    if (name == "Contents/Key") object_.key = text;
    if (name == "Contents/Size") return read_size(text, object_.bytes);
    if (name == "Contents/ETag") return read_etag(text, object_.etag);
    if (name == "Contents") return finish_object();
    if (name == "IsTruncated") truncated_ = text;
    if (name == "NextContinuationToken") page_.next = text;
    return Status::ok();
  }

  S3Page take_page() { return std::move(page_); }

 private:
  Status finish_object() {
    if (object_.key.empty() || object_.bytes < 0 || object_.etag.empty()) {
      return error(Code::corrupt, "<Contents> `{}`: expected <Key>, <Size> and <ETag>",
                   excerpt(object_.key));
    }
    if (static_cast<int64_t>(page_.objects.size()) == kListingFilesMax) {
      return error(Code::corrupt, "expected at most {} objects", kListingFilesMax);
    }
    page_.objects.push_back(std::exchange(object_, S3Object{"", -1, ""}));
    return Status::ok();
  }

  Status finish() {
    if (truncated_ != "true" && truncated_ != "false") {
      return error(Code::corrupt, "<IsTruncated>: expected true or false, found `{}`",
                   excerpt(truncated_));
    }
    if (truncated_ == "false") page_.next.clear();
    const bool usable = page_.next.size() <= kTokenMax && is_printable(page_.next);
    if (truncated_ == "true" && (page_.next.empty() || !usable)) {
      return error(Code::corrupt, "<NextContinuationToken>: expected one, found `{}`",
                   excerpt(page_.next));
    }
    return Status::ok();
  }

  S3Page page_;
  S3Object object_{"", -1, ""};
  std::string truncated_;
};

Status refusal(Code code, int http_status, const std::string& what, std::string_view advice) {
  return error(code, "the S3 store answers HTTP {}{}: {}", http_status,
               what.empty() ? "" : " (" + what + ")", advice);
}

}  // namespace

Result<S3Page> parse_s3_page(std::string_view text) {
  PageReader reader;
  TRY(read_xml(text, [&](std::string_view path, std::string_view characters) {
    return reader.take(path, characters);
  }));
  return reader.take_page();
}

std::string s3_error_code(std::string_view text) {
  std::string code;
  const auto take = [&](std::string_view path, std::string_view characters) {
    if (path == "Error/Code") code = characters;
    return Status::ok();
  };
  // A body that was cut off, or a proxy's page, has told what it has told.
  const Status status = read_xml(text, take);
  const bool word =
      code.size() <= kCodeMax && std::all_of(code.begin(), code.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
      });
  return word && (status.is_ok() || status.code() == Code::corrupt) ? code : "";
}

Status refusal_of_s3(int http_status, std::string_view body) {
  const std::string code = s3_error_code(body);
  if (code == "RequestTimeTooSkewed") {
    return refusal(Code::invalid, http_status, code, "this machine's clock is wrong");
  }
  if (http_status >= 300 && http_status < 400) {
    return refusal(Code::invalid, http_status, code,
                   "the bucket lies in another region or at another address; AWS_REGION and "
                   "--s3-endpoint say where");
  }
  switch (http_status) {
    case 400:
    case 401:
    case 403:
      return refusal(Code::invalid, http_status, code,
                     "access is refused; AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, "
                     "AWS_SESSION_TOKEN and AWS_REGION say who asks");
    case 404:
    case 410:
      return refusal(Code::not_found, http_status, code, "no such bucket or object");
    case 412:
      return refusal(Code::corrupt, http_status, code,
                     "the object has changed since it was listed; pull again");
    case 416:
      return refusal(Code::corrupt, http_status, code, "no such range of the object");
    default:
      return refusal(Code::internal, http_status, code, "expected 200 or 206");
  }
}

Result<std::map<std::string, std::string>> parse_sha256sums(std::string_view text) {
  std::map<std::string, std::string> out;
  for (int64_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    const bool spaced = line.size() > kDigestDigits + 2 && line[kDigestDigits] == ' ' &&
                        (line[kDigestDigits + 1] == ' ' || line[kDigestDigits + 1] == '*');
    if (!spaced || !is_hex(line.substr(0, kDigestDigits), kDigestDigits)) {
      return error(Code::corrupt,
                   "line {}: expected `DIGEST  PATH` as sha256sum writes it, found "
                   "`{}`",
                   number, excerpt(line, 100));
    }
    std::string_view path = line.substr(kDigestDigits + 2);
    if (path.starts_with("./")) path.remove_prefix(2);
    if (is_hidden_path(path)) continue;
    Status named = check_relative_path(path);
    if (!named.is_ok()) return std::move(named).at(fmt::format("line {}", number));
    const std::string digest(line.substr(0, kDigestDigits));
    const auto [place, is_new] = out.emplace(path, digest);
    if (!is_new && place->second != digest) {
      return error(Code::corrupt, "line {}: a second digest of `{}`", number, excerpt(path));
    }
    if (static_cast<int64_t>(out.size()) > kListingFilesMax) {
      return error(Code::corrupt, "more than {} files", kListingFilesMax);
    }
  }
  return out;
}

}  // namespace hearth::store
