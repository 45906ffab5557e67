// See http_server.h. The one file that sees Beast; a connection's life is Connection::run.
#include "hearth/serve/http/http_server.h"

#include <poll.h>

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <optional>
#include <set>
#include <utility>

#include "hearth/serve/completions.h"
#include "hearth/serve/http/wire.h"

namespace hearth::serve {
namespace {

namespace net = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using net::ip::tcp;
using Clock = std::chrono::steady_clock;
using Parser = http::request_parser<http::string_body>;

constexpr size_t kReadBytes = 4096;
constexpr int64_t kFieldsMax = 128;
constexpr double kLookAgainSeconds = 0.2;  // for a hang-up behind bytes that nobody reads yet
constexpr double kLingerSeconds = 1;
constexpr int64_t kLingerBytes = 16 << 20;
constexpr int kWorkers = 2;

Clock::duration duration_of(double seconds) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

// A socket, or TLS over it: one type, so that all above is compiled once.
class Stream {
 public:
  using executor_type = tcp::socket::executor_type;

  Stream(tcp::socket socket, net::ssl::context* tls) : socket_(std::move(socket)) {
    if (tls) tls_.emplace(socket_, *tls);
  }
  executor_type get_executor() { return socket_.get_executor(); }
  tcp::socket& socket() { return socket_; }
  net::ssl::stream<tcp::socket&>* tls() { return tls_ ? &*tls_ : nullptr; }

  template <typename Buffers, typename Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return net::async_initiate<Token, void(error_code, size_t)>(
        [this](auto handler, const Buffers& to) {
          if (tls_) return tls_->async_read_some(to, std::move(handler));
          socket_.async_read_some(to, std::move(handler));
        },
        token, buffers);
  }
  template <typename Buffers, typename Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return net::async_initiate<Token, void(error_code, size_t)>(
        [this](auto handler, const Buffers& from) {
          if (tls_) return tls_->async_write_some(from, std::move(handler));
          socket_.async_write_some(from, std::move(handler));
        },
        token, buffers);
  }

 private:
  tcp::socket socket_;
  std::optional<net::ssl::stream<tcp::socket&>> tls_;
};

bool peer_is_gone(tcp::socket& socket) {
  pollfd look{socket.native_handle(), POLLRDHUP, 0};
  return ::poll(&look, 1, 0) > 0 && (look.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

std::string field(const Parser& parser, http::field name) {
  return std::string(parser.get()[name]);
}

RequestHead head_of(const Parser& parser) {
  RequestHead head;
  head.method = std::string(parser.get().method_string());
  head.target = std::string(parser.get().target());
  head.host = field(parser, http::field::host);
  head.origin = field(parser, http::field::origin);
  head.authorization = field(parser, http::field::authorization);
  head.x_api_key = std::string(parser.get()["x-api-key"]);
  head.request_id = std::string(parser.get()["x-request-id"]);
  return head;
}

// What Beast lets pass and we do not: two framings of a body, two hosts, too many fields.
// The status and its words; nullopt: a good head.
struct Fault {
  int status;
  std::string_view message;
};
std::optional<Fault> fault_of(const Parser& parser, const HttpOptions& options) {
  const auto& request = parser.get();
  const auto count = [&](http::field name) { return request.count(name); };
  if (std::distance(request.begin(), request.end()) > kFieldsMax) {
    return Fault{431, "the head has too many fields"};
  }
  if (static_cast<int64_t>(request.target().size()) > options.target_bytes_max) {
    return Fault{414, "the target is too long"};
  }
  if (count(http::field::content_length) + count(http::field::transfer_encoding) > 1) {
    return Fault{400, "expected one Content-Length or one Transfer-Encoding, found more"};
  }
  if (count(http::field::transfer_encoding) == 1 && !parser.chunked()) {
    return Fault{501, "Transfer-Encoding: only chunked is offered"};
  }
  if (count(http::field::host) > 1 || (count(http::field::host) == 0 && request.version() > 10)) {
    return Fault{400, "expected one Host header"};
  }
  if (count(http::field::authorization) > 1 || count(http::field::origin) > 1) {
    return Fault{400, "Authorization and Origin: expected each once"};
  }
  const std::string_view encoding = request[http::field::content_encoding];
  if (!encoding.empty() && encoding != "identity") {
    return Fault{400, "Content-Encoding: expected none"};
  }
  return std::nullopt;
}

std::optional<Fault> fault_of(const error_code& error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return Fault{431, "the head is too large"};
  }
  if (error == http::error::body_limit) return Fault{413, "the body is too large"};
  // A peer that went away is no fault that anybody could be told of.
  if (error == http::error::end_of_stream || error == http::error::partial_message) {
    return std::nullopt;
  }
  if (error.category() == make_error_code(http::error::bad_method).category()) {
    return Fault{400, "this is not HTTP/1.1"};
  }
  return std::nullopt;
}

}  // namespace

