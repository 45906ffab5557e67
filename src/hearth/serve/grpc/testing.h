// What the tests of gRPC share: the real server over the bundled model on a free port, spoken to by
// a real client, with HTTP's service beside it on the same engine.
#pragma once

#include <google/rpc/error_details.pb.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>
#include <hearth/v1/hearth.grpc.pb.h>

#include <chrono>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "hearth/serve/grpc/grpc_server.h"
#include "hearth/serve/service.h"
#include "hearth/serve/testing.h"

namespace hearth::serve {

inline constexpr int64_t kTestContext = 512;

struct RpcTestSettings {
  LoopOptions loop = {};
  GrpcOptions grpc = {};
  int64_t stream_buffer = 256 << 10;
  pii::Mode personal_data = pii::Mode::off;
  std::string adapter_directory = "";
};

struct RpcTestServer {
  explicit RpcTestServer(const RpcTestSettings& settings = {}) {
    auto opened = Gate::open({});
    CHECK(opened.has_value());
    gate = *std::move(opened);
    start(settings);
  }
  RpcTestServer(std::unique_ptr<Gate> guarded, const RpcTestSettings& settings)
      : gate(std::move(guarded)) {
    start(settings);
  }
  ~RpcTestServer() {
    server->stop();
    loop->stop();
  }

  void start(const RpcTestSettings& settings) {
    engine = mini_engine(kTestContext, 4);
    loop = std::make_unique<EngineLoop>(mini(), *engine, metrics, settings.loop);
    AdmissionOptions options;
    options.model_names = {"mini"};
    options.context = kTestContext;
    options.stream_buffer = settings.stream_buffer;
    options.personal_data.mode = settings.personal_data;
    adapters = std::make_unique<Adapters>(mini().loaded(), mini_backend(), *loop, metrics,
                                          settings.adapter_directory);
    admission =
        std::make_unique<Admission>(mini(), *loop, *adapters, *gate, metrics, std::move(options));
    service =
        std::make_unique<Service>(*admission, *loop, *adapters, *gate, metrics, ServiceOptions());
    rpc = std::make_unique<RpcService>(*admission, *adapters, *gate, metrics);
    CHECK(loop->start().is_ok());
    auto made = GrpcServer::open(*rpc, *loop, metrics, log, settings.grpc);
    CHECK(made.has_value());
    server = *std::move(made);
    channel = grpc::CreateChannel(address(), grpc::InsecureChannelCredentials());
    stub = v1::Hearth::NewStub(channel);
  }
  std::string address() const { return fmt::format("127.0.0.1:{}", server->port()); }

  // A counter or gauge, summed over its labels.
  double metric(const std::string& name) const {
    double sum = 0;
    std::istringstream lines(metrics.text());
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with(name + "{")) sum += std::stod(line.substr(line.rfind(' ')));
    }
    return sum;
  }
  bool wait_for_metric(const std::string& name, double value) const {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (metric(name) != value && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return metric(name) == value;
  }
  // Every request that was admitted has ended.
  bool wait_for_all() const {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    const auto all = [&] { return metric("hearth_requests_admitted_total") == ended(); };
    while (!all() && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return all();
  }
  double ended() const {
    return metric("hearth_requests_completed_total") + metric("hearth_requests_failed_total") +
           metric("hearth_requests_cancelled_total");
  }

  Metrics metrics{"mini"};
  RequestLog log{false, false};
  std::unique_ptr<Gate> gate;
  std::unique_ptr<Engine> engine;
  std::unique_ptr<EngineLoop> loop;
  std::unique_ptr<Adapters> adapters;
  std::unique_ptr<Admission> admission;
  std::unique_ptr<Service> service;
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
  std::vector<int32_t> ids;  // where log probabilities were asked for
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

}  // namespace hearth::serve
