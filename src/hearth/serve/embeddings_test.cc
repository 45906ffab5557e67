// /v1/embeddings: vectors of the engine, whatever stands beside them; wrong requests; deadlines.
#include "hearth/serve/embeddings.h"

#include <openssl/evp.h>

#include <cmath>
#include <cstring>

#include "hearth/serve/held_backend.h"
#include "hearth/serve/request_timeout.h"

namespace hearth::serve {
namespace {

Json embed(TestServer& server, const std::string& body, int expected_status = 200) {
  const HttpReply reply = server.post("/v1/embeddings", body);
  int status = reply.status;
  const std::string text = reply.pending ? wait_for(*reply.pending, &status) : reply.body;
  EXPECT_EQ(status, expected_status) << text;
  return parsed(text);
}

std::vector<float> vector_of(const Json& reply, size_t index = 0) {
  return reply["data"][index]["embedding"].get<std::vector<float>>();
}

double dot(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  }
  return sum;
}

TEST(Embeddings, HaveLengthOneAndTheModelsWidth) {
  TestServer server;
  const Json reply = embed(server, R"({"input":["12+30=?","7*8=?"],"model":"mini","user":"u"})");
  EXPECT_EQ(reply["object"], "list");
  EXPECT_EQ(reply["model"], "mini");
  ASSERT_EQ(reply["data"].size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(reply["data"][i]["object"], "embedding");
    EXPECT_EQ(reply["data"][i]["index"], i);
    const std::vector<float> v = vector_of(reply, i);
    EXPECT_EQ(static_cast<int64_t>(v.size()), mini().model().info().hidden_size);
    EXPECT_NEAR(dot(v, v), 1, 1e-5);
  }
  EXPECT_LT(dot(vector_of(reply, 0), vector_of(reply, 1)), 0.9999);
  const auto tokens = static_cast<int64_t>(mini().plain("12+30=?", false).ids.size() +
                                           mini().plain("7*8=?", false).ids.size());
  EXPECT_EQ(reply["usage"]["prompt_tokens"], tokens);
  EXPECT_EQ(reply["usage"]["total_tokens"], tokens);
  EXPECT_EQ(server.metric("hearth_prompt_tokens_total"), static_cast<double>(tokens));
}

// Who asked stands in the audit log, as with chats.
TEST(Embeddings, TheAuditLogIsToldOfTheUser) {
  TestServer server;
  EmbeddingRequest request;
  const auto wrong = read_embeddings(R"({"input":"x","user":"patient-17"})", 495, 64, request);
  ASSERT_FALSE(wrong) << wrong->message;
  EXPECT_TRUE(request.ignored.empty());
  Admitted admitted;
  ASSERT_FALSE(server.admission->embed(std::move(request), Caller(), std::nullopt, admitted));
  EXPECT_EQ(admitted.facts.user, "patient-17");
}

TEST(Embeddings, AreTheMeanOfTheEnginesStates) {
  TestServer server;
  const std::vector<float> found = vector_of(embed(server, R"({"input":"12+30=?"})"));
  const auto engine = mini_engine(kContext, 1);
  TokenRequest request;
  request.prompt = mini().plain("12+30=?", false).ids;
  request.hidden = Hidden::every;
  TokenSink sink;
  Pooler pooler;
  sink.on_hidden = [&pooler](std::span<const float> state) { pooler.add(state); };
  ASSERT_TRUE(engine->submit(request, std::move(sink)).has_value());
  while (!engine->idle()) engine->step();
  EXPECT_EQ(found, pooler.embedding());
}

// The same bits alone, among others, again, as ids and in base64.
TEST(Embeddings, AreTheSameInEveryForm) {
  TestServer server;
  std::string many = R"({"input":["12+30=?")";
  for (size_t i = 0; i < 40; ++i) many += ",\"" + std::string(1 + 9 * i, 'a') + "\"";
  const std::vector<float> alone = vector_of(embed(server, R"({"input":"12+30=?"})"));
  const Json among = embed(server, many + "]}");
  EXPECT_EQ(among["data"].size(), 41u);
  EXPECT_EQ(vector_of(among), alone);
  EXPECT_EQ(vector_of(embed(server, R"({"input":"12+30=?"})")), alone);
  const Json ids = mini().plain("12+30=?", false).ids;
  EXPECT_EQ(vector_of(embed(server, R"({"input":)" + ids.dump() + "}")), alone);
  EXPECT_EQ(vector_of(embed(server, R"({"input":[)" + ids.dump() + "]}")), alone);
  const auto width = std::to_string(alone.size());
  const Json packed =
      embed(server, R"({"input":"12+30=?","encoding_format":"base64","dimensions":)" + width + "}");
  const auto text = packed["data"][0]["embedding"].get<std::string>();
  std::vector<unsigned char> bytes(text.size() / 4 * 3);
  EVP_DecodeBlock(bytes.data(), reinterpret_cast<const unsigned char*>(text.data()),
                  static_cast<int>(text.size()));
  std::vector<float> unpacked(alone.size());
  ASSERT_GE(bytes.size(), unpacked.size() * 4);
  std::memcpy(unpacked.data(), bytes.data(), unpacked.size() * 4);
  EXPECT_EQ(unpacked, alone);
}

TEST(Embeddings, MayFillTheContext) {
  TestServer server;
  const auto ids = [](int64_t count) {
    std::string out = "[5";
    for (int64_t i = 1; i < count; ++i) out += ",5";
    return R"({"input":)" + out + "]}";
  };
  embed(server, ids(kContext));
  EXPECT_EQ(embed(server, ids(kContext + 1), 400)["error"]["code"], "context_length_exceeded");
}

TEST(Embeddings, WrongRequests) {
  TestServer server;
  std::string too_many = R"({"input":["a")";
  for (int64_t i = 0; i < kEmbeddingInputsMax; ++i) too_many += R"(,"a")";
  std::string too_long = R"({"input":[[5)";
  for (int64_t i = 1; i < kContext; ++i) too_long += ",5";
  too_long += "]";
  const std::string one = too_long.substr(too_long.find("[5"));
  for (int64_t i = 0; i < kEmbeddingTokensMax / kContext; ++i) too_long += "," + one;
  const std::pair<std::string, const char*> cases[] = {
      {"{}", "input"},
      {R"({"input":null})", "input"},
      {R"({"input":""})", "input"},
      {R"({"input":[]})", "input"},
      {R"({"input":[[]]})", "input"},
      {R"({"input":["a",""]})", "input"},
      {R"({"input":["a",5]})", "input"},
      {R"({"input":[5,"a"]})", "input"},
      {R"({"input":[-1]})", "input"},
      {R"({"input":[2147483648]})", "input"},
      {R"({"input":{"a":1}})", "input"},
      {R"({"input":7})", "input"},
      {R"({"input":"a","encoding_format":"int8"})", "encoding_format"},
      {R"({"input":"a","encoding_format":1})", "encoding_format"},
      {R"({"input":"a","dimensions":8})", "dimensions"},
      {R"({"input":"a","dimensions":0})", "dimensions"},
      {R"({"input":"a","dimensions":"8"})", "dimensions"},
      {R"({"input":"a","model":5})", "model"},
      {too_many + "]}", "input"},
      {too_long + "]}", "input"}};
  for (const auto& [body, param] : cases) {
    const Json error = embed(server, body, 400)["error"];
    EXPECT_EQ(error["param"], param) << body.substr(0, 60) << error.dump();
  }
  EXPECT_EQ(embed(server, R"({"input":"a","model":"other"})", 404)["error"]["param"], "model");
}

// A request of many texts takes few places, and lets others in between.
TEST(Embeddings, ManyTextsFitASmallQueue) {
  LoopOptions limits;
  limits.sequences_max = 2;
  TestServer server({.loop = limits});
  std::string body = R"({"input":["a")";
  for (int i = 1; i < 60; ++i) body += R"(,"b")";
  EXPECT_EQ(embed(server, body + "]}")["data"].size(), 60u);
  EXPECT_EQ(server.metric("hearth_requests_completed_total"), 1);
  EXPECT_EQ(server.loop->live(), 0);
}

TEST(Embeddings, AnAdapterChangesThem) {
  TestServer server;
  test::write_random_adapter(server.folder / "one", mini().model(), {{"o_proj"}, 2, 0.5, 3});
  const HttpReply loaded = server.post("/v1/adapters", R"({"name":"one","path":"one"})");
  ASSERT_EQ(loaded.status, 200) << loaded.body;
  const Json bare = embed(server, R"({"input":"12+30=?"})");
  const Json with = embed(server, R"({"input":"12+30=?","model":"mini:one"})");
  EXPECT_EQ(with["model"], "mini:one");
  EXPECT_NE(vector_of(with), vector_of(bare));
}

TEST(Embeddings, AreGivenUpWithTheirConnection) {
  TestServer server;
  std::string body = R"({"input":["a")";
  for (int i = 1; i < 2000; ++i) body += R"(,"abcdefgh")";
  HttpReply reply = server.post("/v1/embeddings", body + "]}");
  ASSERT_TRUE(reply.pending);
  reply.pending.reset();
  EXPECT_TRUE(server.wait_for_all());
  EXPECT_EQ(server.loop->live(), 0);
  EXPECT_EQ(server.metric("hearth_requests_failed_total"), 0);
}

TEST(RequestTimeout, IsSecondsOrMilliseconds) {
  using Clock = std::chrono::steady_clock;
  const auto seconds = [](std::string_view header) {
    std::optional<Clock::time_point> deadline;
    const auto before = Clock::now();
    EXPECT_FALSE(read_request_timeout(header, deadline)) << header;
    EXPECT_TRUE(deadline.has_value());
    return deadline ? std::chrono::duration<double>(*deadline - before).count() : 0;
  };
  EXPECT_NEAR(seconds("30"), 30, 1);
  EXPECT_NEAR(seconds("2.5s"), 2.5, 1);
  EXPECT_NEAR(seconds("1500ms"), 1.5, 1);
  EXPECT_NEAR(seconds("86400"), 86400, 1);
  std::optional<Clock::time_point> none;
  EXPECT_FALSE(read_request_timeout("", none));
  EXPECT_FALSE(none.has_value());
  for (const char* wrong : {"0", "-1", "+1", "86401", "1e3", "nan", "inf", "s", "ms", "1 s", "1m",
                            "0x1", "1.2.3", "1ss", "99999999999999999999999999"}) {
    const auto error = read_request_timeout(wrong, none);
    ASSERT_TRUE(error.has_value()) << wrong;
    EXPECT_EQ(error->status, 400);
    EXPECT_EQ(error->param, "X-Request-Timeout");
    EXPECT_FALSE(none.has_value());
  }
}

// Waiting in the queue counts: the answer before it is endless.
TEST(RequestTimeout, EndsWhatWaitsAndWhatRuns) {
  HeldBackend backend;
  TestServer server({.backend = &backend});
  const Held held(backend);
  const std::string endless = chat_body("7*8=?", R"(,"stream":true,"temperature":1,)"
                                                 R"("logit_bias":{"1":-100},"max_tokens":400)");
  std::vector<HttpReply> running;
  for (int i = 0; i < 4; ++i) running.push_back(server.post("/v1/chat/completions", endless));
  ASSERT_TRUE(held.step_until([&] { return server.metric("hearth_num_requests_running") == 4; }));
  for (const std::string& body : {endless, chat_body("1+1=?")}) {
    RequestHead head;
    head.method = "POST";
    head.target = "/v1/chat/completions";
    head.host = "localhost";
    head.request_timeout = "20ms";
    RequestContext context;
    ASSERT_FALSE(server.service->refuse(head, context).has_value());
    ASSERT_TRUE(context.deadline.has_value());
    const HttpReply reply = server.service->handle(head, context, body);
    ASSERT_TRUE(reply.pending);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    std::optional<HttpReply> whole;
    ASSERT_TRUE(held.step_until([&] {
      whole = reply.pending->poll(false).whole;
      return whole.has_value();
    }));
    const Json error = parsed(whole->body)["error"];
    EXPECT_EQ(whole->status, 408);
    EXPECT_EQ(error["code"], "deadline_exceeded");
  }
  EXPECT_EQ(server.metric("hearth_requests_failed_total"), 2);
}

}  // namespace
}  // namespace hearth::serve
