// Connections that speak no HTTP/2, or too much of it, written byte by byte: each is told so by a
// GOAWAY or a reset, or closed, beside a neighbour's stream that stays unbroken.
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <set>

#include "hearth/serve/grpc/beside_a_stream.h"
#include "hearth/serve/loopback.h"

namespace hearth::serve {
namespace {

enum FrameType : uint8_t { kData = 0, kHeaders = 1, kReset = 3, kSettings = 4, kGoAway = 7 };

const std::string kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// An HTTP/2 frame (RFC 9113, section 4.1).
std::string frame(uint32_t length, uint8_t type, uint8_t flags, uint32_t stream,
                  const std::string& payload = "") {
  std::string out;
  for (int shift : {16, 8, 0}) out += static_cast<char>(length >> shift);
  out += static_cast<char>(type);
  out += static_cast<char>(flags);
  for (int shift : {24, 16, 8, 0}) out += static_cast<char>(stream >> shift);
  return out + payload;
}

std::string frame(uint8_t type, uint8_t flags, uint32_t stream, const std::string& payload) {
  return frame(static_cast<uint32_t>(payload.size()), type, flags, stream, payload);
}

// A header whose name and value are written as they are (RFC 7541, section 6.2.2).
std::string header(const std::string& name, const std::string& value) {
  return std::string(1, '\0') + static_cast<char>(name.size()) + name +
         static_cast<char>(value.size()) + value;
}

std::string call_headers() {
  return header(":method", "POST") + header(":scheme", "http") +
         header(":path", "/hearth.v1.Hearth/Chat") + header(":authority", "localhost") +
         header("content-type", "application/grpc") + header("te", "trailers");
}

const std::string kBegun = kPreface + frame(kSettings, 0, 0, "");

// One message as gRPC frames it: compressed or not, its length, its bytes.
std::string message(const std::string& bytes, bool compressed = false) {
  std::string out(1, compressed ? '\1' : '\0');
  for (int shift : {24, 16, 8, 0}) out += static_cast<char>(bytes.size() >> shift);
  return out + bytes;
}

std::string whole_call(const std::string& more_headers, bool compressed = false) {
  return frame(kHeaders, 4, 1, call_headers() + more_headers) +
         frame(kData, 1, 1, message(question("1+2=?").SerializeAsString(), compressed));
}

// What came back over a connection.
struct Heard {
  std::string bytes;
  bool closed = false;  // by the server: an end or a reset

