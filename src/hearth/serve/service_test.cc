// The service over the bundled model, without sockets: answers are the engine's, every admitted
// request is counted once when it ends, whatever its client does meanwhile.
#include "hearth/serve/service.h"

#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <thread>

#include "hearth/serve/held_backend.h"

namespace hearth::serve {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

TEST(Service, AStreamSaysWhatTheWholeReplySays) {
  TestServer server;
  const HttpReply whole = server.post("/v1/chat/completions", chat_body("12+30=?"));
  ASSERT_TRUE(whole.pending);
  const Json reply = parsed(wait_for(*whole.pending));
  const Json& message = reply["choices"][0]["message"];
  EXPECT_NE(message["content"].get<std::string>().find("42"), std::string::npos);
  const HttpReply stream = server.post(
      "/v1/chat/completions",
      chat_body("12+30=?", R"(,"stream":true,"stream_options":{"include_usage":true})"));
  std::istringstream events(wait_for(*stream.pending));
  std::string text, thought, last;
  Json usage;
  for (std::string line; std::getline(events, line);) {
    if (line.empty()) continue;
    last = line;
    if (line == "data: [DONE]") continue;
    const Json chunk = parsed(line.substr(6));
    if (!chunk["usage"].is_null()) usage = chunk["usage"];
    if (chunk["choices"].empty()) continue;
    const Json& delta = chunk["choices"][0]["delta"];
    if (delta.contains("content")) text += delta["content"].get<std::string>();
    if (delta.contains("reasoning_content")) thought += delta["reasoning_content"];
  }
  EXPECT_EQ(last, "data: [DONE]");
  EXPECT_EQ(text, message["content"]);
  EXPECT_EQ(thought, message["reasoning_content"]);
  EXPECT_EQ(usage, reply["usage"]);
}

TEST(Service, ChoicesLogprobsAndStops) {
  TestServer server;
  const HttpReply made = server.post(
      "/v1/chat/completions",
      chat_body("12+30=?", R"(,"n":3,"seed":7,"temperature":1,"logprobs":true,"top_logprobs":2)"));
  const Json reply = parsed(wait_for(*made.pending));
  ASSERT_EQ(reply["choices"].size(), 3u);
  for (const Json& choice : reply["choices"]) {
    const Json& tokens = choice["logprobs"]["content"];
    std::string text;
    for (const Json& t : tokens) {
      EXPECT_LE(t["logprob"].get<double>(), 0);
      EXPECT_EQ(t["top_logprobs"].size(), 2u);
      text += t["token"].get<std::string>();
    }
    const auto content = choice["message"]["content"].get<std::string>();
    // The line breaks after the thought are tokens, and no part of the reply.
    EXPECT_TRUE(text.substr(text.find_first_not_of('\n')).starts_with(content)) << text;
    EXPECT_FALSE(choice["logprobs"]["reasoning_content"].empty());
  }
  const HttpReply stopped =
      server.post("/v1/chat/completions", chat_body("12+30=?", R"(,"stop":["=4"])"));
  const Json cut = parsed(wait_for(*stopped.pending));
  EXPECT_EQ(cut["choices"][0]["message"]["content"], "12+30");
  EXPECT_EQ(cut["choices"][0]["finish_reason"], "stop");
}

TEST(Service, ABiasChoosesTheToken) {
  TestServer server;
  const HttpReply made = server.post(
      "/v1/completions", R"({"prompt":"12","max_tokens":3,"logit_bias":{"20":100},"echo":true})");
  const std::string token(mini().tokenizer().token_bytes(20));
  EXPECT_EQ(parsed(wait_for(*made.pending))["choices"][0]["text"], "12" + token + token + token);
}

TEST(Service, EachWrongRequestIsOneClearAnswer) {
  TestServer server;
  const std::string lots(20 * kContext, '7');
  const struct {
    const char* path;
    std::string body;
    int status;
    const char* code;
  } cases[] = {
      {"/v1/chat/completions", "{", 400, "invalid_json"},
      {"/v1/chat/completions", chat_body("a", R"(,"model":"other")"), 404, "model_not_found"},
      {"/v1/chat/completions", chat_body(lots), 400, "context_length_exceeded"},
      {"/v1/completions", R"({"prompt":")" + lots + "\"}", 400, "context_length_exceeded"},
      {"/v1//chat/completions", "{}", 404, "not_found"},
      {"/V1/chat/completions", "{}", 404, "not_found"},
      {"/v1/chat/completions/", "{}", 404, "not_found"},
      {"/v1/%63hat/completions", "{}", 404, "not_found"},
      {"/health", "{}", 405, "method_not_allowed"},
      {"http://localhost/v1/chat/completions", "{}", 400, "bad_target"},
  };
  for (const auto& c : cases) {
    const HttpReply reply = server.post(c.path, c.body);
    EXPECT_EQ(reply.status, c.status) << c.path << c.body.substr(0, 60);
    EXPECT_FALSE(reply.pending);
    EXPECT_EQ(parsed(reply.body)["error"]["code"], c.code) << reply.body;
  }
  EXPECT_EQ(server.metric("hearth_requests_admitted_total"), 0);
}

