// See http_server.h: accepting, signals, the drain. A connection's life is in connection.cc.
#include "hearth/serve/http/http_server.h"

#include <array>
#include <chrono>
#include <utility>

#include "hearth/serve/api_error.h"
#include "hearth/serve/http/connection.h"
#include "hearth/serve/http/wire.h"

namespace hearth::serve {
namespace {
constexpr int kRefusingMax = 64;
constexpr int kRefusedReadsMax = 16;
constexpr double kRefusalSeconds = 1;
constexpr double kRefusalSecondsTls = 3;  // with a handshake
}  // namespace

class HttpServer::Impl {
 public:
  Impl(HttpHandler& handler, Gate& gate, RequestLog& log, HttpOptions options)
      : shared_{.handler = handler, .gate = gate, .log = log, .options = std::move(options)},
        acceptor_(shared_.io),
        admin_acceptor_(shared_.io),
        signals_(shared_.io),
        tick_(shared_.io) {}

  Status listen();
  Status load_certificate();
  uint16_t port() const { return acceptor_.local_endpoint().port(); }
  std::optional<uint16_t> admin_port() const {
    if (!admin_acceptor_.is_open()) return std::nullopt;
    return admin_acceptor_.local_endpoint().port();
  }
  void run();
  void begin_drain();
  void request_stop() {
    net::post(shared_.io, [this] { begin_drain(); });
  }

 private:
  Status listen_at(tcp::acceptor& acceptor, const std::string& flag, const std::string& named,
                   uint16_t port);
  net::awaitable<void> accept_all(tcp::acceptor& acceptor, Listener listener);
  void await_signal();
  void drain_tick();
  void add(tcp::socket socket, Listener listener);
  net::awaitable<void> refuse(tcp::socket accepted, Listener listener, int64_t connections_max);
  int& refusing(Listener listener) { return refusing_[listener == Listener::admin ? 1 : 0]; }

