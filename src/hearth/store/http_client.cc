// See http_client.h. Redirects are followed here and not by libcurl, so that each hop is looked at.
// No exception may pass through libcurl: its callbacks call nothing that throws.
#include "hearth/store/http_client.h"

#include "hearth/files/outside_bytes.h"
#include "hearth/store/http_headers.h"
#include "hearth/store/s3_replies.h"

#ifdef HEARTH_HTTP
#include <curl/curl.h>

#include <algorithm>
#include <cctype>
#include <optional>

namespace hearth::store {
namespace {

constexpr int kRedirectsMax = 5;
constexpr int64_t kHeaderBytesMax = 64 << 10;
constexpr int64_t kOtherBodyMax = 256 << 10;  // of a reply that is not what was asked for
constexpr size_t kSaidBytes = 4 << 10;        // of it, that the caller is told
constexpr long kBufferBytes = 512 << 10;
constexpr long kStallBytesPerSecond = 1024;
// SHA-256 of nothing, the body of each GET: S3 wants it told and signed.
constexpr std::string_view kNoBody =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

struct UrlHandle {
  CURLU* handle = curl_url();
  UrlHandle() = default;
  UrlHandle(const UrlHandle&) = delete;
  UrlHandle& operator=(const UrlHandle&) = delete;
  ~UrlHandle() { curl_url_cleanup(handle); }

  std::optional<std::string> part(CURLUPart what, unsigned flags = 0) const {
    char* text = nullptr;
    if (curl_url_get(handle, what, &text, flags) != CURLUE_OK) return std::nullopt;
    std::string out = text;
    curl_free(text);
    return out;
  }
};

}  // namespace

std::string origin_of(const std::string& url) {
  const UrlHandle parsed;
  if (curl_url_set(parsed.handle, CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) return "";
  const std::string scheme = lower(parsed.part(CURLUPART_SCHEME).value_or(""));
  const auto host = parsed.part(CURLUPART_HOST);
  const auto port = parsed.part(CURLUPART_PORT, CURLU_DEFAULT_PORT);
  if ((scheme != "http" && scheme != "https") || !host || !port) return "";
  if (parsed.part(CURLUPART_USER) || parsed.part(CURLUPART_PASSWORD)) return "";
  return fmt::format("{}://{}:{}", scheme, lower(*host), *port);
}

struct HttpClient::State {
  HttpOptions options;
  CURL* curl = nullptr;

  // Of the transfer that runs.
  FunctionRef<Status(const HttpHead&)>* on_head = nullptr;
  FunctionRef<Status(std::span<const std::byte>)>* on_body = nullptr;
  HttpHead head;
  Status failure;  // ours, which ended the transfer
  double retry_after = 0;
  int64_t header_bytes = 0;
  int64_t other_bytes = 0;
  std::string said;       // the beginning of such a reply's body
  int nearness_max = -1;  // of the first hop
  bool head_done = false;
  bool wanted = false;  // status 200 or 206: the body goes to on_body

  ~State() {
    if (curl != nullptr) curl_easy_cleanup(curl);
  }

  long status() const {
    long code = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
    return code;
  }

  bool take(Status result) {
    if (!result.is_ok() && failure.is_ok()) failure = std::move(result);
    return failure.is_ok();
  }

  bool header(std::string_view line) {
    header_bytes += static_cast<int64_t>(line.size());
    if (header_bytes > kHeaderBytesMax) {
      return take(error(Code::corrupt, "the server sends more than {} KiB of headers",
                        kHeaderBytesMax >> 10));
    }
    // What follows the body (trailers) says nothing about it.
    if (line.starts_with("HTTP/")) head_done = false;
    if (head_done) return true;
    if (!take(read_header_line(line, head, retry_after))) return false;
    if (line != "\r\n" && line != "\n") return true;
    head_done = true;
    head.status = static_cast<int>(status());
    wanted = head.status == 200 || head.status == 206;
    return !wanted || take((*on_head)(head));
  }

  bool body(std::span<const std::byte> bytes) {
    if (wanted) return take((*on_body)(bytes));
    other_bytes += static_cast<int64_t>(bytes.size());
    const size_t kept = std::min(bytes.size(), kSaidBytes - said.size());
    said.append(reinterpret_cast<const char*>(bytes.data()), kept);
    return other_bytes <= kOtherBodyMax;
  }

  bool may_connect(std::string_view address) {
    const int found = nearness(address);
    if (nearness_max < 0) nearness_max = found;
    if (found <= nearness_max) return true;
    return take(error(Code::invalid,
                      "a redirect to {}, an address nearer to this machine, is "
                      "refused",
                      excerpt(address)));
  }

  Result<std::optional<std::string>> hop(const std::string& url, const HttpRequest& request,
                                         bool with_token);
};

namespace {

struct Headers {
  curl_slist* list = nullptr;
  Headers() = default;
  Headers(const Headers&) = delete;
  Headers& operator=(const Headers&) = delete;
  ~Headers() { curl_slist_free_all(list); }
  void add(const std::string& line) { list = curl_slist_append(list, line.c_str()); }
};

// Of libcurl's own errors: what another try may heal.
bool may_heal(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PARTIAL_FILE:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_SSL_CONNECT_ERROR:
      return true;
    default:
      return false;
  }
}

Status of_http_status(const HttpHead& head, const std::string& url) {
  const std::string place = excerpt(url.substr(0, url.find('?')), 300);
  switch (head.status) {
    case 401:
    case 403:
      return error(Code::invalid,
                   "{}: the server refuses access (HTTP {}): the repository may be private, or its "
                   "terms may have to be accepted on its page; HF_TOKEN gives a token",
                   place, head.status);
    case 404:
    case 410:
      return error(Code::not_found, "{}: no such repository, revision or file (HTTP {})", place,
                   head.status);
    case 416:
      return error(Code::corrupt, "{}: the server has no such range (HTTP 416)", place);
    default:
      return error(Code::internal, "{}: the server answers HTTP {}", place, head.status);
  }
}

bool is_redirect(long status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

}  // namespace

HttpClient::HttpClient(HttpOptions options) : state_(std::make_unique<State>()) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  CHECK_EQ(static_cast<int>(ready), static_cast<int>(CURLE_OK));
  state_->options = std::move(options);
  state_->curl = curl_easy_init();
  CHECK(state_->curl != nullptr);
}

HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;
HttpClient::~HttpClient() = default;

const HttpOptions& HttpClient::options() const {
  return state_->options;
}

namespace {

void set_bounds(CURL* curl, const HttpOptions& options) {
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_HTTP_CONTENT_DECODING, 0L);
  curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(curl, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, static_cast<long>(options.connect_seconds));
  if (options.stall_seconds > 0) {
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, kStallBytesPerSecond);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(options.stall_seconds));
  }
  curl_easy_setopt(curl, CURLOPT_TIMEOUT, static_cast<long>(options.whole_seconds));
  curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, kBufferBytes);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "hearth");
  if (!options.certificates.empty()) {
    curl_easy_setopt(curl, CURLOPT_CAINFO, options.certificates.c_str());
  }
}