TEST(Service, AFullQueueSaysWhenToComeAgain) {
  LoopOptions limits;
  limits.sequences_max = 2;
  TestServer server({.loop = limits});
  const std::string body = chat_body("12+30=?", R"(,"n":2,"temperature":100)");
  const HttpReply first = server.post("/v1/chat/completions", body);
  ASSERT_TRUE(first.pending);
  const HttpReply second = server.post("/v1/chat/completions", body);
  EXPECT_EQ(second.status, 503);
  EXPECT_EQ(second.headers[0].first, "Retry-After");
  first.pending->abandon(Abandon::disconnected);
  int status = 0;
  wait_for(*first.pending, &status);
  EXPECT_EQ(status, 503);
  EXPECT_EQ(server.metric("hearth_requests_cancelled_total"), 1);
  server.loop->drain();
  EXPECT_EQ(server.post("/v1/chat/completions", chat_body("a")).status, 503);
  EXPECT_FALSE(server.loop->ready());
}

TEST(Service, ThePageNeedsNoKeyAndStaysTheSame) {
  TestServer server;
  RequestHead head;
  head.method = "GET";
  head.host = "localhost";
  RequestContext context;
  for (const char* path : {"/", "/page/app.js", "/page/katex/katex.min.js"}) {
    head.target = path;
    head.if_none_match = "";
    ASSERT_FALSE(server.service->refuse(head, context)) << path;
    const HttpReply reply = server.service->handle(head, context, "");
    EXPECT_EQ(reply.status, 200);
    EXPECT_GT(reply.body.size(), 1000u) << path;
    ASSERT_EQ(reply.headers[0].first, "ETag");
    head.if_none_match = "W/\"other\", " + reply.headers[0].second;
    const HttpReply again = server.service->handle(head, context, "");
    EXPECT_EQ(again.status, 304);
    EXPECT_TRUE(again.body.empty());
  }
  head.target = "/page/nothing.js";
  EXPECT_EQ(server.service->refuse(head, context)->status, 404);
}

// A page of an allowed origin learns every method that a route has.
TEST(Service, APreflightNamesEveryMethod) {
  GateOptions access;
  access.cors_origins = {"https://example.org"};
  TestServer server({.access = access});
  RequestHead head;
  head.method = "OPTIONS";
  head.target = "/v1/adapters/law";
  head.host = "localhost";
  head.origin = "https://example.org";
  RequestContext context;
  const auto reply = server.service->refuse(head, context);
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->status, 204);
  EXPECT_EQ(reply->headers[0].second, "GET, POST, DELETE");
}

// Not 503, which a proxy tries again on another server.
TEST(Service, AnAnswerThatTakesTooLongIsCut) {
  LoopOptions limits;
  limits.request_seconds = 0.02;
  TestServer server({.loop = limits});
  const HttpReply reply = server.post(
      "/v1/chat/completions",
      chat_body("7*8=?", R"(,"temperature":1,"logit_bias":{"1":-100},"max_tokens":400)"));
  ASSERT_TRUE(reply.pending);
  int status = 0;
  const Json error = parsed(wait_for(*reply.pending, &status))["error"];
  EXPECT_EQ(status, 504);
  EXPECT_EQ(error["type"], "server_error");
  EXPECT_EQ(error["code"], "deadline_exceeded");
}