  HttpShared shared_;
  bool cutting_ = false;
  std::array<int, 2> refusing_{};  // connections too many that are being told so, by port
  Clock::time_point drain_until_;
  tcp::acceptor acceptor_, admin_acceptor_;
  net::signal_set signals_;
  net::steady_timer tick_;
};

Status HttpServer::Impl::load_certificate() {
  if (shared_.options.tls_certificate.empty() && shared_.options.tls_key.empty())
    return Status::ok();
  error_code failure;
  shared_.tls = std::make_unique<net::ssl::context>(net::ssl::context::tls_server);
  SSL_CTX_set_min_proto_version(shared_.tls->native_handle(), TLS1_2_VERSION);
  SSL_CTX_set_mode(shared_.tls->native_handle(), SSL_MODE_RELEASE_BUFFERS);
  shared_.tls->use_certificate_chain_file(shared_.options.tls_certificate, failure);
  if (failure) {
    return error(Code::invalid, "--tls-cert {}: {}", shared_.options.tls_certificate,
                 failure.message());
  }
  shared_.tls->use_private_key_file(shared_.options.tls_key, net::ssl::context::pem, failure);
  if (failure)
    return error(Code::invalid, "--tls-key {}: {}", shared_.options.tls_key, failure.message());
  return Status::ok();
}

Status HttpServer::Impl::listen_at(tcp::acceptor& acceptor, const std::string& flag,
                                   const std::string& named, uint16_t port) {
  error_code failure;
  const std::string host = named == "localhost" ? "127.0.0.1" : named;
  const auto address = net::ip::make_address(host, failure);
  if (failure) return error(Code::invalid, "{}: expected an address, found `{}`", flag, host);
  const tcp::endpoint endpoint(address, port);
  const auto failed = [&](const char* what) {
    return error(Code::invalid, "{}:{}: {}: {}", host, port, what, failure.message());
  };
  acceptor.open(endpoint.protocol(), failure);
  if (failure) return failed("cannot open a socket");
  acceptor.set_option(tcp::acceptor::reuse_address(true), failure);
  acceptor.bind(endpoint, failure);
  if (failure) return failed("cannot bind");
  acceptor.listen(tcp::acceptor::max_listen_connections, failure);
  if (failure) return failed("cannot listen");
  return Status::ok();
}

Status HttpServer::Impl::listen() {
  const HttpOptions& options = shared_.options;
  TRY(listen_at(acceptor_, "--host", options.host, options.port));
  if (options.admin_port) {
    const bool own = !options.admin_host.empty();
    TRY(listen_at(admin_acceptor_, own ? "--admin-host" : "--host",
                  own ? options.admin_host : options.host, *options.admin_port));
  }
  // From now on: whoever is told that there is a server may end it.
  for (int number : {SIGTERM, SIGINT, SIGHUP}) signals_.add(number);
  return Status::ok();
}

// A connection too many is told so. A close with bytes unread would reset it, and its client might
// never see the reply: so what it sends is read for a while.
net::awaitable<void> HttpServer::Impl::refuse(tcp::socket accepted, Listener listener,
                                              int64_t connections_max) {
  ++refusing(listener);
  const auto stream = std::make_shared<Stream>(std::move(accepted), shared_.tls.get());
  net::steady_timer patience(shared_.io);
  patience.expires_after(duration_of(stream->tls() ? kRefusalSecondsTls : kRefusalSeconds));
  patience.async_wait([stream](const error_code& error) {
    error_code ignored;
    if (!error) stream->socket().close(ignored);
  });
  const ApiError too_many =
      api_error(503, "overloaded",
                fmt::format("{} connections are open, as many as may be: try again in a second",
                            connections_max),
                1);
  const std::string body = error_json(too_many);
  WireHead head;
  head.status = too_many.status;
  head.content_type = "application/json";
  head.headers = {{"Retry-After", fmt::format("{}", too_many.retry_after)}};
  head.length = body.size();
  head.keep_alive = false;
  const std::string reply = head_text(head) + body;
  error_code error;
  const auto token = [&error] { return net::redirect_error(net::use_awaitable, error); };
  if (stream->tls()) {
    co_await stream->tls()->async_handshake(net::ssl::stream_base::server, token());
  }
  if (!error) co_await net::async_write(*stream, net::buffer(reply), token());
  if (!error && stream->tls()) {
    co_await stream->tls()->async_shutdown(token());
    error = {};  // of the client, which need not say goodbye
  }
  if (!error) stream->socket().shutdown(tcp::socket::shutdown_send, error);
  std::array<char, 4096> unread;
  for (int reads = 0; !error && reads < kRefusedReadsMax; ++reads) {
    co_await stream->socket().async_read_some(net::buffer(unread), token());
  }
  patience.cancel();
  --refusing(listener);
}

void HttpServer::Impl::add(tcp::socket socket, Listener listener) {
  const bool admin = listener == Listener::admin;
  const auto all = static_cast<int64_t>(shared_.connections.size());
  const int64_t open = admin ? shared_.admins : all - shared_.admins;
  const int64_t most = admin ? kAdminConnectionsMax : shared_.options.connections_max;
  if (open >= most) {
    shared_.handler.count_refused_connection();
    net::co_spawn(shared_.io, refuse(std::move(socket), listener, most), net::detached);
    return;
  }
  auto connection = std::make_shared<Connection>(shared_, std::move(socket), listener);
  net::co_spawn(
      shared_.io, [connection]() -> net::awaitable<void> { co_await connection->run(); },
      net::detached);
}

net::awaitable<void> HttpServer::Impl::accept_all(tcp::acceptor& acceptor, Listener listener) {
  while (acceptor.is_open()) {
    error_code error;
    tcp::socket socket =
        co_await acceptor.async_accept(net::redirect_error(net::use_awaitable, error));
    if (!error) {
      add(std::move(socket), listener);
    } else if (error != net::error::operation_aborted) {
      // No descriptor is free: the clients wait in the queue until one is.
      net::steady_timer pause(shared_.io);
      pause.expires_after(duration_of(0.1));
      co_await pause.async_wait(net::redirect_error(net::use_awaitable, error));
    }
    // None is dropped: who can't be told yet waits in the system's queue.
    while (refusing(listener) >= kRefusingMax && acceptor.is_open()) {
      net::steady_timer pause(shared_.io);
      pause.expires_after(duration_of(0.02));
      co_await pause.async_wait(net::redirect_error(net::use_awaitable, error));
    }
  }
}

void HttpServer::Impl::await_signal() {
  signals_.async_wait([this](const error_code& error, int number) {
    if (error) return;
    if (number != SIGHUP) {
      begin_drain();
    } else if (const Status status = shared_.gate.reload(); status.is_ok()) {
      shared_.log.event("info", "keys read again");
    } else {
      shared_.log.event("error", "keys kept as they were: " + status.message());
    }
    await_signal();
  });
}

void HttpServer::Impl::begin_drain() {
  if (shared_.draining) {
    shared_.log.event("info", "stopped at once");
    return shared_.io.stop();
  }
  shared_.draining = true;
  shared_.handler.drain();
  shared_.log.event("info", fmt::format("draining: {} answers run", shared_.handler.running()));
  drain_until_ = Clock::now() + duration_of(shared_.options.drain_seconds);
  for (Connection* connection : shared_.connections) connection->close_if_idle();
  drain_tick();
}

// New requests are still heard, and told 503; what runs may finish, or is told why it is cut.
void HttpServer::Impl::drain_tick() {
  if (shared_.busy == 0 && shared_.handler.running() == 0) return shared_.io.stop();
  if (Clock::now() > drain_until_) {
    if (cutting_) return shared_.io.stop();
    cutting_ = true;
    shared_.log.event("warning", fmt::format("cutting {} requests", shared_.busy));
    for (Connection* connection : shared_.connections) connection->cut();
    drain_until_ = Clock::now() + duration_of(2);
  }
  tick_.expires_after(duration_of(0.02));
  tick_.async_wait([this](const error_code& error) {
    if (!error) drain_tick();
  });
}

void HttpServer::Impl::run() {
  await_signal();
  const bool two = admin_acceptor_.is_open();
  net::co_spawn(shared_.io, accept_all(acceptor_, two ? Listener::requests : Listener::all),
                net::detached);
  if (two) {
    net::co_spawn(shared_.io, accept_all(admin_acceptor_, Listener::admin), net::detached);
  }
  shared_.io.run();
  shared_.workers.join();
  shared_.auditors.join();
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;

Result<std::unique_ptr<HttpServer>> HttpServer::open(HttpHandler& handler, Gate& gate,
                                                     RequestLog& log, HttpOptions options) {
  auto impl = std::make_unique<Impl>(handler, gate, log, std::move(options));
  TRY(impl->load_certificate());
  TRY(impl->listen());
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

uint16_t HttpServer::port() const {
  return impl_->port();
}

std::optional<uint16_t> HttpServer::admin_port() const {
  return impl_->admin_port();
}

void HttpServer::run() {
  impl_->run();
}

void HttpServer::stop() {
  impl_->request_stop();
}

bool is_loopback(const std::string& host) {
  if (host == "localhost") return true;
  error_code error;
  const auto address = net::ip::make_address(host, error);
  return !error && address.is_loopback();
}

}  // namespace hearth::serve