// libcurl signs the method, the path, the query as it stands, and all headers that are added.
void sign(CURL* curl, const S3Keys& keys, Headers& headers) {
  if (keys.key_id.empty()) return;
  curl_easy_setopt(curl, CURLOPT_AWS_SIGV4, fmt::format("aws:amz:{}:s3", keys.region).c_str());
  curl_easy_setopt(curl, CURLOPT_USERNAME, keys.key_id.c_str());
  curl_easy_setopt(curl, CURLOPT_PASSWORD, keys.secret.c_str());
  headers.add(fmt::format("x-amz-content-sha256: {}", kNoBody));
  if (!keys.session.empty()) headers.add("x-amz-security-token: " + keys.session);
}

// Who asks for what.
void set_request(CURL* curl, const HttpRequest& request, bool with_token, Headers& headers) {
  if (with_token) headers.add("Authorization: Bearer " + request.access.token);
  if (request.access.s3) sign(curl, *request.access.s3, headers);
  if (request.until > 0) {
    headers.add(fmt::format("Range: bytes={}-{}", request.from, request.until - 1));
  } else if (request.from > 0) {
    headers.add(fmt::format("Range: bytes={}-", request.from));
  }
  if (request.from > 0 && !request.if_range.empty()) headers.add("If-Range: " + request.if_range);
  if (!request.if_match.empty()) headers.add("If-Match: " + request.if_match);
  if (!request.json.empty()) {
    headers.add("Content-Type: application/json");
    headers.add("Expect:");  // one round trip less: nobody asks whether the body may come
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.json.size()));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.json.data());
  }
}

}  // namespace

