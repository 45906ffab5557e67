// The server over real sockets, and a client that sends and reads bytes.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "hearth/serve/http/http_server.h"
#include "hearth/serve/loopback.h"
#include "hearth/serve/test_server.h"

namespace hearth::serve {

// Long enough for a sanitizer on a busy machine; whoever waits for nothing waits so long.
inline constexpr int kPatience = 120;  // seconds

// A connection to this machine; what is read ends with the peer's close, or after seconds.
class Client {
 public:
  explicit Client(uint16_t port) : fd_(connect_to_loopback(port, kPatience)) {}
  ~Client() { ::close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool send(std::string_view bytes) const {
    return ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  }
  // At most `count` bytes, or all until the end.
  std::string read(size_t count = std::string::npos) const {
    std::string out;
    char piece[4096];
    while (out.size() < count) {
      const ssize_t got = ::recv(fd_, piece, std::min(sizeof piece, count - out.size()), 0);
      if (got <= 0) break;
      out.append(piece, static_cast<size_t>(got));
    }
    return out;
  }
  // Nothing more will be sent: a client that asks no more, and is taken for one that left.
  void half_close() const { ::shutdown(fd_, SHUT_WR); }
  // Gone without a word: the peer gets a reset.
  void reset() const {
    const linger now{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }

 private:
  int fd_;
};

struct HttpTestServer : TestServer {
  explicit HttpTestServer(HttpOptions options = {}, TestSettings settings = {})
      : TestServer(std::move(settings)) {
    auto opened = HttpServer::open(*service, *gate, log, std::move(options));
    CHECK(opened.has_value());
    http = *std::move(opened);
    thread = std::thread([this] { http->run(); });
  }
  ~HttpTestServer() {
    http->stop();
    thread.join();
    http.reset();
  }
  std::string status_of(const std::string& answer) const {
    return answer.starts_with("HTTP/1.1 ") ? answer.substr(9, 3) : "none: " + answer;
  }
  void expect_alive() const {
    const Client client(http->port());
    client.send("GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(status_of(client.read()), "200");
  }

  RequestLog log{false, false};
  std::unique_ptr<HttpServer> http;
  std::thread thread;
};

inline std::string http_request(const std::string& method, const std::string& path,
                                const std::string& body, const std::string& headers = "") {
  return fmt::format(
      "{} {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{}Content-Length: {}\r\n\r\n{}",
      method, path, headers, body.size(), body);
}

// What the events of a stream say, thought and answer; "": it broke, or told an error.
inline std::string stream_text(const std::string& bytes) {
  std::istringstream lines(bytes);
  std::string text;
  bool done = false;
  for (std::string line; std::getline(lines, line);) {
    done = done || line == "data: [DONE]";
    if (!line.starts_with("data: {")) continue;
    const Json event = parsed(line.substr(6));
    if (!event.contains("choices")) return "";
    for (const Json& choice : event["choices"]) {
      for (const char* field : {"reasoning_content", "content"}) {
        if (const Json* piece = json_find(choice["delta"], field)) text += *piece;
      }
    }
  }
  return done ? text : "";
}

// One stream after the other as long as it lives, each held to what it says alone: whatever
// happens meanwhile happens beside a stream. Made after the server.
class Neighbour {
 public:
  explicit Neighbour(const HttpTestServer& server) : port_(server.http->port()), alone_(stream()) {
    EXPECT_FALSE(alone_.empty());
    begun_ = false;
    thread_ = std::thread([this] {
      while (!over_ && !broken_) broken_ = stream() != alone_;
    });
    EXPECT_TRUE(TestServer::wait([this] { return begun_ || broken_; }));
  }
  ~Neighbour() {
    over_ = true;
    thread_.join();
    EXPECT_FALSE(broken_) << "a stream beside it broke or changed";
  }
  Neighbour(const Neighbour&) = delete;
  Neighbour& operator=(const Neighbour&) = delete;

 private:
  std::string stream() {
    const Client client(port_);
    const std::string body = chat_body(
        "7*8=?",
        R"(,"stream":true,"seed":7,"temperature":1,"logit_bias":{"1":-100},"max_tokens":60)");
    client.send(http_request("POST", "/v1/chat/completions", body));
    const std::string first = client.read(1);
    begun_ = true;
    return stream_text(first + client.read());
  }

  const uint16_t port_;
  std::atomic<bool> begun_{false}, over_{false}, broken_{false};
  const std::string alone_;
  std::thread thread_;
};

}  // namespace hearth::serve
