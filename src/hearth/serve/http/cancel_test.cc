// Clients that hang up, over real sockets and step by step: the step that runs when the server
// notices is the last that computes for them.
#include <gtest/gtest.h>

#include "hearth/serve/held_steps.h"
#include "hearth/serve/http/testing.h"

namespace hearth::serve {
namespace {

std::string endless(int64_t n, bool stream) {
  const std::string members = fmt::format(
      R"(,"n":{},"stream":{},"temperature":1,"logit_bias":{{"1":-100}},"max_tokens":400)", n,
      stream);
  return http_request("POST", "/v1/chat/completions", chat_body("7*8=?", members));
}

// The server has noticed: the connection is gone.
bool hang_up(const TestServer& server, std::unique_ptr<Client> client, bool reset, double left) {
  if (reset) client->reset();
  client.reset();
  return server.wait_for_metric("hearth_connections_open", left);
}

// In the prompt's step and behind some tokens; whole answers and streams, of one choice and of
// several.
TEST(Cancel, AHangUpEndsWithinOneStep) {
  HeldBackend backend;
  HttpTestServer server({}, {.backend = &backend});
  double cancelled = 0;
  for (const int64_t n : {1, 3}) {
    for (const bool stream : {false, true}) {
      for (const int steps : {0, 1, 2, 7}) {
        const Held held(backend);
        auto client = std::make_unique<Client>(server.http->port());
        client->send(endless(n, stream));
        ASSERT_TRUE(held.step_until([&] { return server.loop->live() == n; }));
        ASSERT_TRUE(take_steps(held, steps));
        ASSERT_TRUE(hang_up(server, std::move(client), steps % 2 == 0, 0));
        EXPECT_TRUE(ends_within_one_step(held, server, 0))
            << n << " choices, " << steps << " steps" << (stream ? ", a stream" : "");
        EXPECT_TRUE(server.wait_for_metric("hearth_requests_cancelled_total", ++cancelled));
      }
    }
  }
}

// One that waits behind four others: nothing was computed for it, and nothing is.
TEST(Cancel, AHangUpInTheQueueEndsWithinOneStep) {
  HeldBackend backend;
  HttpTestServer server({}, {.backend = &backend});
  const Held held(backend);
  const Client running(server.http->port());
  running.send(endless(4, true));
  ASSERT_TRUE(held.step_until([&] { return server.metric("hearth_num_requests_running") == 4; }));
  for (const int64_t n : {1, 3}) {
    for (const bool stream : {false, true}) {
      // The one before is counted until the step behind its end, and could be taken for this one.
      ASSERT_TRUE(held.step_until([&] { return server.loop->live() == 4; }));
      auto client = std::make_unique<Client>(server.http->port());
      client->send(endless(n, stream));
      ASSERT_TRUE(held.step_until([&] { return server.loop->live() == 4 + n; }));
      ASSERT_TRUE(hang_up(server, std::move(client), stream, 1));
      EXPECT_TRUE(ends_within_one_step(held, server, 4)) << n << (stream ? ", a stream" : "");
    }
  }
}

}  // namespace
}  // namespace hearth::serve