// Who was told that its answer is complete finds its room free.
TEST(Service, AnEndedAnswerHoldsNoRoom) {
  LoopOptions limits;
  limits.sequences_max = 1;
  TestServer server({.loop = limits});
  for (int i = 0; i < 300; ++i) {
    const HttpReply reply =
        server.post("/v1/completions", R"({"prompt":"1","max_tokens":1,"temperature":0})");
    ASSERT_TRUE(reply.pending) << "at " << i << ": " << reply.body;
    while (!reply.pending->poll(false).whole) {
    }
  }
}

TEST(Service, AStreamThatNobodyReadsIsGivenUp) {
  TestServer server({.stream_buffer = 512});
  const HttpReply made = server.post(
      "/v1/chat/completions",
      chat_body("12+30=?", R"(,"stream":true,"temperature":100,"logprobs":true,"max_tokens":400)"));
  ASSERT_TRUE(made.pending);
  const auto end = steady_clock::now() + std::chrono::seconds(60);
  while (server.metric("hearth_requests_cancelled_total") == 0 && steady_clock::now() < end) {
    std::this_thread::sleep_for(milliseconds(5));
  }
  EXPECT_EQ(server.metric("hearth_requests_cancelled_total"), 1);
}

// From admission, not from the step that looks at it first: what waits behind four others has
// waited.
TEST(Service, QueueTimeIsCountedOnceForEachRequest) {
  HeldBackend backend;
  TestServer server({.backend = &backend});
  auto held = std::make_unique<Held>(backend);
  const auto queued = [&] { return server.metric("hearth_request_queue_time_seconds_count"); };
  const auto waited = [&] { return server.metric("hearth_request_queue_time_seconds_sum"); };
  HttpReply first =
      server.post("/v1/chat/completions",
                  chat_body("7*8=?", R"(,"n":4,"temperature":1,"logit_bias":{"1":-100})"));
  ASSERT_TRUE(first.pending);
  ASSERT_TRUE(held->step_until([&] { return server.metric("hearth_num_requests_running") == 4; }));
  EXPECT_EQ(queued(), 1) << "four choices are one request";
  const double before = waited();
  const HttpReply second = server.post("/v1/embeddings", R"({"input":["1","2"]})");
  ASSERT_TRUE(second.pending);
  std::this_thread::sleep_for(milliseconds(50));
  first.pending->abandon(Abandon::disconnected);
  held.reset();
  wait_for(*second.pending);
  EXPECT_EQ(queued(), 2);
  EXPECT_GE(waited() - before, 0.05);
}

// Clients of all kinds from several threads: whole, streamed, gone at some time, wrong.
TEST(Service, EveryAdmittedRequestIsCountedOnce) {
  TestServer server;
  std::vector<std::thread> clients;
  for (unsigned c = 0; c < 4; ++c) {
    clients.emplace_back([&server, c] {
      std::mt19937 random(c);
      for (int i = 0; i < 8; ++i) {
        const bool gone = random() % 3 == 0;
        const std::string members = std::string(R"(,"temperature":1,"max_tokens":20)") +
                                    (random() % 2 ? R"(,"stream":true)" : "") +
                                    (random() % 4 ? "" : R"(,"n":3)") +
                                    (random() % 8 ? "" : R"(,"top_p":2)");
        HttpReply reply = server.post("/v1/chat/completions", chat_body("1+2=?", members));
        if (!reply.pending) continue;
        reply.pending->set_listener([] {});
        if (gone) std::this_thread::sleep_for(milliseconds(random() % 20));
        if (!gone) wait_for(*reply.pending);
      }
    });
  }
  for (std::thread& client : clients) client.join();
  server.loop->stop();
  const double admitted = server.metric("hearth_requests_admitted_total");
  EXPECT_GT(admitted, 0);
  EXPECT_EQ(admitted, server.metric("hearth_requests_completed_total") +
                          server.metric("hearth_requests_failed_total") +
                          server.metric("hearth_requests_cancelled_total"));
  EXPECT_EQ(server.loop->live(), 0);
}

}  // namespace
}  // namespace hearth::serve