class HttpServer::Impl {
 public:
  class Connection;

  Impl(Service& service, EngineLoop& loop, Gate& gate, Metrics& metrics, RequestLog& log,
       HttpOptions options)
      : service_(service),
        loop_(loop),
        gate_(gate),
        metrics_(metrics),
        log_(log),
        options_(std::move(options)),
        workers_(kWorkers),
        io_(1),
        acceptor_(io_),
        signals_(io_),
        tick_(io_) {}

  Status listen();
  Status load_certificate();
  uint16_t port() const { return acceptor_.local_endpoint().port(); }
  void run();
  void begin_drain();
  void request_stop() {
    net::post(io_, [this] { begin_drain(); });
  }

 private:
  net::awaitable<void> accept_all();
  void await_signal();
  void drain_tick();
  void add(tcp::socket socket);

  Service& service_;
  EngineLoop& loop_;
  Gate& gate_;
  Metrics& metrics_;
  RequestLog& log_;
  const HttpOptions options_;
  std::set<Connection*> connections_;
  int64_t busy_ = 0;  // connections with a request in work
  bool draining_ = false;
  bool cutting_ = false;
  Clock::time_point drain_until_;
  std::unique_ptr<net::ssl::context> tls_;
  net::thread_pool workers_;
  net::io_context io_;  // its coroutines go before what stands above
  tcp::acceptor acceptor_;
  net::signal_set signals_;
  net::steady_timer tick_;
};

// A connection from accept to close. All members are used by the I/O thread only.
class HttpServer::Impl::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Impl& server, tcp::socket socket)
      : server_(server),
        stream_(std::move(socket), server.tls_.get()),
        buffer_(static_cast<size_t>(server.options_.header_bytes_max) + kReadBytes),
        deadline_(server.io_),
        wake_(server.io_),
        look_(server.io_) {
    server_.connections_.insert(this);
    server_.metrics_.connections(static_cast<int64_t>(server_.connections_.size()));
  }
  ~Connection() {
    server_.connections_.erase(this);
    server_.metrics_.connections(static_cast<int64_t>(server_.connections_.size()));
  }

  net::awaitable<void> run();
  void close_if_idle() {
    if (!busy_) stream_.socket().cancel(ignored_);
  }
  // The server has no more time for it.
  void cut() {
    if (pending_) pending_->abandon(Abandon::stopped);
  }

 private:
  // What is said in the log of a request that is being answered.
  struct Exchange {
    RequestHead head;
    RequestContext context;
    Clock::time_point start = Clock::now();
    bool keep_alive = false;
    bool old = false;  // HTTP/1.0: no chunks
    RequestRecord record;
  };

  net::awaitable<bool> one_request();
  net::awaitable<bool> read_head(Parser& parser, Exchange& exchange);
  net::awaitable<bool> read_body(Parser& parser, Exchange& exchange);
  net::awaitable<bool> answer(HttpReply reply, Exchange& exchange);
  net::awaitable<bool> follow(std::shared_ptr<PendingAnswer> pending, Exchange& exchange);
  net::awaitable<bool> follow_stream(PendingAnswer& pending, Exchange& exchange);
  net::awaitable<bool> write_reply(const HttpReply& reply, Exchange& exchange);
  net::awaitable<bool> write(std::string bytes);
  net::awaitable<void> refuse(const Fault& fault, Exchange& exchange);
  net::awaitable<void> wait_for_news();
  net::awaitable<void> linger();

  void set_deadline(double seconds);
  void clear_deadline() {
    ++round_;
    deadline_.cancel();
  }
  void watch();
  void look_for_hang_up();
  void signal() {
    news_ = true;
    wake_.cancel();
  }
  void set_busy(bool busy) {
    server_.busy_ += static_cast<int>(busy) - static_cast<int>(busy_);
    busy_ = busy;
  }
  void finish(Exchange& exchange);
  std::vector<std::pair<std::string, std::string>> headers_for(const Exchange& exchange) const;

  Impl& server_;
  Stream stream_;
  boost::beast::flat_buffer buffer_;
  net::steady_timer deadline_, wake_, look_;
  uint64_t round_ = 0;  // of the deadline: an older one that fires late means nothing
  bool timed_out_ = false;
  bool busy_ = false;
  bool news_ = false;
  bool watching_ = false;
  bool gone_ = false;
  std::shared_ptr<PendingAnswer> pending_;
  error_code ignored_;
};

