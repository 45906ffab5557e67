// GrpcServer: gRPC over plain sockets or TLS beside HttpServer, on the same engine, keys and
// counters. One thread carries all calls, as one carries HTTP's connections; two more read
// requests, render templates and make tokens; grpc++'s own threads only hand over what happened.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "hearth/base/status.h"
#include "hearth/serve/engine_loop.h"
#include "hearth/serve/grpc/rpc_service.h"
#include "hearth/serve/request_log.h"

namespace hearth::serve {

class AuditTrail;

struct GrpcOptions {
  std::string host = "127.0.0.1";
  uint16_t port = 0;  // 0: any free one
  int64_t message_bytes_max = 8 << 20;
  int64_t calls_max = 4096;              // open at once; more are told to come again
  double read_seconds = 60;              // from the head to a whole message
  double write_seconds = 30;             // a reader that takes nothing for so long is cut
  std::string tls_certificate, tls_key;  // PEM files; empty: no TLS
  AuditTrail* audit = nullptr;           // told of each call; null: there is no audit log
};

class GrpcServer {
 public:
  // Binds, listens and serves. All must outlive this. invalid: the address, the port or the
  // certificate.
  static Result<std::unique_ptr<GrpcServer>> open(RpcService& service, EngineLoop& loop,
                                                  Metrics& metrics, RequestLog& log,
                                                  GrpcOptions options);
  // stop()
  ~GrpcServer();

  uint16_t port() const;
  // Lets every call end: what still runs is told UNAVAILABLE within a step, so the loop must go on
  // until this returns. New calls are refused.
  void stop();

  class Impl;  // of grpc_server.cc

 private:
  explicit GrpcServer(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::serve