// One request; the address of a redirect, or none when the reply came.
Result<std::optional<std::string>> HttpClient::State::hop(const std::string& url,
                                                          const HttpRequest& request,
                                                          bool with_token) {
  curl_easy_reset(curl);
  set_bounds(curl, options);
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  Headers headers;
  set_request(curl, request, with_token, headers);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.list);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(
      curl, CURLOPT_HEADERFUNCTION,
      +[](char* data, size_t size, size_t count, void* self) -> size_t {
        const std::string_view line(data, size * count);
        return static_cast<State*>(self)->header(line) ? line.size() : 0;
      });
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(
      curl, CURLOPT_WRITEFUNCTION,
      +[](char* data, size_t size, size_t count, void* self) -> size_t {
        const std::span<const char> bytes(data, size * count);
        const bool ok = static_cast<State*>(self)->body(std::as_bytes(bytes));
        return ok ? bytes.size() : CURL_WRITEFUNC_ERROR;
      });
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, this);
  curl_easy_setopt(
      curl, CURLOPT_XFERINFOFUNCTION,
      +[](void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) -> int {
        const HttpOptions& set = static_cast<State*>(self)->options;
        return set.stopped && set.stopped() ? 1 : 0;
      });
  curl_easy_setopt(curl, CURLOPT_PREREQDATA, this);
  curl_easy_setopt(
      curl, CURLOPT_PREREQFUNCTION, +[](void* self, char* address, char*, int, int) -> int {
        return static_cast<State*>(self)->may_connect(address) ? CURL_PREREQFUNC_OK
                                                               : CURL_PREREQFUNC_ABORT;
      });
  head = HttpHead();
  header_bytes = other_bytes = 0;
  said.clear();
  wanted = head_done = false;
  const CURLcode code = curl_easy_perform(curl);
  if (!failure.is_ok()) return std::move(failure);
  if (options.stopped && options.stopped()) return error(Code::cancelled, "stopped");
  const bool redirected = is_redirect(status());
  if (code != CURLE_OK && !redirected && (wanted || status() < 400)) {
    const Code kind = may_heal(code) ? Code::busy : Code::internal;
    return error(kind, "{}: {}", excerpt(url.substr(0, url.find('?')), 300),
                 curl_easy_strerror(code));
  }
  if (!redirected || request.access.s3) return std::optional<std::string>();
  char* target = nullptr;
  curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &target);
  if (target == nullptr) return error(Code::corrupt, "a redirect without an address");
  return std::optional<std::string>(target);
}

HttpOutcome HttpClient::send(const HttpRequest& request,
                             FunctionRef<Status(const HttpHead&)> on_head,
                             FunctionRef<Status(std::span<const std::byte>)> on_body) {
  State& s = *state_;
  s.on_head = &on_head;
  s.on_body = &on_body;
  s.failure = Status::ok();
  s.nearness_max = -1;
  s.retry_after = 0;
  const std::string origin = origin_of(request.url);
  if (origin.empty()) {
    return {error(Code::invalid, "`{}`: expected an http or https address without a user's name",
                  excerpt(request.url, 200))};
  }
  std::string url = request.url;
  for (int redirects = 0; redirects <= kRedirectsMax; ++redirects) {
    const bool with_token = !request.access.token.empty() && origin_of(url) == origin;
    auto next = s.hop(url, request, with_token);
    if (!next) {
      const bool heals = next.status().code() == Code::busy;
      Status status = std::move(next).status();
      if (heals) return {Status(Code::internal, status.message()), true, 0};
      return {std::move(status)};
    }
    if (!*next) {
      if (s.wanted) return {Status::ok()};
      const bool again = s.head.status == 408 || s.head.status == 429 || s.head.status >= 500;
      Status refusal =
          request.access.s3 ? refusal_of_s3(s.head.status, s.said) : of_http_status(s.head, url);
      return {std::move(refusal), again, s.retry_after, s.head.status, std::move(s.said)};
    }
    if (!request.json.empty()) {
      return {error(Code::invalid, "{}: a redirect (HTTP {}), which a POST doesn't follow",
                    excerpt(request.url, 200), s.status())};
    }
    const std::string target = origin_of(**next);
    const std::string shown = excerpt((*next)->substr(0, (*next)->find('?')), 200);
    if (target.empty()) {
      return {error(Code::invalid, "a redirect to `{}` is refused: expected http or https", shown)};
    }
    if (url.starts_with("https:") && !target.starts_with("https:")) {
      return {error(Code::invalid, "a redirect from https to `{}` is refused", shown)};
    }
    url = **next;
  }
  return {
      error(Code::invalid, "{}: more than {} redirects", excerpt(request.url, 200), kRedirectsMax)};
}

}  // namespace hearth::store

#else  // a cross build without libcurl

namespace hearth::store {

struct HttpClient::State {
  HttpOptions options;
};

HttpClient::HttpClient(HttpOptions options) : state_(std::make_unique<State>()) {
  state_->options = std::move(options);
}
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;
HttpClient::~HttpClient() = default;

const HttpOptions& HttpClient::options() const {
  return state_->options;
}

HttpOutcome HttpClient::send(const HttpRequest&, FunctionRef<Status(const HttpHead&)>,
                             FunctionRef<Status(std::span<const std::byte>)>) {
  return {error(Code::unsupported, "this build has no HTTP client (libcurl)")};
}

std::string origin_of(const std::string&) {
  return "";
}

}  // namespace hearth::store
#endif
