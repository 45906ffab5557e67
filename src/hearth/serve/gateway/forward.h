// Forward: one request of a client on its way through replicas until one has answered it. What the
// client has not seen a byte of is asked again; a stream that has begun goes on from its tokens.
#pragma once

#include <atomic>
#include <boost/asio.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "hearth/serve/gateway/relay.h"
#include "hearth/serve/gateway/replica_stream.h"
#include "hearth/serve/gateway/replicas.h"

namespace hearth::serve {

struct ForwardOptions {
  double silence_seconds = 3;  // a resumable stream that says nothing for so long is broken
  double send_seconds = 30;    // to take in a request
  double wait_seconds = 10;    // for a replica that is ready
  int64_t tries = 4;           // replicas that may break off in turn without a token between them
  size_t stream_buffer = 256 << 10;    // bytes of one stream that wait for a slow client
  size_t reply_bytes_max = 256 << 20;  // of a reply that is not streamed
};

struct ForwardRequest {
  std::string id, method, target, body;
  Headers headers;
  std::optional<std::chrono::steady_clock::time_point> deadline;  // the client's
};

struct ForwardCounts {
  std::atomic<int64_t> running{0}, requests{0}, retried{0}, resumed{0}, given_up{0};
};

class Forward : public std::enable_shared_from_this<Forward> {
 public:
  Forward(boost::asio::io_context& io, Replicas& replicas, const ForwardOptions& options,
          ForwardCounts& counts, RequestLog& log, ForwardRequest request);
  ~Forward();

  const std::shared_ptr<Relay>& relay() const { return relay_; }
  boost::asio::awaitable<void> run();
  void look_again();  // the client is gone, or there is room

 private:
  // How a try ended. lost: the replica broke off. busy: it takes nothing. refused: it can't go on
  // with this stream.
  enum class Outcome : uint8_t { done, lost, busy, refused };

  boost::asio::awaitable<Replica*> find_replica();
  boost::asio::awaitable<Outcome> try_at(Replica& replica);
  boost::asio::awaitable<Outcome> exchange(Replica& replica, Upstream& upstream);
  boost::asio::awaitable<Outcome> take_whole(const UpstreamHead& head, Upstream& upstream);
  boost::asio::awaitable<Outcome> take_stream(UpstreamHead head, Upstream& upstream);
  boost::asio::awaitable<void> wait_for_room();
  boost::asio::awaitable<void> pause(double seconds);
  Headers headers() const;
  void give_up();

  boost::asio::io_context& io_;
  Replicas& replicas_;
  const ForwardOptions& options_;
  ForwardCounts& counts_;
  RequestLog& log_;
  const ForwardRequest request_;
  const std::shared_ptr<Relay> relay_;
  ReplicaStream stream_;
  bool begun_ = false;  // the relay knows that it is a stream
  std::set<Replica*> avoided_, refused_;
  std::optional<HttpReply> last_busy_;  // what a replica said that took nothing
  Status last_lost_;                    // how the last replica broke off
  Upstream* upstream_ = nullptr;        // of the try that runs
  boost::asio::steady_timer wake_;
};

}  // namespace hearth::serve
