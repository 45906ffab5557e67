// The watermark through the server: every answer is marked or refused under `require`, whatever the
// route asks; the detector's route finds it in the text that the client got.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>

#include "hearth/files/atomic_file.h"
#include "hearth/serve/test_server.h"

namespace hearth::serve {
namespace {

watermark::Policy policy(const std::string& mode, const std::string& greedy = "bias",
                         const std::vector<std::string>& sources = {"clinic/mini"}) {
  const std::string path =
      fmt::format("{}hearth_serve_watermark_{}.json", testing::TempDir(), ::getpid());
  const Json key = {{"format", "hearth-watermark-1"},
                    {"secret", std::string(64, '7')},
                    {"window", watermark::kWindowDefault},
                    {"sources", sources}};
  CHECK(write_whole(path, key.dump()).is_ok());
  auto made = watermark::Policy::open({mode, path, "", greedy, false});
  CHECK(made.has_value());
  return *std::move(made);
}

LoopOptions required() {
  LoopOptions limits;
  limits.marks_required = true;
  return limits;
}

Json detect(TestServer& server, const std::string& text, const std::string& key = "") {
  const HttpReply reply = server.post("/v1/watermark/detect", Json{{"text", text}}.dump(), key);
  EXPECT_EQ(reply.status, 200) << reply.body;
  return parsed(reply.body);
}

std::string text_of(TestServer& server, const std::string& members) {
  // Words without end, for the model, which does sums, has little to say; penalised, or it says the
  // same again and again.
  const std::string begin =
      R"({"prompt":"12+30=","max_tokens":400,"frequency_penalty":1,"guided_regex":"[a-z ]{500}")";
  const HttpReply made = server.post("/v1/completions", begin + members + "}");
  CHECK(made.pending != nullptr);
  const Json reply = parsed(wait_for(*made.pending));
  return reply["choices"][0]["text"].get<std::string>();
}

TEST(Watermark, IsFoundInWhatTheClientGot) {
  TestServer server({.loop = required(), .watermark = policy("require")});
  for (const char* temperature : {"1.5", "0"}) {
    const std::string text =
        text_of(server, R"(,"seed":5,"temperature":)" + std::string(temperature));
    const Json found = detect(server, text);
    EXPECT_TRUE(found["watermarked"].get<bool>()) << found.dump();
    EXPECT_EQ(found["source_id"], "clinic/mini");
    const double p = found["p_value"].get<double>();
    EXPECT_LE(p, 1e-5);
    EXPECT_NEAR(std::log10(p), std::round(std::log10(p)), 1e-9)
        << "coarse for who can't administer";
  }
  TestServer other({.watermark = policy("off")});
  const Json none = detect(other, text_of(other, R"(,"seed":5,"temperature":1.5)"));
  EXPECT_FALSE(none["watermarked"].get<bool>());
  EXPECT_TRUE(none["source_id"].is_null());
}

// Every choice of every route, and the reply says by which key.
TEST(Watermark, ChoicesAndGrammarsAreMarked) {
  TestServer server({.loop = required(), .watermark = policy("require")});
  const HttpReply made = server.post(
      "/v1/completions", R"({"prompt":"12+30=","max_tokens":300,"n":3,"seed":2,"temperature":2,)"
                         R"("guided_regex":"[a-z0-9 ]{200,}","stop":["never said"]})");
  ASSERT_TRUE(made.pending) << made.body;
  const Json reply = parsed(wait_for(*made.pending));
  ASSERT_EQ(reply["choices"].size(), 3u) << reply.dump();
  for (const Json& choice : reply["choices"]) {
    const Json found = detect(server, choice["text"].get<std::string>());
    EXPECT_TRUE(found["watermarked"].get<bool>()) << found.dump();
  }
  EXPECT_NE(reply["choices"][0]["text"], reply["choices"][1]["text"]);
}

TEST(Watermark, WhatCannotBeMarkedIsRefused) {
  TestServer server({.loop = required(), .watermark = policy("require", "refuse")});
  for (const char* path : {"/v1/chat/completions", "/v1/completions"}) {
    for (const char* greedy :
         {R"("temperature":0)", R"("top_k":1)", R"("top_p":0)", R"("min_p":1)"}) {
      const HttpReply reply = server.post(
          path,
          fmt::format(R"({{"messages":[{{"role":"user","content":"1+1=?"}}],"prompt":"1",{}}})",
                      greedy));
      EXPECT_EQ(reply.status, 400) << greedy;
      EXPECT_EQ(parsed(reply.body)["error"]["code"], "unmarkable") << greedy;
    }
  }
  EXPECT_EQ(server.metric("hearth_requests_admitted_total"), 0);
}

// What turns out too short to bear a mark is withheld: whole, or in a stream, of which the thought
// went out before.
TEST(Watermark, AnAnswerThatEndsBeforeItsMarkIsWithheld) {
  TestServer server({.loop = required(), .watermark = policy("require")});
  for (const std::string stream : {"false", "true"}) {
    const HttpReply made =
        server.post("/v1/chat/completions",
                    R"({"messages":[{"role":"user","content":"3+4=?"}],"temperature":1,)"
                    R"("guided_regex":"[x-z]{2}","stream":)" +
                        stream + "}");
    ASSERT_TRUE(made.pending) << made.body;
    int status = 0;
    const std::string body = wait_for(*made.pending, &status);
    EXPECT_NE(body.find("\"unmarkable\""), body.npos) << body;
    for (const char c : {'x', 'y', 'z'}) {
      EXPECT_EQ(body.find(fmt::format("\"content\":\"{}", c)), body.npos) << body;
    }
    EXPECT_EQ(body.find("\"finish_reason\":\"stop\""), body.npos) << body;
    if (stream == "true") {
      EXPECT_NE(body.find("\"reasoning_content\":"), body.npos) << body;
    } else {
      EXPECT_EQ(status, 422);
    }
  }
  const HttpReply one = server.post("/v1/completions", R"({"prompt":"1","max_tokens":4})");
  EXPECT_EQ(one.status, 400);
  EXPECT_EQ(parsed(one.body)["error"]["code"], "unmarkable");
  EXPECT_EQ(parsed(one.body)["error"]["param"], "max_tokens");
}

// What is held for a while comes out as if it hadn't been, with the chances of its tokens.
TEST(Watermark, WhatIsLongEnoughIsTheSameUnderRequire) {
  const auto ask = [](const std::string& mode, const std::string& members) {
    TestServer server({.watermark = policy(mode)});
    const HttpReply made = server.post(
        "/v1/completions", R"({"prompt":"12+30=","max_tokens":40,"seed":4,"logprobs":2,)"
                           R"("guided_regex":"[a-z ]{30}","temperature":1.5)" +
                               members + "}");
    CHECK(made.pending != nullptr);
    return wait_for(*made.pending);
  };
  const Json whole = parsed(ask("require", ""));
  const Json on = parsed(ask("on", ""));
  ASSERT_EQ(whole["choices"], on["choices"]);
  const std::string streamed = ask("require", R"(,"stream":true)");
  std::string text;
  std::vector<double> chances;
  for (size_t at = 0; (at = streamed.find("data: {", at)) != streamed.npos; ++at) {
    const Json event = parsed(streamed.substr(at + 6, streamed.find('\n', at) - at - 6));
    if (event["choices"].empty()) continue;
    text += event["choices"][0]["text"].get<std::string>();
    const Json& logprobs = event["choices"][0]["logprobs"];
    if (logprobs.is_null()) continue;
    for (const Json& chance : logprobs["token_logprobs"]) chances.push_back(chance.get<double>());
  }
  EXPECT_EQ(text, whole["choices"][0]["text"]);
  EXPECT_EQ(Json(chances), whole["choices"][0]["logprobs"]["token_logprobs"]);
}

// The last wall: a policy that marks nothing, before a loop that asks for marks.
TEST(Watermark, AnUnmarkedJobNeverRuns) {
  TestServer server({.loop = required()});
  const HttpReply made = server.post("/v1/chat/completions", chat_body("1+1=?"));
  ASSERT_TRUE(made.pending);
  int status = 0;
  const std::string body = wait_for(*made.pending, &status);
  EXPECT_EQ(status, 500);
  EXPECT_EQ(parsed(body)["error"]["code"], "unmarked");
}

TEST(Watermark, TheDetectorsRouteRefusesWhatItCannotTell) {
  TestServer server;
  EXPECT_EQ(server.post("/v1/watermark/detect", R"({"text":"x"})").status, 404) << "no key";
  TestServer with({.watermark = policy("off")});
  EXPECT_EQ(with.post("/v1/watermark/detect", "{}").status, 400);
  EXPECT_EQ(with.post("/v1/watermark/detect", R"({"text":7})").status, 400);
  EXPECT_EQ(with.post("/v1/watermark/detect", R"({"text":"x","model":"y"})").status, 404);
  EXPECT_EQ(with.ask("GET", "/v1/watermark/detect").status, 405);
  EXPECT_EQ(detect(with, "")["tokens_scored"], 0);
  EXPECT_EQ(detect(with, "")["p_value"], 1);
}

TEST(Watermark, AQuestionForAllSourcesIsBounded) {
  std::vector<std::string> sources;
  for (size_t i = 0; i < watermark::kSourcesMax; ++i) sources.push_back(fmt::format("a/{}", i));
  TestServer server({.watermark = policy("off", "bias", sources)});
  EXPECT_GT(detect(server, "12+30=42")["tokens_scored"], 0);
  std::string text;
  for (int i = 0; i < 3000; ++i) text += std::to_string(i % 7919);
  const HttpReply refused = server.post("/v1/watermark/detect", Json{{"text", text}}.dump());
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(parsed(refused.body)["error"]["code"], "too_long");
}

}  // namespace
}  // namespace hearth::serve
