// HTTP GET for downloads, and POST for questions to another model's server, on libcurl: the one
// place of Hearth that opens a connection of its own to the Internet. What a server may do is
// bounded here:
//   - http and https only; five redirects of a GET, none of a POST; none from https to http, none
//     to an address nearer to this machine than the first (a public server can't send us to
//     127.0.0.1)
//   - a token goes to the scheme, host and port that it was given for, across no redirect; a
//   request
//     to an S3 store follows none: its signature is that of one host
//   - 64 KiB of headers; no content encoding is asked for or accepted (decompression bombs)
//   - a connection that brings next to nothing is given up
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "hearth/base/function_ref.h"
#include "hearth/base/status.h"

namespace hearth::store {

struct HttpOptions {
  int connect_seconds = 20;
  int stall_seconds = 30;         // below 1 KiB/s for so long: given up; 0: never
  int whole_seconds = 0;          // for all of a transfer; 0: no bound
  std::string certificates;       // PEM file of whom to trust; "": the system's
  std::function<bool()> stopped;  // asked several times a second; empty: never
};

// Who asks an S3 store. Each request is signed (AWS Signature Version 4); the secret is never sent.
struct S3Keys {
  std::string region;
  std::string key_id;  // "": not signed, as public buckets allow
  std::string secret;
  std::string session;  // of temporary keys; "": none
};

struct Access {
  std::string token;         // "": none
  std::optional<S3Keys> s3;  // the server speaks S3
};

struct HttpRequest {
  std::string url;
  Access access;
  int64_t from = 0;           // of a range
  int64_t until = 0;          // its end, exclusive; 0: that of the file
  std::string if_range;       // the ETag of what is here already; "": unconditional
  std::string if_match = "";  // the only ETag that is wanted; "": any
  std::string json = "";      // a POST of this body; "": a GET
};

// Of the reply that is not a redirect.
struct HttpHead {
  int status = 0;
  int64_t length = -1;       // of the body; -1: not told
  int64_t range_begin = -1;  // of Content-Range; -1: none
  int64_t range_total = -1;
  std::string etag;  // strong ones only
};

struct HttpOutcome {
  Status status;
  bool may_retry = false;  // the network's or the server's trouble, not ours
  double retry_after = 0;  // seconds, as the server asks
  int http_status = 0;     // of a reply that was refused; 0: none came
  std::string said = "";   // the first kilobytes of that reply's body
};

// One thread at a time; connections are kept between calls.
class HttpClient {
 public:
  explicit HttpClient(HttpOptions options);
  HttpClient(HttpClient&&) noexcept;
  HttpClient& operator=(HttpClient&&) noexcept;
  ~HttpClient();

  // The head (status 200 or 206), then the body in pieces; an error of either ends the transfer and
  // is the outcome. Other statuses are errors: not_found, invalid (401, 403), else internal.
  HttpOutcome send(const HttpRequest& request, FunctionRef<Status(const HttpHead&)> on_head,
                   FunctionRef<Status(std::span<const std::byte>)> on_body);

  const HttpOptions& options() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// How near an address in text form is: 0 public, 1 private, 2 this link, 3 this machine. What is no
// address is this machine's.
int nearness(std::string_view address);

// "http://host:80" of an address, in lower case with its port; "": no http or https address, or one
// with a user's name in it.
std::string origin_of(const std::string& url);

// Whether a token may be sent there: https, or this machine itself.
bool is_private_channel(const std::string& url);

}  // namespace hearth::store
