// An S3 store (Amazon's, Ceph's RGW, MinIO) as a hub: a model is what lies below a prefix.
//
//   Content  each object is read under the ETag that the list gave it (If-Match, and the reply's
//   own
//            ETag): one that changes meanwhile is refused, whole or in part
//   Origin   an object SHA256SUMS below the prefix, as `sha256sum` writes it, gives the checksum of
//            every file that is fetched. Without one a store vouches for nothing: sizes and ETags
//            are checked, and SHA-256 is written down as the bytes came, for `verify`
//   Address  ENDPOINT/BUCKET/KEY, or {bucket} in the endpoint: https://{bucket}.s3.example
#pragma once

#include <string>

#include "hearth/base/status.h"
#include "hearth/store/hub.h"

namespace hearth::store {

// invalid: the endpoint is no address, the region no word, a key or secret incomplete or of other
// characters than a header may have.
Status check_s3(const Hub& hub);

// The address of the object PREFIX/`path`.
std::string object_url(const Hub& hub, const ModelRef& ref, const std::string& path);

// All pages of ListObjectsV2, and SHA256SUMS. corrupt: a key outside of the prefix, one twice, one
// that would leave its folder, pages that don't move on; a file that SHA256SUMS leaves out.
Result<RepoListing> fetch_s3_listing(HttpClient& client, const Hub& hub, const ModelRef& ref,
                                     const TransferOptions& options, const TransferEvents& events);

}  // namespace hearth::store
