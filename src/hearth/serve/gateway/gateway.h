// Gateway: the one address before several replicas. Takes requests as the HTTP server hands them
// over and forwards those that are safe to ask twice; one thread carries all that goes on with
// replicas.
#pragma once

#include <atomic>
#include <boost/asio.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "hearth/serve/access/gate.h"
#include "hearth/serve/exchange.h"
#include "hearth/serve/gateway/forward.h"
#include "hearth/serve/gateway/replicas.h"
#include "hearth/serve/request_log.h"

namespace hearth::serve {

struct GatewayOptions {
  std::vector<ReplicaAddress> replicas;  // at least one
  double check_seconds = 1;              // between two looks at a replica
  bool metrics = false;                  // /metrics is offered: nobody else can reach us
  ForwardOptions forward;
};

// All that it is given must outlive it.
class Gateway : public HttpHandler {
 public:
  Gateway(GatewayOptions options, Gate& gate, RequestLog& log);
  ~Gateway() override;

  std::optional<HttpReply> refuse(const RequestHead& head, RequestContext& context) override;
  HttpReply handle(const RequestHead& head, const RequestContext& context,
                   std::string_view body) override;
  HttpReply protocol_error(int status, std::string_view message, RequestContext& context) override;
  void drain() override { draining_ = true; }
  int64_t running() const override { return counts_.running; }
  void count_response(int) override {}
  void count_connections(int64_t open) override { connections_ = open; }
  void count_refused_connection() override {}

 private:
  std::string_view method_of(std::string_view path) const;
  HttpReply own(std::string_view path) const;
  HttpReply metrics() const;

  const GatewayOptions options_;
  Gate& gate_;
  RequestLog& log_;
  ForwardCounts counts_;  // outlives the requests, which end with io_ at the latest
  boost::asio::io_context io_{1};
  Replicas replicas_;
  std::atomic<bool> draining_{false};
  std::atomic<int64_t> connections_{0};
  std::thread thread_;
};

}  // namespace hearth::serve
