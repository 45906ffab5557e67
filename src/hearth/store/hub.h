// A hub of models: where its listings and files lie, and what token it may see.
#pragma once

#include <string>

#include "hearth/base/status.h"
#include "hearth/store/download.h"
#include "hearth/store/http_client.h"
#include "hearth/store/listing.h"
#include "hearth/store/model_ref.h"

namespace hearth::store {

inline constexpr size_t kEndpointBytesMax = 500;

struct Hub {
  HubKind kind = HubKind::hugging_face;
  std::string endpoint;  // https://huggingface.co, or a mirror; without a slash at its end
  Access access;         // its token goes to the endpoint's own host alone

  std::string listing_url(const ModelRef& ref) const;
  // Of one commit, where the hub names one. Of an S3 store that of an object.
  std::string file_url(const ModelRef& ref, const std::string& commit,
                       const std::string& path) const;
};

// invalid: the endpoint is no address, or a token would travel unencrypted.
Status check_hub(const Hub& hub);

// Asks the hub what a repository has, or an S3 store what lies below a prefix (s3_hub.h).
Result<RepoListing> fetch_listing(HttpClient& client, const Hub& hub, const ModelRef& ref,
                                  const TransferOptions& options, const TransferEvents& events);

}  // namespace hearth::store
