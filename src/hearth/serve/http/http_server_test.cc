// The clock's side of HTTP over real sockets: heads and bodies that come a byte at a time, chunks
// and bodies that never come, clients that leave at any byte of their answer.
#include "hearth/serve/http/http_server.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "hearth/serve/test_server.h"

namespace hearth::serve {
namespace {

using std::chrono::milliseconds;

// A connection to this machine; what is read ends with the peer's close, or after seconds.
class Client {
 public:
  explicit Client(uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const timeval patience{20, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK_EQ(::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  }
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
  // Gone without a word: the peer gets a reset.
  void reset() const {
    const linger now{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }

 private:
  int fd_;
};

struct HttpTestServer : TestServer {
  explicit HttpTestServer(HttpOptions options = {}) {
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

HttpOptions impatient() {
  HttpOptions options;
  options.header_seconds = 0.3;
  options.body_seconds = 0.3;
  return options;
}

const std::string kPost = "POST /tokenize HTTP/1.1\r\nHost: localhost\r\n";

TEST(HttpServer, HeadsAndBodiesThatComeByteByByteAreCut) {
  HttpTestServer server(impatient());
  const std::string head = "GET /health HTTP/1.1\r\nHost: localhost\r\nX-Filler: ";
  for (const std::string& begin : {std::string(), head, kPost + "Content-Length: 1000\r\n\r\n",
                                   kPost + "Transfer-Encoding: chunked\r\n\r\n3e8\r\n"}) {
    const Client client(server.http->port());
    client.send(begin);
    const auto start = std::chrono::steady_clock::now();
    std::thread drip([&] {
      while (client.send("a")) {
        std::this_thread::sleep_for(milliseconds(20));
        if (std::chrono::steady_clock::now() - start > std::chrono::seconds(10)) break;
      }
    });
    EXPECT_EQ(server.status_of(client.read()), "408") << begin;
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(8));
    drip.join();
  }
  server.expect_alive();
}

TEST(HttpServer, BodiesThatNeverComeAreCut) {
  HttpTestServer server(impatient());
  for (const std::string& begin :
       {kPost + "Content-Length: 10\r\n\r\n", kPost + "Transfer-Encoding: chunked\r\n\r\n",
        kPost + "Transfer-Encoding: chunked\r\n\r\n5\r\nabc",
        kPost + "Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n"}) {
    const Client client(server.http->port());
    client.send(begin);
    EXPECT_EQ(server.status_of(client.read()), "408") << begin;
  }
  server.expect_alive();
}

TEST(HttpServer, TellsAClientThatAsksToContinue) {
  HttpTestServer server(impatient());
  const std::string head = kPost + "Content-Length: 14\r\nExpect: 100-continue\r\n\r\n";
  {
    const Client follows(server.http->port());
    follows.send(head);
    const std::string told = "HTTP/1.1 100 Continue\r\n\r\n";
    EXPECT_EQ(follows.read(told.size()), told);
    follows.send(R"({"prompt":"a"})");
    EXPECT_EQ(server.status_of(follows.read(12)), "200");
  }
  const Client never(server.http->port());
  never.send(head);
  const std::string answer = never.read();
  EXPECT_NE(answer.find("HTTP/1.1 408 "), answer.npos) << answer;
}

// Whatever was taken of an answer: its request ends, is counted once, and others go on.
TEST(HttpServer, ClientsThatLeaveAtAnyByte) {
  HttpTestServer server;
  const std::string body = chat_body("7*8=?", R"(,"stream":true,"temperature":0,"max_tokens":12)");
  const std::string request =
      "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
      "Content-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body;
  std::string whole;
  {
    const Client client(server.http->port());
    client.send(request);
    whole = client.read();
    ASSERT_EQ(server.status_of(whole), "200");
  }
  for (size_t taken = 0; taken < whole.size(); taken += 1 + taken / 40) {
    const Client client(server.http->port());
    client.send(request);
    client.read(taken);
    if (taken % 2 == 0) client.reset();
  }
  EXPECT_TRUE(server.wait_for_all());
  EXPECT_EQ(server.loop->live(), 0);
  server.expect_alive();
}

}  // namespace
}  // namespace hearth::serve
