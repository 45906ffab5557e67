// What an S3 store says: pages of its list of objects, and why it refuses; and SHA256SUMS, which
// the owner of a prefix may have put there. Outside bytes: sizes, names and digests are checked.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/status.h"

namespace hearth::store {

struct S3Object {
  std::string key;  // as it stands there, not checked as a path
  int64_t bytes = 0;
  std::string etag;  // with its quotes, printable
};

struct S3Page {
  std::vector<S3Object> objects;
  std::string next;  // what asks for the next page; "": this is the last
};

// A ListBucketResult of ListObjectsV2. corrupt: anything else, a size or an ETag that is none, a
// page that says that more follows and not how to ask for it.
Result<S3Page> parse_s3_page(std::string_view text);

// The <Code> of an <Error>: "NoSuchBucket"; "": there is none, or it is no word.
std::string s3_error_code(std::string_view text);

// Of a reply that is neither 200 nor 206. Of its body only the code is shown: the rest repeats what
// was signed. invalid: access, not_found: bucket or object, corrupt: the object has changed,
// internal: the rest.
Status refusal_of_s3(int http_status, std::string_view body);

// Lines of sha256sum, "DIGEST  PATH" or "DIGEST *PATH": digest by path. corrupt: another line, a
// path that leaves its folder, a path with two digests.
Result<std::map<std::string, std::string>> parse_sha256sums(std::string_view text);

}  // namespace hearth::store