  // Types of the frames that are whole.
  std::set<uint8_t> types() const {
    std::set<uint8_t> out;
    const auto byte = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
    for (size_t at = 0; at + 9 <= bytes.size();) {
      out.insert(byte(at + 3));
      at += 9 + (size_t{byte(at)} << 16 | size_t{byte(at + 1)} << 8 | byte(at + 2));
    }
    return out;
  }
  bool cut() const { return types().contains(kGoAway) || types().contains(kReset); }
  // The value of grpc-status; "": none came.
  std::string status() const {
    // Its values are of one digit or two; other names that begin so are longer.
    const std::string name = "grpc-status";
    for (size_t at = bytes.find(name); at != bytes.npos; at = bytes.find(name, at + 1)) {
      const size_t length =
          static_cast<uint8_t>(bytes[std::min(at + name.size(), bytes.size() - 1)]);
      if (length == 1 || length == 2) return bytes.substr(at + name.size() + 1, length);
    }
    return "";
  }
};

// Sends the bytes while it reads, until `enough` or the server's close. `finish`: says then that
// nothing more will come.
Heard speak(uint16_t port, const std::string& bytes, bool finish,
            const std::function<bool(const Heard&)>& enough) {
  const int fd = connect_to_loopback(port, 20);
  Heard heard;
  size_t sent = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!heard.closed && !enough(heard) && std::chrono::steady_clock::now() < end) {
    pollfd look{fd, static_cast<short>(sent < bytes.size() ? POLLIN | POLLOUT : POLLIN), 0};
    ::poll(&look, 1, 100);
    if (look.revents & POLLOUT) {
      const ssize_t n =
          ::send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
      sent = n < 0 ? bytes.size() : sent + static_cast<size_t>(n);
      if (sent == bytes.size() && finish) ::shutdown(fd, SHUT_WR);
    }
    if (look.revents & (POLLIN | POLLHUP | POLLERR)) {
      char back[65536];
      const ssize_t n = ::recv(fd, back, sizeof back, MSG_DONTWAIT);
      if (n > 0) heard.bytes.append(back, static_cast<size_t>(n));
      heard.closed = n <= 0;
    }
  }
  ::close(fd);
  return heard;
}

struct Connection {
  const char* what;
  std::string bytes;
  bool waits = false;  // is no fault until it ends too early: it is closed when the client is done
};

std::vector<Connection> hostile_connections() {
  std::vector<Connection> out = {
      {"HTTP/1.1", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"},
      {"zeros", std::string(100'000, '\0')},
      {"ones", std::string(1000, '\xff')},
      {"half a preface", kPreface.substr(0, 10), true},
      {"a preface", kPreface, true},
      {"data of 16 MB", kBegun + frame((1u << 24) - 1, kData, 0, 1, std::string(100'000, 'a'))},
      {"headers of 16 MB", kBegun + frame((1u << 24) - 1, kHeaders, 4, 1)},
      {"settings of 60 KB", kBegun + frame(kSettings, 0, 0, std::string(6 * 10'000, '\0'))},
      {"an integer that never ends",
       kBegun + frame(kHeaders, 4, 1, "\x3f" + std::string(10'000, '\x80'))},
      {"a string of 4 GiB",
       kBegun + frame(kHeaders, 4, 1, std::string("\0\x7f\xff\xff\xff\xff\x0f", 7))},
      {"a message of 4 GiB",
       kBegun + frame(kHeaders, 4, 1, call_headers()) + frame(kData, 1, 1, "\xff\xff\xff\xff\xff")},
      {"a continuation of nothing", kBegun + frame(9, 4, 7, "lost")},
      {"a window that wraps",
       kBegun + frame(8, 0, 0, std::string("\x7f\xff\xff\xff", 4)) +
           frame(8, 0, 0, std::string("\x7f\xff\xff\xff", 4)),
       true},
  };
  std::string continuations = kBegun + frame(kHeaders, 0, 1, call_headers());
  for (int i = 0; i < 20'000; ++i) continuations += frame(9, 0, 1, header("a", "b"));
  out.push_back({"continuations", continuations, true});
  std::string crumbs = kBegun + frame(kHeaders, 4, 1, call_headers());
  crumbs += frame(kData, 0, 1, std::string("\0\0\1\0\0", 5));
  for (int i = 0; i < 20'000; ++i) crumbs += frame(kData, 0, 1, "a");
  out.push_back({"crumbs", crumbs, true});
  std::string pings = kBegun;
  for (int i = 0; i < 20'000; ++i) pings += frame(6, 0, 0, "12345678");
  out.push_back({"pings", pings});
  return out;
}

using HostileConnections = BesideAStream;

TEST_F(HostileConnections, ThatSpeakSomethingElse) {
  for (const Connection& c : hostile_connections()) {
    const Heard heard = speak(server_.server->port(), c.bytes, c.waits,
                              [](const Heard& h) { return h.cut() || !h.status().empty(); });
    EXPECT_TRUE(heard.closed || heard.cut() || !heard.status().empty()) << c.what;
  }
}

// Each with its call; those held open, half of what the server lets be, end with their connection.
TEST_F(HostileConnections, ThousandsOfStreams) {
  for (const bool reset : {true, false}) {
    std::string bytes = kBegun;
    for (uint32_t id = 1; id < (reset ? 200'000u : 4'000u); id += 2) {
      bytes += frame(kHeaders, 4, id, call_headers());
      if (reset) bytes += frame(kReset, 0, id, std::string("\0\0\0\x08", 4));
    }
    const Heard heard =
        speak(server_.server->port(), bytes, true, [](const Heard&) { return false; });
    EXPECT_TRUE(heard.closed) << reset;
  }
}

// Nothing of an answer may be sent: it waits, and ends with the connection.
TEST_F(HostileConnections, AWindowOfNothing) {
  const std::string no_window = kPreface + frame(kSettings, 0, 0, std::string("\0\4\0\0\0\0", 6));
  const double before = server_.metric("hearth_requests_admitted_total");
  const Heard heard =
      speak(server_.server->port(), no_window + whole_call(""), false, [&](const Heard& so_far) {
        return so_far.types().contains(kHeaders) || so_far.types().contains(kGoAway);
      });
  EXPECT_FALSE(heard.types().contains(kData));
  EXPECT_GT(server_.metric("hearth_requests_admitted_total"), before);
}

TEST_F(HostileConnections, HeadersThatAreNone) {
  const auto status_of = [&](const std::string& name, const std::string& value,
                             bool compressed = false) {
    const Heard heard =
        speak(server_.server->port(), kBegun + whole_call(header(name, value), compressed), false,
              [](const Heard& so_far) { return so_far.cut() || !so_far.status().empty(); });
    return heard.cut() ? "reset" : heard.status();
  };
  EXPECT_EQ(status_of("grpc-encoding", "identity"), "0");
  // grpc++ takes an encoding that it doesn't know for none: the bytes are read as they are.
  for (const char* encoding : {"foo", ""}) {
    EXPECT_EQ(status_of("grpc-encoding", encoding, true), "0") << encoding;
  }
  EXPECT_EQ(status_of("grpc-encoding", "gzip", true), "reset");
  for (const char* timeout :
       {"-1S", "", "S", "1", "1x", "1.5S", "123456789012345678901234567890S"}) {
    EXPECT_EQ(status_of("grpc-timeout", timeout), "0") << "read as none: " << timeout;
  }
  EXPECT_EQ(status_of("grpc-timeout", "0n"), "reset") << "over before it begins";
  EXPECT_EQ(status_of("grpc-timeout", "99999999H"), "0");
}

}  // namespace
}  // namespace hearth::serve
