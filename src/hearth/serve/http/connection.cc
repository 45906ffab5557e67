// See connection.h. The one file that uses Beast.
#include "hearth/serve/http/connection.h"

#include <poll.h>

#include <boost/beast/http.hpp>
#include <optional>

#include "hearth/serve/audit_trail.h"
#include "hearth/serve/completions.h"
#include "hearth/serve/http/wire.h"

namespace hearth::serve {
namespace {

namespace http = boost::beast::http;
using Parser = http::request_parser<http::string_body>;

constexpr int64_t kFieldsMax = 128;
constexpr double kLookAgainSeconds = 0.2;  // for a hang-up behind bytes that nobody reads yet
constexpr double kLingerSeconds = 1;
constexpr int64_t kLingerBytes = 16 << 20;

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
  head.if_none_match = field(parser, http::field::if_none_match);
  head.x_api_key = std::string(parser.get()["x-api-key"]);
  head.request_id = std::string(parser.get()["x-request-id"]);
  head.request_timeout = std::string(parser.get()["x-request-timeout"]);
  head.resume = std::string(parser.get()["x-hearth-resume"]);
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

// What is said in the log of a request that is being answered.
struct Connection::Exchange {
  Parser parser;
  RequestHead head;
  RequestContext context;
  Clock::time_point start = Clock::now();
  bool keep_alive = false;
  bool old = false;  // HTTP/1.0: no chunks
  bool audited = false;
  RequestRecord record;
};

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
    set_deadline(server_.options.header_seconds);
    co_await stream_.tls()->async_handshake(net::ssl::stream_base::server,
                                            net::redirect_error(net::use_awaitable, error));
    if (error) co_return;
  }
  while (true) {
    const bool again = co_await one_request();
    set_busy(false);
    if (!again || server_.draining) break;
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
  Exchange exchange;
  Parser& parser = exchange.parser;
  parser.header_limit(static_cast<uint32_t>(server_.options.header_bytes_max));
  parser.body_limit(static_cast<uint64_t>(server_.options.body_bytes_max));
  const bool head_is_good = co_await read_head(exchange);
  if (!head_is_good) co_return false;
  std::optional<HttpReply> refusal = server_.handler.refuse(exchange.head, exchange.context);
  if (refusal) {
    // Its body, if it has one, is not read: the connection can't go on.
    if (parser.chunked() || parser.content_length_remaining().value_or(0) > 0) {
      exchange.keep_alive = false;
    }
    const bool again = co_await answer(*std::move(refusal), exchange);
    co_return again;
  }
  const bool body_is_good = co_await read_body(exchange);
  if (!body_is_good) co_return false;
  const auto work = [&]() -> net::awaitable<HttpReply> {
    co_return server_.handler.handle(exchange.head, exchange.context, parser.get().body());
  };
  HttpReply reply = co_await net::co_spawn(server_.workers, work, net::use_awaitable);
  const bool again = co_await answer(std::move(reply), exchange);
  co_return again;
}

net::awaitable<bool> Connection::read_head(Exchange& exchange) {
  Parser& parser = exchange.parser;
  error_code error;
  if (buffer_.size() == 0) {
    set_deadline(server_.options.idle_seconds);
    const size_t got = co_await stream_.async_read_some(
        buffer_.prepare(kReadBytes), net::redirect_error(net::use_awaitable, error));
    if (error) co_return false;
    buffer_.commit(got);
  }
  set_busy(true);
  exchange.start = Clock::now();
  set_deadline(server_.options.header_seconds);
  co_await http::async_read_header(stream_, buffer_, parser,
                                   net::redirect_error(net::use_awaitable, error));
  std::optional<Fault> fault;
  if (timed_out_) {
    fault = Fault{408, "the head took too long"};
  } else if (error) {
    fault = fault_of(error);
  } else {
    fault = fault_of(parser, server_.options);
  }
  if (!error || fault) exchange.head = head_of(parser);
  exchange.head.listener = listener_;
  if (fault) {
    co_await refuse(fault->status, fault->message, exchange);
    co_return false;
  }
  if (error) co_return false;
  exchange.old = parser.get().version() < 11;
  exchange.keep_alive = parser.keep_alive() && !server_.draining;
  co_return true;
}

net::awaitable<bool> Connection::read_body(Exchange& exchange) {
  Parser& parser = exchange.parser;
  if (parser.is_done()) co_return true;
  const std::string_view expect = parser.get()[http::field::expect];
  if (!expect.empty() && expect != "100-continue") {
    co_await refuse(417, "Expect: only 100-continue is known", exchange);
    co_return false;
  }
  if (!expect.empty()) {
    const bool told = co_await write("HTTP/1.1 100 Continue\r\n\r\n");
    if (!told) co_return false;
  }
  set_deadline(server_.options.body_seconds);
  error_code error;
  co_await http::async_read(stream_, buffer_, parser,
                            net::redirect_error(net::use_awaitable, error));
  if (!error) co_return true;
  const std::optional<Fault> fault =
      timed_out_ ? Fault{408, "the body took too long"} : fault_of(error);
  if (fault) co_await refuse(fault->status, fault->message, exchange);
  co_return false;
}

net::awaitable<void> Connection::refuse(int status, std::string_view message, Exchange& exchange) {
  exchange.keep_alive = false;
  co_await answer(server_.handler.protocol_error(status, message, exchange.context), exchange);
}

std::vector<std::pair<std::string, std::string>> Connection::headers_for(
    const Exchange& exchange) const {
  std::vector<std::pair<std::string, std::string>> out = {{"X-Request-Id", exchange.context.id}};
  if (server_.gate.allows_cors(exchange.head.origin)) {
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
  if (!good) exchange.record.reason = exchange.record.outcome;
  co_await audit(exchange);
  finish(exchange);
  co_return good&& exchange.keep_alive;
}

// Before the last bytes of an answer leave: who has them whole finds them in the audit log. An
// error goes out in place of an answer that must be there and is not.
net::awaitable<std::optional<ApiError>> Connection::audit(Exchange& exchange) {
  if (!server_.options.audit || exchange.audited || exchange.context.open) co_return std::nullopt;
  exchange.audited = true;
  describe(exchange);
  const auto work = [&]() -> net::awaitable<std::optional<ApiError>> {
    co_return server_.options.audit->record(exchange.record);
  };
  std::optional<ApiError> lost = co_await net::co_spawn(server_.auditors, work, net::use_awaitable);
  co_return lost;
}

void Connection::describe(Exchange& exchange) const {
  RequestRecord& record = exchange.record;
  record.id = exchange.context.id;
  record.caller = exchange.context.caller.name;
  record.method = exchange.head.method;
  record.path = std::string(exchange.head.path());
  record.milliseconds =
      std::chrono::duration<double, std::milli>(Clock::now() - exchange.start).count();
  if (record.status == 0) record.status = 499;  // gone before it was answered
  record.key_id = exchange.context.caller.key_id;
  record.route = exchange.context.route.empty() ? kUnknownRoute : exchange.context.route;
  record.facts = exchange.context.facts;
}

void Connection::finish(Exchange& exchange) {
  describe(exchange);
  const RequestRecord& record = exchange.record;
  server_.handler.count_response(record.status);
  server_.log.request(record);
}

net::awaitable<bool> Connection::write_reply(const HttpReply& reply, Exchange& exchange) {
  exchange.record.status = reply.status;
  exchange.record.reason = reply.code;
  const std::optional<ApiError> unlogged = co_await audit(exchange);
  if (unlogged) {
    const bool good = co_await write_reply(error_reply(*unlogged), exchange);
    co_return good;
  }
  WireHead head;
  head.status = reply.status;
  head.headers = headers_for(exchange);
  head.headers.insert(head.headers.end(), reply.headers.begin(), reply.headers.end());
  const bool has_body = reply.status != 204 && reply.status != 304;
  if (has_body) {
    head.content_type = reply.content_type;
    head.length = reply.body.size();
  }
  head.keep_alive = exchange.keep_alive;
  std::string bytes = head_text(head);
  if (exchange.head.method != "HEAD" && has_body) bytes += reply.body;
  const bool good = co_await write(std::move(bytes));
  co_return good;
}

net::awaitable<bool> Connection::write(std::string bytes) {
  error_code error;
  set_deadline(server_.options.write_seconds);
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
  pending_->set_listener([weak = weak_from_this(), executor = server_.io.get_executor()] {
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
      exchange.record.usage = pending.usage();
      const bool good = co_await write_reply(*progress.whole, exchange);
      co_return good;
    }
    if (ping && progress.bytes.empty()) progress.bytes = pending.sign_of_life();
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
    if (progress.ended) {
      exchange.record.usage = pending.usage();
      exchange.record.reason = progress.failure;
      const std::optional<ApiError> unlogged = co_await audit(exchange);
      if (unlogged) progress.bytes = sse_event(error_json(*unlogged)) + std::string(kSseDone);
    }
    if (!progress.bytes.empty())
      bytes += exchange.old ? progress.bytes : chunk_text(progress.bytes);
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
  wake_.expires_after(duration_of(pending_->silence_seconds(server_.options.ping_seconds)));
  co_await wake_.async_wait(net::redirect_error(net::use_awaitable, error));
}

void Connection::watch() {
  watching_ = true;
  stream_.socket().async_wait(tcp::socket::wait_read,
                              [weak = weak_from_this()](const error_code& error) {
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

}  // namespace hearth::serve
