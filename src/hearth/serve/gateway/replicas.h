// Replicas: the servers behind a gateway, which of them take requests, and how many run at each.
// Each is asked for /ready once in a while; a connection that breaks takes it off the list at once
// and has it asked again.
#pragma once

#include <boost/asio.hpp>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "hearth/serve/gateway/upstream.h"
#include "hearth/serve/request_log.h"

namespace hearth::serve {

struct Replica {
  explicit Replica(boost::asio::io_context& io, ReplicaAddress where)
      : address(std::move(where)), look(io) {}

  const ReplicaAddress address;
  bool ready = false;
  std::set<Upstream*> running;     // requests that it works on
  boost::asio::steady_timer look;  // when it is asked the next time
};

// All by the gateway's thread, but `ready`, which any may call.
class Replicas {
 public:
  // `check_seconds`: between two looks at a replica. `silence_seconds`: one that doesn't answer for
  // so long is gone.
  Replicas(boost::asio::io_context& io, const std::vector<ReplicaAddress>& addresses,
           double check_seconds, double silence_seconds, RequestLog& log);

  void watch();  // from now on
  // The ready one with the fewest requests, but none of `without`; null: there is none.
  Replica* pick(const std::set<Replica*>& without);
  bool any_beside(const std::set<Replica*>& without) const;  // ready or not
  // A connection broke: off the list at once, until it answers again. What else runs there goes on,
  // for it may have been that connection alone.
  void suspect(Replica& replica, const Status& why);

  int64_t ready() const { return ready_; }
  int64_t count() const { return static_cast<int64_t>(replicas_.size()); }

 private:
  boost::asio::awaitable<void> watch(Replica& replica);
  boost::asio::awaitable<Status> check(Replica& replica);
  void lost(Replica& replica);
  void set_ready(Replica& replica, const Status& status);

  boost::asio::io_context& io_;
  const double check_seconds_, silence_seconds_;
  RequestLog& log_;
  std::vector<std::unique_ptr<Replica>> replicas_;
  size_t next_ = 0;  // among equals they take turns
  std::atomic<int64_t> ready_{0};
};

}  // namespace hearth::serve
