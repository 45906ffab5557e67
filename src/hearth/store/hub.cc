// See hub.h.
#include "hearth/store/hub.h"

#include "hearth/files/outside_bytes.h"
#include "hearth/store/safe_name.h"

namespace hearth::store {
namespace {

constexpr size_t kEndpointMax = 500;

std::string revision_of(const ModelRef& ref) {
  if (!ref.revision.empty()) return ref.revision;
  return ref.hub == HubKind::modelscope ? "master" : "main";
}

Result<std::string> fetch_text(HttpClient& client, const std::string& url, const std::string& token,
                               const TransferOptions& options, const TransferEvents& events) {
  std::string text;
  const auto take_head = [&](const HttpHead& head) {
    text.clear();
    if (head.status == 200) return Status::ok();
    return error(Code::corrupt, "expected HTTP 200, found {}", head.status);
  };
  const auto take_body = [&](std::span<const std::byte> bytes) {
    if (static_cast<int64_t>(text.size() + bytes.size()) > kListingBytesMax) {
      return error(Code::corrupt, "the hub's listing is longer than {} MiB",
                   kListingBytesMax >> 20);
    }
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return Status::ok();
  };
  TRY(with_retries(
      client, options, events, "listing",
      [&] {
        return client.send({url, token, 0, 0, ""}, take_head, take_body);
      },
      [] { return int64_t{0}; }));
  return text;
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
  if (kind == HubKind::modelscope) {
    return fmt::format("{}/api/v1/models/{}/repo?Revision={}&FilePath={}", endpoint, ref.repo(),
                       revision_of(ref), percent_encoded(path, false));
  }
  return fmt::format("{}/{}/resolve/{}/{}", endpoint, ref.repo(), commit,
                     percent_encoded(path, true));
}

Status check_hub(const Hub& hub) {
  if (origin_of(hub.endpoint).empty() || hub.endpoint.find('?') != hub.endpoint.npos ||
      hub.endpoint.ends_with('/') || hub.endpoint.size() > kEndpointMax) {
    return error(Code::invalid,
                 "`{}`: expected the address of a hub, such as https://huggingface.co",
                 excerpt(hub.endpoint, 200));
  }
  if (!hub.token.empty() && !is_private_channel(hub.endpoint)) {
    return error(Code::invalid, "{}: a token is not sent over http; expected https", hub.endpoint);
  }
  return Status::ok();
}

Result<RepoListing> fetch_listing(HttpClient& client, const Hub& hub, const ModelRef& ref,
                                  const TransferOptions& options, const TransferEvents& events) {
  TRY(check_hub(hub));
  const std::string url = hub.listing_url(ref);
  auto text = fetch_text(client, url, hub.token, options, events);
  if (!text) return std::move(text).status().at(ref.text());
  const bool modelscope = hub.kind == HubKind::modelscope;
  auto listing = modelscope ? parse_modelscope_listing(*text) : parse_hugging_face_listing(*text);
  if (!listing) return std::move(listing).status().at(fmt::format("{}: listing", ref.text()));
  if (modelscope) {
    const std::string about = fmt::format("{}/api/v1/models/{}", hub.endpoint, ref.repo());
    auto page = fetch_text(client, about, hub.token, options, events);
    if (!page) return std::move(page).status().at(ref.text());
    auto licence = parse_modelscope_licence(*page);
    if (!licence) return std::move(licence).status().at(fmt::format("{}: licence", ref.text()));
    listing->licence = *std::move(licence);
  }
  return listing;
}

}  // namespace hearth::store
