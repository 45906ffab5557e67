// A hub of models: where its listings and files lie, and what token it may see.
#pragma once

#include <string>

#include "hearth/base/status.h"
#include "hearth/store/download.h"
#include "hearth/store/http_client.h"
#include "hearth/store/listing.h"
#include "hearth/store/model_ref.h"

namespace hearth::store {

struct Hub {
  HubKind kind = HubKind::hugging_face;
  std::string endpoint;  // https://huggingface.co, or a mirror; without a slash at its end
  std::string token;     // goes to the endpoint's own host alone

  std::string listing_url(const ModelRef& ref) const;
  // Of one commit, where the hub names one.
  std::string file_url(const ModelRef& ref, const std::string& commit,
                       const std::string& path) const;
};

// invalid: the endpoint is no address, or a token would travel unencrypted.
Status check_hub(const Hub& hub);

// Asks the hub what a repository has.
Result<RepoListing> fetch_listing(HttpClient& client, const Hub& hub, const ModelRef& ref,
                                  const TransferOptions& options, const TransferEvents& events);

}  // namespace hearth::store