using Connection = HttpServer::Impl::Connection;

void Connection::set_deadline(double seconds) {
  timed_out_ = false;
  deadline_.expires_after(duration_of(seconds));
  deadline_.async_wait([weak = weak_from_this(), round = ++round_](const error_code& error) {
    const auto self = weak.lock();
    if (error || !self || self->round_ != round) return;
    self->timed_out_ = true;
    self->stream_.socket().cancel(self->ignored_);
  });
}

net::awaitable<void> Connection::run() {
  error_code error;
  stream_.socket().set_option(tcp::no_delay(true), error);
  if (stream_.tls()) {
    set_deadline(server_.options_.header_seconds);
    co_await stream_.tls()->async_handshake(net::ssl::stream_base::server,
                                            net::redirect_error(net::use_awaitable, error));
    if (error) co_return;
  }
  while (true) {
    const bool again = co_await one_request();
    set_busy(false);
    if (!again || server_.draining_) break;
  }
  co_await linger();
  clear_deadline();
  stream_.socket().close(error);
}

// Lets the last answer arrive: a close with unread bytes would take it back.
net::awaitable<void> Connection::linger() {
  error_code error;
  set_deadline(kLingerSeconds);
  if (stream_.tls()) {
    co_await stream_.tls()->async_shutdown(net::redirect_error(net::use_awaitable, error));
  }
  stream_.socket().shutdown(tcp::socket::shutdown_send, error);
  std::string sink(kReadBytes, '\0');
  int64_t taken = 0;
  while (!error && taken < kLingerBytes) {
    const size_t got = co_await stream_.socket().async_read_some(
        net::buffer(sink), net::redirect_error(net::use_awaitable, error));
    taken += static_cast<int64_t>(got);
  }
}

// False: the connection is at its end.
net::awaitable<bool> Connection::one_request() {
  Parser parser;
  parser.header_limit(static_cast<uint32_t>(server_.options_.header_bytes_max));
  parser.body_limit(static_cast<uint64_t>(server_.options_.body_bytes_max));
  Exchange exchange;
  const bool head_is_good = co_await read_head(parser, exchange);
  if (!head_is_good) co_return false;
  std::optional<HttpReply> refusal = server_.service_.refuse(exchange.head, exchange.context);
  if (refusal) {
    // Its body, if it has one, is not read: the connection can't go on.
    if (parser.chunked() || parser.content_length_remaining().value_or(0) > 0) {
      exchange.keep_alive = false;
    }
    const bool again = co_await answer(*std::move(refusal), exchange);
    co_return again;
  }
  const bool body_is_good = co_await read_body(parser, exchange);
  if (!body_is_good) co_return false;
  const auto work = [&]() -> net::awaitable<HttpReply> {
    co_return server_.service_.handle(exchange.head, exchange.context, parser.get().body());
  };
  HttpReply reply = co_await net::co_spawn(server_.workers_, work, net::use_awaitable);
  const bool again = co_await answer(std::move(reply), exchange);
  co_return again;
}

