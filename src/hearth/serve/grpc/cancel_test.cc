// Calls that are cancelled, step by step: the step that runs when the server notices is the last
// that computes for them.
#include "hearth/serve/grpc/testing.h"
#include "hearth/serve/held_steps.h"

namespace hearth::serve {
namespace {

v1::ChatRequest endless_choices(int64_t n) {
  v1::ChatRequest request = endless_question();
  request.mutable_options()->set_n(static_cast<int32_t>(n));
  return request;
}

struct OpenCall {
  OpenCall(RpcTestServer& server, const v1::ChatRequest& request)
      : reader(server.stub->Chat(&context, request)) {}
  // The server has noticed.
  bool cancel(const RpcTestServer& server, double left) {
    context.TryCancel();
    EXPECT_EQ(read_all(*reader).status.error_code(), grpc::StatusCode::CANCELLED);
    return server.wait_for_metric("hearth_grpc_calls_open", left);
  }

  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReader<v1::GenerateResponse>> reader;
};

// In the prompt's step, and behind each of the first messages.
TEST(GrpcCancel, EndsWithinOneStep) {
  HeldBackend backend;
  RpcTestServer server({.backend = &backend});
  for (const int64_t n : {1, 3}) {
    for (int messages = 0; messages < 8; ++messages) {
      const Held held(backend);
      OpenCall call(server, endless_choices(n));
      ASSERT_TRUE(held.step_until([&] { return server.loop->live() == n; }));
      v1::GenerateResponse part;
      for (int i = 0; i < messages; ++i) {
        ASSERT_TRUE(take_steps(held, 1));
        if (i > 0) {
          ASSERT_TRUE(call.reader->Read(&part));
        }
      }
      ASSERT_TRUE(call.cancel(server, 0));
      EXPECT_TRUE(ends_within_one_step(held, server, 0)) << n << " behind " << messages;
    }
  }
  EXPECT_TRUE(server.wait_for_metric("hearth_requests_cancelled_total", 16));
}

TEST(GrpcCancel, InTheQueueEndsWithinOneStep) {
  HeldBackend backend;
  RpcTestServer server({.backend = &backend});
  const Held held(backend);
  OpenCall running(server, endless_choices(4));
  ASSERT_TRUE(held.step_until([&] { return server.metric("hearth_num_requests_running") == 4; }));
  for (const int64_t n : {1, 3}) {
    OpenCall waiting(server, endless_choices(n));
    ASSERT_TRUE(held.step_until([&] { return server.loop->live() == 4 + n; }));
    ASSERT_TRUE(waiting.cancel(server, 1));
    EXPECT_TRUE(ends_within_one_step(held, server, 4)) << n;
  }
  running.context.TryCancel();
}

}  // namespace
}  // namespace hearth::serve
