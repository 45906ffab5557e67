// See upstream.h. The other file that uses Beast, for replies.
#include "hearth/serve/gateway/upstream.h"

#include <algorithm>
#include <array>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/system/system_error.hpp>

#include "hearth/files/outside_bytes.h"
#include "hearth/serve/access/gate.h"
#include "hearth/serve/http/stream.h"

namespace hearth::serve {
namespace {

namespace http = boost::beast::http;
using Parser = http::response_parser<http::buffer_body>;

constexpr size_t kHeadBytesMax = 64 << 10;
constexpr size_t kReadBytes = 16 << 10;

// Of a hop alone, or said by our own connection.
bool is_ours(std::string_view name) {
  static constexpr std::array<std::string_view, 11> kNames = {
      "connection",        "content-length",
      "content-type",      "date",
      "keep-alive",        "server",
      "transfer-encoding", "upgrade",
      "x-accel-buffering", "x-content-type-options",
      "x-request-id"};
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return std::ranges::find(kNames, lower) != kNames.end() || lower == "x-hearth-resume";
}

UpstreamHead head_of(const Parser& parser) {
  UpstreamHead head;
  const auto& reply = parser.get();
  head.status = static_cast<int>(reply.result_int());
  head.content_type = std::string(reply[http::field::content_type]);
  head.is_stream = head.content_type.starts_with("text/event-stream");
  head.is_resumable = reply.count("x-hearth-resume") == 1;
  for (const auto& field : reply) {
    const std::string name(field.name_string());
    if (!is_ours(name)) head.headers.emplace_back(name, std::string(field.value()));
  }
  return head;
}

std::string head_text(const UpstreamRequest& request, const std::string& host) {
  std::string out = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n",
                                request.method, request.target, host);
  for (const auto& [name, value] : request.headers) {
    if (!value.empty()) out += fmt::format("{}: {}\r\n", name, value);
  }
  const size_t length = request.line.size() + request.body.size();
  if (request.method == "POST") out += fmt::format("Content-Length: {}\r\n", length);
  return out + "\r\n";
}

}  // namespace

std::string ReplicaAddress::url() const {
  return fmt::format("http://{}:{}", host, port);
}

Result<ReplicaAddress> read_replica_address(const std::string& text) {
  constexpr std::string_view kScheme = "http://";
  std::string_view rest = text;
  if (rest.starts_with(kScheme)) rest.remove_prefix(kScheme.size());
  if (rest.ends_with('/')) rest.remove_suffix(1);
  const size_t colon = rest.rfind(':');
  const std::string_view port = colon == rest.npos ? "" : rest.substr(colon + 1);
  const bool digits = !port.empty() && port.find_first_not_of("0123456789") == port.npos;
  std::string host = host_name(rest);
  if (digits && !host.empty()) return ReplicaAddress{std::move(host), std::string(port)};
  return error(Code::invalid, "expected http://HOST:PORT, found `{}`", excerpt(text));
}

struct Upstream::Impl {
  Impl(net::io_context& io, const ReplicaAddress& where)
      : address(where), resolver(io), socket(io), deadline(io), alive(std::make_shared<int>()) {
    parser.header_limit(kHeadBytesMax);
    parser.body_limit(boost::none);
  }

  void cut() {
    is_cut = true;
    resolver.cancel();
    error_code ignored;
    socket.close(ignored);
  }
  void set_deadline(double seconds) {
    deadline.cancel();
    if (seconds <= 0) return;
    deadline.expires_after(duration_of(seconds));
    const std::weak_ptr<int> living = alive;
    deadline.async_wait([this, living, number = ++round](const error_code& failure) {
      if (!failure && !living.expired() && number == round) cut();
    });
  }
  // The end of a wait for `what`.
  Status ended(const error_code& failure, std::string_view what) {
    ++round;
    deadline.cancel();
    if (is_cut) return error(Code::internal, "{}: {}: no sign of life", address.url(), what);
    if (!failure) return Status::ok();
    return error(Code::internal, "{}: {}: {}", address.url(), what, failure.message());
  }
  net::awaitable<Status> connect(double seconds);

