// Upstream: one request to one replica, over a connection of its own. Every wait can be cut, and
// ends in a Status that says what was being waited for. Used by the gateway's thread only.
#pragma once

#include <boost/asio.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/status.h"
#include "hearth/serve/gateway/relay.h"

namespace hearth::serve {

struct ReplicaAddress {
  std::string host;  // a name or an address
  std::string port;
  std::string url() const;
};
// "http://HOST:PORT", or without the scheme; invalid: it is neither.
Result<ReplicaAddress> read_replica_address(const std::string& text);

struct UpstreamRequest {
  std::string_view method, target;
  Headers headers;
  std::string_view line, body;  // sent one behind the other
};

struct UpstreamHead {
  int status = 0;
  std::string content_type;
  Headers headers;  // those that are the client's, too
  bool is_stream = false;
  bool is_resumable = false;  // the replica gives a sign of life every second
};

class Upstream {
 public:
  Upstream(boost::asio::io_context& io, const ReplicaAddress& address);
  ~Upstream();

  // internal: there was no connection, or it broke, or nothing came for `seconds` (0: as long as it
  // takes). corrupt: what came is no HTTP.
  boost::asio::awaitable<Status> send(const UpstreamRequest& request, double seconds);
  boost::asio::awaitable<Result<UpstreamHead>> read_head(double seconds);
  // The next bytes of the body, at least one; "": it is whole.
  boost::asio::awaitable<Result<std::string>> read_some(double seconds);
  // A body of at most `bytes_max`.
  boost::asio::awaitable<Result<std::string>> read_all(size_t bytes_max, double seconds);
  // All that waits fails now, and all that follows.
  void cut();

 private:
  struct Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::serve