net::awaitable<bool> Connection::read_head(Parser& parser, Exchange& exchange) {
  error_code error;
  if (buffer_.size() == 0) {
    set_deadline(server_.options_.idle_seconds);
    const size_t got = co_await stream_.async_read_some(
        buffer_.prepare(kReadBytes), net::redirect_error(net::use_awaitable, error));
    if (error) co_return false;
    buffer_.commit(got);
  }
  set_busy(true);
  exchange.start = Clock::now();
  set_deadline(server_.options_.header_seconds);
  co_await http::async_read_header(stream_, buffer_, parser,
                                   net::redirect_error(net::use_awaitable, error));
  std::optional<Fault> fault;
  if (timed_out_) {
    fault = Fault{408, "the head took too long"};
  } else if (error) {
    fault = fault_of(error);
  } else {
    fault = fault_of(parser, server_.options_);
  }
  if (!error || fault) exchange.head = head_of(parser);
  if (fault) {
    co_await refuse(*fault, exchange);
    co_return false;
  }
  if (error) co_return false;
  exchange.old = parser.get().version() < 11;
  exchange.keep_alive = parser.keep_alive() && !server_.draining_;
  co_return true;
}

net::awaitable<bool> Connection::read_body(Parser& parser, Exchange& exchange) {
  if (parser.is_done()) co_return true;
  const std::string_view expect = parser.get()[http::field::expect];
  if (!expect.empty() && expect != "100-continue") {
    co_await refuse({417, "Expect: only 100-continue is known"}, exchange);
    co_return false;
  }
  if (!expect.empty()) {
    const bool told = co_await write("HTTP/1.1 100 Continue\r\n\r\n");
    if (!told) co_return false;
  }
  set_deadline(server_.options_.body_seconds);
  error_code error;
  co_await http::async_read(stream_, buffer_, parser,
                            net::redirect_error(net::use_awaitable, error));
  if (!error) co_return true;
  const std::optional<Fault> fault =
      timed_out_ ? Fault{408, "the body took too long"} : fault_of(error);
  if (fault) co_await refuse(*fault, exchange);
  co_return false;
}

net::awaitable<void> Connection::refuse(const Fault& fault, Exchange& exchange) {
  exchange.keep_alive = false;
  if (exchange.context.id.empty()) exchange.context.id = "none";
  co_await answer(server_.service_.protocol_error(fault.status, fault.message), exchange);
}

std::vector<std::pair<std::string, std::string>> Connection::headers_for(
    const Exchange& exchange) const {
  std::vector<std::pair<std::string, std::string>> out = {{"X-Request-Id", exchange.context.id}};
  if (server_.gate_.allows_cors(exchange.head.origin)) {
    out.emplace_back("Access-Control-Allow-Origin", exchange.head.origin);
    out.emplace_back("Vary", "Origin");
  }
  return out;
}

// Writes the reply, however long it takes to come; false: the connection is at its end.
net::awaitable<bool> Connection::answer(HttpReply reply, Exchange& exchange) {
  bool good = false;
  if (reply.pending) {
    good = co_await follow(std::move(reply.pending), exchange);
  } else {
    good = co_await write_reply(reply, exchange);
  }
  if (!good && exchange.record.outcome.empty()) exchange.record.outcome = "disconnected";
  finish(exchange);
  co_return good && exchange.keep_alive;
}

void Connection::finish(Exchange& exchange) {
  RequestRecord& record = exchange.record;
  record.id = exchange.context.id;
  record.caller = exchange.context.caller.name;
  record.method = exchange.head.method;
  record.path = std::string(exchange.head.path());
  record.milliseconds =
      std::chrono::duration<double, std::milli>(Clock::now() - exchange.start).count();
  if (record.status == 0) record.status = 499;  // gone before it was answered
  server_.metrics_.response(record.status);
  server_.log_.request(record);
}

net::awaitable<bool> Connection::write_reply(const HttpReply& reply, Exchange& exchange) {
  exchange.record.status = reply.status;
  WireHead head;
  head.status = reply.status;
  head.headers = headers_for(exchange);
  head.headers.insert(head.headers.end(), reply.headers.begin(), reply.headers.end());
  if (reply.status != 204) {
    head.content_type = reply.content_type;
    head.length = reply.body.size();
  }
  head.keep_alive = exchange.keep_alive;
  std::string bytes = head_text(head);
  if (exchange.head.method != "HEAD" && reply.status != 204) bytes += reply.body;
  const bool good = co_await write(std::move(bytes));
  co_return good;
}

