// What the tests of gRPC share: the real server over the bundled model on a free port, spoken to by
// a real client, with HTTP's service beside it on the same engine.
#pragma once

#include <google/rpc/error_details.pb.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>
#include <hearth/v1/hearth.grpc.pb.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "hearth/files/json.h"
#include "hearth/serve/grpc/grpc_server.h"
#include "hearth/serve/test_server.h"

namespace hearth::serve {

struct RpcTestServer : TestServer {
  explicit RpcTestServer(TestSettings settings = {}, const GrpcOptions& options = {})
      : TestServer(std::move(settings)) {
    rpc = std::make_unique<RpcService>(*admission, *adapters, *gate, metrics);
    auto made = GrpcServer::open(*rpc, *loop, metrics, log, options);
    CHECK(made.has_value());
    server = *std::move(made);
    channel = grpc::CreateChannel(address(), grpc::InsecureChannelCredentials());
    stub = v1::Hearth::NewStub(channel);
  }
  ~RpcTestServer() {
    server->stop();
    loop->stop();
  }
  std::string address() const { return fmt::format("127.0.0.1:{}", server->port()); }

  RequestLog log{false, false};
  std::unique_ptr<RpcService> rpc;
  std::unique_ptr<GrpcServer> server;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<v1::Hearth::Stub> stub;
};

inline v1::ChatRequest question(const std::string& text) {
  v1::ChatRequest request;
  auto* message = request.add_messages();
  message->set_role("user");
  message->set_content(text);
  return request;
}

// An answer that goes on to the end of the context: its end is never drawn.
inline v1::ChatRequest endless_question() {
  v1::ChatRequest request = question("12+30=?");
  request.mutable_options()->set_temperature(1);
  (*request.mutable_options()->mutable_logit_bias())[1] = -100;
  return request;
}

struct Answer {
  std::string content, reasoning;
  std::string call_name, call_arguments;  // of all its calls, one behind the other
  std::vector<int32_t> ids;               // where log probabilities were asked for
  v1::FinishReason finish = v1::FINISH_REASON_UNSPECIFIED;
  v1::Usage usage;
  grpc::Status status;
};

// The first of the answers, to the end of the stream.
inline Answer read_all(grpc::ClientReader<v1::GenerateResponse>& reader) {
  Answer out;
  for (v1::GenerateResponse part; reader.Read(&part);) {
    if (part.has_usage()) out.usage = part.usage();
    if (part.choice() != 0) continue;
    out.content += part.content();
    out.reasoning += part.reasoning_content();
    out.call_name += part.tool_call().name();
    out.call_arguments += part.tool_call().arguments();
    for (const auto& token : part.logprobs()) out.ids.push_back(token.chosen().id());
    if (part.finish_reason() != 0) out.finish = part.finish_reason();
  }
  out.status = reader.Finish();
  return out;
}

inline Answer ask(v1::Hearth::Stub& stub, const v1::ChatRequest& request) {
  grpc::ClientContext context;
  return read_all(*stub.Chat(&context, request));
}

// The same question over HTTP's service, whole.
inline Json http_answer(RpcTestServer& server, const std::string& body) {
  const HttpReply reply = server.post("/v1/chat/completions", body);
  CHECK(reply.pending != nullptr);
  return parsed(wait_for(*reply.pending));
}

// The detail of this type in an error; an empty one where there is none.
template <typename Detail>
Detail detail_of(const grpc::Status& status) {
  Detail out;
  google::rpc::Status parsed;
  EXPECT_TRUE(parsed.ParseFromString(status.error_details()));
  EXPECT_EQ(parsed.code(), static_cast<int>(status.error_code()));
  for (const auto& any : parsed.details()) {
    if (any.Is<Detail>()) any.UnpackTo(&out);
  }
  return out;
}

inline std::string wrong_field(const grpc::Status& status) {
  const auto detail = detail_of<google::rpc::BadRequest>(status);
  return detail.field_violations_size() == 0 ? "" : detail.field_violations(0).field();
}

// One call after the other as long as it lives, each held to what it says alone: whatever happens
// meanwhile happens beside a stream. Made after the server.
class RpcNeighbour {
 public:
  explicit RpcNeighbour(RpcTestServer& server) : server_(server), alone_(answer()) {
    EXPECT_FALSE(alone_.empty());
    begun_ = false;
    thread_ = std::thread([this] {
      while (!over_ && !broken_) broken_ = answer() != alone_;
    });
    EXPECT_TRUE(TestServer::wait([this] { return begun_ || broken_; }));
  }
  ~RpcNeighbour() {
    over_ = true;
    thread_.join();
    EXPECT_FALSE(broken_) << "a stream beside it broke or changed";
  }
  RpcNeighbour(const RpcNeighbour&) = delete;
  RpcNeighbour& operator=(const RpcNeighbour&) = delete;

 private:
  // "": it broke.
  std::string answer() {
    v1::ChatRequest request = endless_question();
    request.mutable_options()->set_seed(7);
    request.mutable_options()->set_max_tokens(60);
    grpc::ClientContext context;
    const auto reader = server_.stub->Chat(&context, request);
    v1::GenerateResponse first;
    reader->Read(&first);
    begun_ = true;
    const Answer rest = read_all(*reader);
    if (!rest.status.ok() || rest.finish != v1::FINISH_REASON_LENGTH) return "";
    return first.reasoning_content() + first.content() + rest.reasoning + rest.content;
  }

  RpcTestServer& server_;
  std::atomic<bool> begun_{false}, over_{false}, broken_{false};
  const std::string alone_;
  std::thread thread_;
};

}  // namespace hearth::serve
