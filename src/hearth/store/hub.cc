// See hub.h.
#include "hearth/store/hub.h"

#include "hearth/files/outside_bytes.h"
#include "hearth/store/s3_hub.h"
#include "hearth/store/safe_name.h"

namespace hearth::store {
namespace {

std::string revision_of(const ModelRef& ref) {
  if (!ref.revision.empty()) return ref.revision;
  return ref.hub == HubKind::modelscope ? "master" : "main";
}

}  // namespace

std::string Hub::listing_url(const ModelRef& ref) const {
  if (kind == HubKind::modelscope) {
    return fmt::format("{}/api/v1/models/{}/repo/files?Revision={}&Recursive=true", endpoint,
                       ref.repo(), revision_of(ref));
  }
  return fmt::format("{}/api/models/{}/revision/{}?blobs=true", endpoint, ref.repo(),
                     revision_of(ref));
}

std::string Hub::file_url(const ModelRef& ref, const std::string& commit,
                          const std::string& path) const {
  if (kind == HubKind::s3) return object_url(*this, ref, path);
  if (kind == HubKind::modelscope) {
    return fmt::format("{}/api/v1/models/{}/repo?Revision={}&FilePath={}", endpoint, ref.repo(),
                       revision_of(ref), percent_encoded(path, false));
  }
  return fmt::format("{}/{}/resolve/{}/{}", endpoint, ref.repo(), commit,
                     percent_encoded(path, true));
}

Status check_hub(const Hub& hub) {
  if (hub.kind == HubKind::s3) return check_s3(hub);
  if (origin_of(hub.endpoint).empty() || hub.endpoint.find('?') != hub.endpoint.npos ||
      hub.endpoint.ends_with('/') || hub.endpoint.size() > kEndpointBytesMax) {
    return error(Code::invalid,
                 "`{}`: expected the address of a hub, such as https://huggingface.co",
                 excerpt(hub.endpoint, 200));
  }
  if (!hub.access.token.empty() && !is_private_channel(hub.endpoint)) {
    return error(Code::invalid, "{}: a token is not sent over http; expected https", hub.endpoint);
  }
  return Status::ok();
}

Result<RepoListing> fetch_listing(HttpClient& client, const Hub& hub, const ModelRef& ref,
                                  const TransferOptions& options, const TransferEvents& events) {
  TRY(check_hub(hub));
  if (hub.kind == HubKind::s3) return fetch_s3_listing(client, hub, ref, options, events);
  const std::string url = hub.listing_url(ref);
  auto text = download_text(client, {url, hub.access}, kListingBytesMax, options, events);
  if (!text) return std::move(text).status().at(ref.text());
  const bool modelscope = hub.kind == HubKind::modelscope;
  auto listing = modelscope ? parse_modelscope_listing(*text) : parse_hugging_face_listing(*text);
  if (!listing) return std::move(listing).status().at(fmt::format("{}: listing", ref.text()));
  if (modelscope) {
    const std::string about = fmt::format("{}/api/v1/models/{}", hub.endpoint, ref.repo());
    auto page = download_text(client, {about, hub.access}, kListingBytesMax, options, events);
    if (!page) return std::move(page).status().at(ref.text());
    auto licence = parse_modelscope_licence(*page);
    if (!licence) return std::move(licence).status().at(fmt::format("{}: licence", ref.text()));
    listing->licence = *std::move(licence);
  }
  return listing;
}

}  // namespace hearth::store
