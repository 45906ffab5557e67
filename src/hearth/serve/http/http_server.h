// HttpServer: HTTP/1.1 over plain sockets or TLS. One thread carries all connections as coroutines;
// two more read JSON, render templates and make tokens. Every wait has a limit, every buffer a
// bound, and a client that hangs up is noticed while nothing is written to it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "hearth/base/status.h"
#include "hearth/serve/access/gate.h"
#include "hearth/serve/exchange.h"
#include "hearth/serve/request_log.h"

namespace hearth::serve {

class AuditTrail;

// Of their own, so that a crowd keeps nobody from the metrics.
inline constexpr int64_t kAdminConnectionsMax = 64;

struct HttpOptions {
  std::string host = "127.0.0.1";
  uint16_t port = 0;                   // 0: any free one
  std::optional<uint16_t> admin_port;  // set: what administers is served there, and there alone
  std::string admin_host;              // "": as `host`
  int64_t header_bytes_max = 64 << 10;
  int64_t target_bytes_max = 8 << 10;
  int64_t body_bytes_max = 8 << 20;
  int64_t connections_max = 4096;  // beside kAdminConnectionsMax of the admin port
  double header_seconds = 10;      // from the first byte of a head to its last
  double body_seconds = 60;
  double idle_seconds = 75;              // between requests of a connection
  double write_seconds = 30;             // a reader that takes nothing for so long is cut
  double ping_seconds = 10;              // a comment in a stream that has nothing to say
  double drain_seconds = 30;             // after SIGTERM, for what runs
  std::string tls_certificate, tls_key;  // PEM files; empty: no TLS
  AuditTrail* audit = nullptr;           // told of each request; null: there is no audit log
};

class HttpServer {
 public:
  // Binds and listens. All must outlive this. invalid: the address, the port or the certificate.
  static Result<std::unique_ptr<HttpServer>> open(HttpHandler& handler, Gate& gate, RequestLog& log,
                                                  HttpOptions options);
  ~HttpServer();

  uint16_t port() const;
  std::optional<uint16_t> admin_port() const;
  // Serves on this thread until SIGTERM or SIGINT, then drains; a second one ends it at once.
  // SIGHUP reads the keys again.
  void run();
  // As SIGTERM does; any thread.
  void stop();

  class Impl;  // of http_server.cc

 private:
  explicit HttpServer(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

// Whether only this machine can reach the address: 127.0.0.0/8, ::1, localhost.
bool is_loopback(const std::string& host);

}  // namespace hearth::serve