net::awaitable<bool> Connection::write(std::string bytes) {
  error_code error;
  set_deadline(server_.options_.write_seconds);
  co_await net::async_write(stream_, net::buffer(bytes),
                            net::redirect_error(net::use_awaitable, error));
  clear_deadline();
  co_return !error;
}

net::awaitable<bool> Connection::follow(std::shared_ptr<PendingAnswer> pending,
                                        Exchange& exchange) {
  pending_ = std::move(pending);
  clear_deadline();
  gone_ = false;
  pending_->set_listener([weak = weak_from_this(), executor = server_.io_.get_executor()] {
    net::post(executor, [weak] {
      if (const auto self = weak.lock()) self->signal();
    });
  });
  watch();
  const bool good = co_await follow_stream(*pending_, exchange);
  watching_ = false;
  look_.cancel();
  stream_.socket().cancel(ignored_);
  pending_->set_listener({});
  exchange.record.usage = pending_->usage();
  pending_.reset();
  co_return good;
}

net::awaitable<bool> Connection::follow_stream(PendingAnswer& pending, Exchange& exchange) {
  bool begun = false;
  bool ping = false;
  while (true) {
    news_ = false;
    PendingAnswer::Progress progress = pending.poll(begun);
    if (progress.whole) {
      watching_ = false;
      stream_.socket().cancel(ignored_);
      const bool good = co_await write_reply(*progress.whole, exchange);
      co_return good;
    }
    if (ping && progress.bytes.empty()) progress.bytes = kSseKeepAlive;
    std::string bytes;
    if (!progress.bytes.empty() && !begun) {
      begun = true;
      exchange.record.status = 200;
      WireHead head;
      head.content_type = "text/event-stream; charset=utf-8";
      head.headers = headers_for(exchange);
      for (auto& header : pending.headers()) head.headers.push_back(std::move(header));
      head.headers.emplace_back("X-Accel-Buffering", "no");
      head.chunked = !exchange.old;
      if (exchange.old) exchange.keep_alive = false;
      head.keep_alive = exchange.keep_alive;
      bytes = head_text(head);
    }
    if (!progress.bytes.empty()) bytes += exchange.old ? progress.bytes : chunk_text(progress.bytes);
    if (progress.ended && !exchange.old) bytes += kLastChunk;
    if (!bytes.empty()) {
      const bool good = co_await write(std::move(bytes));
      if (!good) {
        exchange.record.outcome = timed_out_ ? "too_slow" : "disconnected";
        pending.abandon(timed_out_ ? Abandon::too_slow : Abandon::disconnected);
        co_return false;
      }
    }
    if (progress.ended) co_return true;
    co_await wait_for_news();
    if (gone_) {
      pending.abandon(Abandon::disconnected);
      co_return false;
    }
    ping = !news_ && pending.streams();
  }
}

// Until there is something to send, the client is gone, or it is time for a sign of life.
net::awaitable<void> Connection::wait_for_news() {
  if (news_ || gone_) co_return;
  error_code error;
  wake_.expires_after(duration_of(server_.options_.ping_seconds));
  co_await wake_.async_wait(net::redirect_error(net::use_awaitable, error));
}

void Connection::watch() {
  watching_ = true;
  stream_.socket().async_wait(
      tcp::socket::wait_read, [weak = weak_from_this()](const error_code& error) {
        const auto self = weak.lock();
        if (!error && self && self->watching_) self->look_for_hang_up();
      });
}

// Readable: a hang-up, or bytes of a next request, which hide a later hang-up from the wait.
void Connection::look_for_hang_up() {
  if (peer_is_gone(stream_.socket())) {
    gone_ = true;
    wake_.cancel();
    return;
  }
  look_.expires_after(duration_of(kLookAgainSeconds));
  look_.async_wait([weak = weak_from_this()](const error_code& error) {
    const auto self = weak.lock();
    if (!error && self && self->watching_) self->look_for_hang_up();
  });
}