  const ReplicaAddress address;
  tcp::resolver resolver;
  tcp::socket socket;
  net::steady_timer deadline;
  const std::shared_ptr<int> alive;  // of this object, for timers that fire late
  uint64_t round = 0;
  bool is_cut = false;
  boost::beast::flat_buffer buffer{kHeadBytesMax + kReadBytes};
  Parser parser;
};

Upstream::Upstream(net::io_context& io, const ReplicaAddress& address)
    : impl_(std::make_unique<Impl>(io, address)) {}
Upstream::~Upstream() = default;

void Upstream::cut() {
  impl_->cut();
}

net::awaitable<Status> Upstream::Impl::connect(double seconds) {
  error_code failure;
  set_deadline(seconds);
  std::string name = address.host;
  if (name.starts_with('[')) name = name.substr(1, name.size() - 2);
  const auto places = co_await resolver.async_resolve(
      name, address.port, net::redirect_error(net::use_awaitable, failure));
  if (!failure) {
    co_await net::async_connect(socket, places, net::redirect_error(net::use_awaitable, failure));
  }
  error_code ignored;
  if (!failure) socket.set_option(tcp::no_delay(true), ignored);
  co_return ended(failure, "connecting");
}

net::awaitable<Status> Upstream::send(const UpstreamRequest& request, double seconds) {
  Status connected = co_await impl_->connect(seconds);
  if (!connected.is_ok()) co_return connected;
  const std::string head =
      head_text(request, fmt::format("{}:{}", impl_->address.host, impl_->address.port));
  const std::array<net::const_buffer, 3> parts = {net::buffer(head), net::buffer(request.line),
                                                  net::buffer(request.body)};
  error_code failure;
  impl_->set_deadline(seconds);
  co_await net::async_write(impl_->socket, parts, net::redirect_error(net::use_awaitable, failure));
  co_return impl_->ended(failure, "sending the request");
}

net::awaitable<Result<UpstreamHead>> Upstream::read_head(double seconds) {
  error_code failure;
  impl_->set_deadline(seconds);
  co_await http::async_read_header(impl_->socket, impl_->buffer, impl_->parser,
                                   net::redirect_error(net::use_awaitable, failure));
  Status ended = impl_->ended(failure, "reading the head of a reply");
  if (!ended.is_ok()) co_return ended;
  if (impl_->parser.need_eof()) {
    co_return error(Code::corrupt, "{}: a reply without a length", impl_->address.url());
  }
  co_return head_of(impl_->parser);
}

net::awaitable<Result<std::string>> Upstream::read_some(double seconds) {
  Parser& parser = impl_->parser;
  std::string piece(kReadBytes, '\0');
  size_t got = 0;
  while (got == 0 && !parser.is_done()) {
    auto& body = parser.get().body();
    body.data = piece.data();
    body.size = piece.size();
    error_code failure;
    impl_->set_deadline(seconds);
    co_await http::async_read_some(impl_->socket, impl_->buffer, parser,
                                   net::redirect_error(net::use_awaitable, failure));
    if (failure == http::error::need_buffer) failure = {};  // the piece is full
    got = piece.size() - body.size;
    Status ended = impl_->ended(failure, "reading a reply");
    if (!ended.is_ok()) co_return ended;
  }
  piece.resize(got);
  co_return piece;
}

net::awaitable<Result<std::string>> Upstream::read_all(size_t bytes_max, double seconds) {
  std::string out;
  while (true) {
    Result<std::string> piece = co_await read_some(seconds);
    if (!piece) co_return piece;
    if (piece->empty()) co_return out;
    out += *piece;
    if (out.size() > bytes_max) {
      co_return error(Code::corrupt, "{}: a reply of more than {} bytes", impl_->address.url(),
                      bytes_max);
    }
  }
}

}  // namespace hearth::serve
