// Connection: one client from accept to close, as a coroutine. Reads a request at a time, lets the
// service answer it, and while an answer is being written listens for a hang-up.
#pragma once

#include <boost/beast/core/flat_buffer.hpp>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hearth/serve/http/http_server.h"
#include "hearth/serve/http/stream.h"

namespace hearth::serve {

class Connection;

inline constexpr size_t kReadBytes = 4096;  // asked of the socket at once, while there is no head

// What all connections of a server use, by the I/O thread only.
struct HttpShared {
  HttpHandler& handler;
  Gate& gate;
  RequestLog& log;
  const HttpOptions options;
  std::set<Connection*> connections = {};
  int64_t admins = 0;  // of these, on the admin port
  int64_t busy = 0;    // connections with a request in work
  bool draining = false;
  std::unique_ptr<net::ssl::context> tls = {};  // null: plain
  net::thread_pool workers{2};
  net::thread_pool auditors{4};  // wait for the disk; events that come together share a flush
  net::io_context io{1};         // its coroutines go before what stands above
};

// All members are used by the I/O thread only.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(HttpShared& server, tcp::socket socket, Listener listener)
      : server_(server),
        listener_(listener),
        stream_(std::move(socket), server.tls.get()),
        buffer_(static_cast<size_t>(server.options.header_bytes_max) + kReadBytes),
        deadline_(server.io),
        wake_(server.io),
        look_(server.io) {
    server_.connections.insert(this);
    if (listener_ == Listener::admin) ++server_.admins;
    server_.handler.count_connections(static_cast<int64_t>(server_.connections.size()));
  }
  ~Connection() {
    server_.connections.erase(this);
    if (listener_ == Listener::admin) --server_.admins;
    server_.handler.count_connections(static_cast<int64_t>(server_.connections.size()));
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
  struct Exchange;  // one request and its answer

  net::awaitable<bool> one_request();
  net::awaitable<bool> read_head(Exchange& exchange);
  net::awaitable<bool> read_body(Exchange& exchange);
  net::awaitable<bool> answer(HttpReply reply, Exchange& exchange);
  net::awaitable<bool> follow(std::shared_ptr<PendingAnswer> pending, Exchange& exchange);
  net::awaitable<bool> follow_stream(PendingAnswer& pending, Exchange& exchange);
  net::awaitable<bool> write_reply(const HttpReply& reply, Exchange& exchange);
  net::awaitable<bool> write(std::string bytes);
  net::awaitable<void> refuse(int status, std::string_view message, Exchange& exchange);
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
    server_.busy += static_cast<int>(busy) - static_cast<int>(busy_);
    busy_ = busy;
  }
  net::awaitable<std::optional<ApiError>> audit(Exchange& exchange);
  void describe(Exchange& exchange) const;
  void finish(Exchange& exchange);
  std::vector<std::pair<std::string, std::string>> headers_for(const Exchange& exchange) const;

  HttpShared& server_;
  const Listener listener_;
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

}  // namespace hearth::serve
