// Call: one call from its head to its status. grpc++ tells of its events on threads of its own;
// each is handed to the one thread that carries all calls, which alone touches a call's state.
#pragma once

#include <grpcpp/generic/async_generic_service.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "hearth/serve/grpc/grpc_server.h"
#include "hearth/serve/grpc/rpc_status.h"

namespace hearth::serve {

class Call;

// What all calls of a server use; `calls` and `stopping` by the carrying thread only.
struct GrpcShared {
  RpcService& service;
  Metrics& metrics;
  RequestLog& log;
  const GrpcOptions options;
  std::set<Call*> calls = {};  // without a status yet
  bool stopping = false;
  boost::asio::io_context io{1};  // of the carrying thread
  boost::asio::thread_pool workers{2};
  boost::asio::thread_pool auditors{4};  // wait for the disk
};

class Call final : public grpc::ServerGenericBidiReactor,
                   public std::enable_shared_from_this<Call> {
 public:
  using Clock = std::chrono::steady_clock;

  // Lives until grpc++ is done with it.
  static grpc::ServerGenericBidiReactor* start(GrpcShared& server,
                                               grpc::GenericCallbackServerContext& context);
  Call(GrpcShared& server, grpc::GenericCallbackServerContext& context)
      : server_(server), context_(context) {}

  // ---- By the carrying thread.
  // Looks whether the client takes too long.
  void tick(Clock::time_point now);
  // The server has no more time for it.
  void cut();

 private:
  // What is outstanding at grpc++ or at the workers: at most one thing.
  enum class Wait : uint8_t { nothing, message, work, write };

  void OnReadDone(bool ok) override {
    post([ok](Call& call) { call.read_done(ok); });
  }
  void OnWriteDone(bool ok) override {
    post([ok](Call& call) { call.write_done(ok); });
  }
  void OnCancel() override {
    post([](Call& call) { call.cancelled(); });
  }
  void OnDone() override {
    post([](Call& call) { call.self_.reset(); });
  }
  template <typename Work>
  void post(Work work) {
    boost::asio::post(
        server_.io, [self = shared_from_this(), work = std::move(work)]() mutable { work(*self); });
  }

  void begin();
  void read_head();
  void read();
  void read_done(bool ok);
  void replied(RpcReply reply);
  void pump();
  void write_done(bool ok);
  void cancelled();
  void finish(const std::optional<ApiError>& error);
  void close(const RpcStatus& status);
  ApiError why_cancelled() const;
  double waited(Clock::time_point now) const {
    return std::chrono::duration<double>(now - since_).count();
  }

  GrpcShared& server_;
  grpc::GenericCallbackServerContext& context_;
  std::shared_ptr<Call> self_;  // until OnDone()
  const Clock::time_point start_ = Clock::now();

  RpcHead head_;
  RequestContext request_;
  RequestRecord record_;
  bool converses_ = false;
  int64_t messages_ = 0;  // that came
  grpc::ByteBuffer incoming_, outgoing_;
  std::deque<std::string> queue_;  // messages to write
  std::shared_ptr<RpcStream> stream_;
  bool ended_ = false;  // the stream, with what stands in failure_
  std::optional<ApiError> failure_;
  Wait wait_ = Wait::nothing;
  Clock::time_point since_;  // of a read or a write
  bool gone_ = false;        // cancelled, or its deadline passed
  bool finished_ = false;
  bool heard_ = false;  // its head was looked at: it is an event of the audit log
};

}  // namespace hearth::serve