Status HttpServer::Impl::load_certificate() {
  if (options_.tls_certificate.empty() && options_.tls_key.empty()) return Status::ok();
  error_code failure;
  tls_ = std::make_unique<net::ssl::context>(net::ssl::context::tls_server);
  SSL_CTX_set_min_proto_version(tls_->native_handle(), TLS1_2_VERSION);
  SSL_CTX_set_mode(tls_->native_handle(), SSL_MODE_RELEASE_BUFFERS);
  tls_->use_certificate_chain_file(options_.tls_certificate, failure);
  if (failure) {
    return error(Code::invalid, "--tls-cert {}: {}", options_.tls_certificate, failure.message());
  }
  tls_->use_private_key_file(options_.tls_key, net::ssl::context::pem, failure);
  if (failure) return error(Code::invalid, "--tls-key {}: {}", options_.tls_key, failure.message());
  return Status::ok();
}

Status HttpServer::Impl::listen() {
  error_code failure;
  const std::string host = options_.host == "localhost" ? "127.0.0.1" : options_.host;
  const auto address = net::ip::make_address(host, failure);
  if (failure) return error(Code::invalid, "--host: expected an address, found `{}`", host);
  const tcp::endpoint endpoint(address, options_.port);
  const auto failed = [&](const char* what) {
    return error(Code::invalid, "{}:{}: {}: {}", host, options_.port, what, failure.message());
  };
  acceptor_.open(endpoint.protocol(), failure);
  if (failure) return failed("cannot open a socket");
  acceptor_.set_option(tcp::acceptor::reuse_address(true), failure);
  acceptor_.bind(endpoint, failure);
  if (failure) return failed("cannot bind");
  acceptor_.listen(tcp::acceptor::max_listen_connections, failure);
  if (failure) return failed("cannot listen");
  return Status::ok();
}

void HttpServer::Impl::add(tcp::socket socket) {
  if (static_cast<int64_t>(connections_.size()) >= options_.connections_max) {
    WireHead head;
    head.status = 503;
    head.length = 0;
    head.headers = {{"Retry-After", "1"}};
    head.keep_alive = false;
    error_code ignored;
    socket.non_blocking(true, ignored);
    socket.write_some(net::buffer(head_text(head)), ignored);
    metrics_.rejected("connections");
    return;
  }
  auto connection = std::make_shared<Connection>(*this, std::move(socket));
  net::co_spawn(
      io_, [connection]() -> net::awaitable<void> { co_await connection->run(); }, net::detached);
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
      net::steady_timer pause(io_);
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
    } else if (const Status status = gate_.reload(); status.is_ok()) {
      log_.event("info", "keys read again");
    } else {
      log_.event("error", "keys kept as they were: " + status.message());
    }
    await_signal();
  });
}

void HttpServer::Impl::begin_drain() {
  if (draining_) {
    log_.event("info", "stopped at once");
    return io_.stop();
  }
  draining_ = true;
  loop_.drain();
  log_.event("info", fmt::format("draining: {} requests run", busy_));
  drain_until_ = Clock::now() + duration_of(options_.drain_seconds);
  for (Connection* connection : connections_) connection->close_if_idle();
  drain_tick();
}

// New requests are still heard, and told 503; what runs may finish, or is told why it is cut.
void HttpServer::Impl::drain_tick() {
  if (busy_ == 0 && loop_.live() == 0) return io_.stop();
  if (Clock::now() > drain_until_) {
    if (cutting_) return io_.stop();
    cutting_ = true;
    log_.event("warning", fmt::format("cutting {} requests", busy_));
    for (Connection* connection : connections_) connection->cut();
    drain_until_ = Clock::now() + duration_of(2);
  }
  tick_.expires_after(duration_of(0.02));
  tick_.async_wait([this](const error_code& error) {
    if (!error) drain_tick();
  });
}

void HttpServer::Impl::run() {
  for (int number : {SIGTERM, SIGINT, SIGHUP}) signals_.add(number);
  await_signal();
  net::co_spawn(
      io_, [this]() -> net::awaitable<void> { co_await accept_all(); }, net::detached);
  io_.run();
  workers_.join();
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;

Result<std::unique_ptr<HttpServer>> HttpServer::open(Service& service, EngineLoop& loop, Gate& gate,
                                                     Metrics& metrics, RequestLog& log,
                                                     HttpOptions options) {
  auto impl = std::make_unique<Impl>(service, loop, gate, metrics, log, std::move(options));
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
