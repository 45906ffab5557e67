// /ready proves that a forward pass succeeded lately, requests or none; /health says only that the
// process lives.
#include <gtest/gtest.h>

#include "hearth/serve/held_backend.h"

namespace hearth::serve {
namespace {

using std::chrono::milliseconds;

TestSettings settings(HeldBackend& backend, double probe_seconds, double stuck_seconds) {
  TestSettings out;
  out.loop.probe_seconds = probe_seconds;
  out.loop.stuck_seconds = stuck_seconds;
  out.backend = &backend;
  return out;
}

int status_of(TestServer& server, const char* path) {
  return server.ask("GET", path).status;
}

void expect_ready(TestServer& server) {
  EXPECT_TRUE(TestServer::wait([&] { return status_of(server, "/ready") == 200; }));
}

void expect_not_ready(TestServer& server) {
  ASSERT_TRUE(TestServer::wait([&] { return status_of(server, "/ready") == 503; }));
  const HttpReply reply = server.ask("GET", "/ready");
  const Json error = parsed(reply.body)["error"];
  EXPECT_EQ(error["code"], "not_ready");
  EXPECT_EQ(error["message"], "no forward pass has succeeded lately");
  ASSERT_FALSE(reply.headers.empty());
  EXPECT_EQ(reply.headers[0].first, "Retry-After");
  EXPECT_EQ(status_of(server, "/health"), 200) << "it lives";
}

TEST(Readiness, AStepThatIsStuckIsNoticed) {
  HeldBackend backend;
  TestServer server(settings(backend, 0.02, 0.3));
  expect_ready(server);
  HttpReply asked;
  {
    const Held held(backend);
    asked = server.post("/v1/chat/completions", chat_body("12+30=?", R"(,"max_tokens":3)"));
    ASSERT_TRUE(asked.pending);
    ASSERT_TRUE(TestServer::wait([&] { return backend.waits(); }));
    expect_not_ready(server);
  }
  EXPECT_EQ(parsed(wait_for(*asked.pending))["usage"]["completion_tokens"], 3);
  expect_ready(server);
}

// An idle engine is asked for a token now and then: that alone keeps it ready.
TEST(Readiness, AnIdleServerProvesItself) {
  HeldBackend backend;
  {
    TestServer server(settings(backend, 0.02, 0.3));
    const int64_t before = backend.steps;
    ASSERT_TRUE(TestServer::wait([&] { return backend.steps >= before + 20; }));
    std::this_thread::sleep_for(milliseconds(400));  // longer than one may be stuck
    expect_ready(server);
  }
  TestServer unasked(settings(backend, 1000, 1));
  expect_not_ready(unasked);
  // Asked again if this thread came too late to see it.
  const auto ready_after_a_request = [&] {
    wait_for(*unasked.post("/v1/completions", R"({"prompt":"1","max_tokens":1})").pending);
    return status_of(unasked, "/ready") == 200;
  };
  EXPECT_TRUE(TestServer::wait(ready_after_a_request)) << "a request's own step proves as much";
}

TEST(Readiness, AProbeThatFailsProvesNothing) {
  HeldBackend backend;
  TestServer server(settings(backend, 0.02, 0.3));
  expect_ready(server);
  backend.broken = true;
  expect_not_ready(server);
}

}  // namespace
}  // namespace hearth::serve
