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
}  // namespace

class HttpServer::Impl {
 public:
  Impl(HttpHandler& handler, Gate& gate, RequestLog& log, HttpOptions options)
      : shared_{.handler = handler, .gate = gate, .log = log, .options = std::move(options)},
        acceptor_(shared_.io),
        signals_(shared_.io),
        tick_(shared_.io) {}

  Status listen();
  Status load_certificate();
  uint16_t port() const { return acceptor_.local_endpoint().port(); }
  void run();
  void begin_drain();
  void request_stop() {
    net::post(shared_.io, [this] { begin_drain(); });
  }

 private:
  net::awaitable<void> accept_all();
  void await_signal();
  void drain_tick();
  void add(tcp::socket socket);
  net::awaitable<void> refuse(tcp::socket accepted);

  HttpShared shared_;
  bool cutting_ = false;
  int refusing_ = 0;  // connections too many that are being told so
  Clock::time_point drain_until_;
  tcp::acceptor acceptor_;
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

Status HttpServer::Impl::listen() {
  error_code failure;
  const std::string host = shared_.options.host == "localhost" ? "127.0.0.1" : shared_.options.host;
  const auto address = net::ip::make_address(host, failure);
  if (failure) return error(Code::invalid, "--host: expected an address, found `{}`", host);
  const tcp::endpoint endpoint(address, shared_.options.port);
  const auto failed = [&](const char* what) {
    return error(Code::invalid, "{}:{}: {}: {}", host, shared_.options.port, what,
                 failure.message());
  };
  acceptor_.open(endpoint.protocol(), failure);
  if (failure) return failed("cannot open a socket");
  acceptor_.set_option(tcp::acceptor::reuse_address(true), failure);
  acceptor_.bind(endpoint, failure);
  if (failure) return failed("cannot bind");
  acceptor_.listen(tcp::acceptor::max_listen_connections, failure);
  if (failure) return failed("cannot listen");
  // From now on: whoever is told that there is a server may end it.
  for (int number : {SIGTERM, SIGINT, SIGHUP}) signals_.add(number);
  return Status::ok();
}

// A connection too many is told so. A close with bytes unread would reset it, and its client might
// never see the reply: so what it sends is read for a while.
net::awaitable<void> HttpServer::Impl::refuse(tcp::socket accepted) {
  ++refusing_;
  const auto socket = std::make_shared<tcp::socket>(std::move(accepted));
  net::steady_timer patience(shared_.io);
  patience.expires_after(duration_of(1));
  patience.async_wait([socket](const error_code& error) {
    error_code ignored;
    if (!error) socket->close(ignored);
  });
  const ApiError too_many =
      api_error(503, "overloaded",
                fmt::format("{} connections are open, as many as may be: try again in a second",
                            shared_.options.connections_max),
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
  co_await net::async_write(*socket, net::buffer(reply),
                            net::redirect_error(net::use_awaitable, error));
  if (!error) socket->shutdown(tcp::socket::shutdown_send, error);
  std::array<char, 4096> unread;
  for (int reads = 0; !error && reads < kRefusedReadsMax; ++reads) {
    co_await socket->async_read_some(net::buffer(unread),
                                     net::redirect_error(net::use_awaitable, error));
  }
  patience.cancel();
  --refusing_;
}

void HttpServer::Impl::add(tcp::socket socket) {
  if (static_cast<int64_t>(shared_.connections.size()) >= shared_.options.connections_max) {
    shared_.handler.count_refused_connection();
    // Before a handshake nothing can be said.
    if (shared_.tls || refusing_ >= kRefusingMax) return;
    net::co_spawn(shared_.io, refuse(std::move(socket)), net::detached);
    return;
  }
  auto connection = std::make_shared<Connection>(shared_, std::move(socket));
  net::co_spawn(
      shared_.io, [connection]() -> net::awaitable<void> { co_await connection->run(); },
      net::detached);
}

net::awaitable<void> HttpServer::Impl::accept_all() {
  while (acceptor_.is_open()) {
    error_code error;
    tcp::socket socket =
        co_await acceptor_.async_accept(net::redirect_error(net::use_awaitable, error));
    if (!error) {
      add(std::move(socket));
    } else if (error != net::error::operation_aborted) {
      // No descriptor is free: the clients wait in the queue until one is.
      net::steady_timer pause(shared_.io);
      pause.expires_after(duration_of(0.1));
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
  net::co_spawn(
      shared_.io, [this]() -> net::awaitable<void> { co_await accept_all(); }, net::detached);
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
