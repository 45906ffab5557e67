// The server as gRPC clients meet it: answers are HTTP's, errors name what is wrong, and whatever a
// client does, each admitted request is counted once when it ends.
#include "hearth/serve/grpc/grpc_server.h"

#include <grpc/health/v1/health.grpc.pb.h>

#include <atomic>
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>

#include "hearth/base/sha256.h"
#include "hearth/files/json.h"
#include "hearth/serve/grpc/testing.h"

namespace hearth::serve {
namespace {

using std::chrono::milliseconds;

std::string key_line(const std::string& name, const std::string& key, const std::string& rest) {
  Sha256 hash;
  hash.update(key);
  return fmt::format("{} sha256:{}{}\n", name, hash.hex(), rest);
}

GateOptions access_with_keys() {
  const std::string path = testing::TempDir() + "grpc_keys.txt";
  std::ofstream(path) << key_line("alice", "right", "") << key_line("slow", "slow", " rpm=1")
                      << key_line("watcher", "watch", " scopes=metrics");
  GateOptions access;
  access.keys_path = path;
  return access;
}

grpc::Status chat_with(v1::Hearth::Stub& stub, const std::string& authorization,
                       std::optional<int64_t> priority = std::nullopt) {
  grpc::ClientContext context;
  if (!authorization.empty()) context.AddMetadata("authorization", authorization);
  v1::ChatRequest request = question("1+2=?");
  request.mutable_options()->set_max_tokens(2);
  if (priority) request.mutable_options()->set_priority(*priority);
  return read_all(*stub.Chat(&context, request)).status;
}

// The guard stands on the way that both protocols take.
TEST(Grpc, PersonalDataMeetsTheSamePolicy) {
  const std::string text = "call 13812345678, 12+30=?";
  {
    RpcTestServer server({.personal_data = pii::Mode::block});
    const Answer answer = ask(*server.stub, question(text));
    EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_EQ(answer.status.error_message().find("13812345678"), std::string::npos);
    EXPECT_TRUE(ask(*server.stub, question("12+30=?")).status.ok());
  }
  RpcTestServer server({.personal_data = pii::Mode::mask});
  v1::ChatRequest request = question(text);
  request.mutable_options()->set_max_tokens(3);
  const Answer answer = ask(*server.stub, request);
  EXPECT_TRUE(answer.status.ok());
  EXPECT_EQ(server.metric("hearth_personal_data_total"), 1);
}

TEST(Grpc, AStreamIsHttpsAnswerTokenForToken) {
  RpcTestServer server;
  const Json whole = http_answer(server, R"({"messages":[{"role":"user","content":"37*48=?"}],
      "seed":7,"temperature":0.8,"logprobs":true,"top_logprobs":2})");
  v1::ChatRequest request = question("37*48=?");
  request.mutable_options()->set_seed(7);
  request.mutable_options()->set_temperature(0.8);
  request.mutable_options()->set_logprobs(2);
  const Answer answer = ask(*server.stub, request);
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  const Json& choice = whole["choices"][0];
  EXPECT_EQ(answer.content, choice["message"]["content"]);
  EXPECT_EQ(answer.reasoning, choice["message"]["reasoning_content"]);
  EXPECT_EQ(answer.finish, v1::FINISH_REASON_STOP);
  EXPECT_FALSE(answer.content.empty());
  const Json& usage = whole["usage"];
  EXPECT_EQ(answer.usage.prompt_tokens(), usage["prompt_tokens"]);
  EXPECT_EQ(answer.usage.completion_tokens(), usage["completion_tokens"]);
  std::string text, told;
  for (int32_t id : answer.ids) text += mini().tokenizer().token_bytes(id);
  for (const char* list : {"reasoning_content", "content"}) {
    for (const Json& token : choice["logprobs"][list]) told += token["token"].get<std::string>();
  }
  EXPECT_EQ(text, told);
  for (const char* histogram : {"request_queue_time", "time_to_first_token"}) {
    EXPECT_EQ(server.metric(fmt::format("hearth_{}_seconds_count", histogram)), 2) << histogram;
  }
}

TEST(Grpc, GenerateTakesTextAndTokens) {
  RpcTestServer server;
  v1::TokenizeRequest asked;
  asked.set_prompt("12+30=");
  asked.set_with_pieces(true);
  v1::TokenizeResponse tokens;
  grpc::ClientContext first, second, third;
  ASSERT_TRUE(server.stub->Tokenize(&first, asked, &tokens).ok());
  EXPECT_EQ(tokens.pieces_size(), tokens.tokens_size());
  EXPECT_EQ(tokens.max_model_len(), kContext);
  v1::GenerateRequest request;
  request.set_text("12+30=");
  request.mutable_options()->set_max_tokens(4);
  request.mutable_options()->set_temperature(0);
  const Answer by_text = read_all(*server.stub->Generate(&second, request));
  *request.mutable_tokens()->mutable_ids() = tokens.tokens();
  const Answer by_tokens = read_all(*server.stub->Generate(&third, request));
  EXPECT_TRUE(by_text.status.ok()) << by_text.status.error_message();
  EXPECT_EQ(by_text.content, by_tokens.content);
  EXPECT_EQ(by_text.usage.completion_tokens(), 4);
  EXPECT_EQ(by_text.finish, v1::FINISH_REASON_LENGTH);
}

TEST(Grpc, AnAnswerKeepsTheFormThatWasAskedFor) {
  RpcTestServer server;
  v1::GenerateRequest request;
  request.set_text("12+30=");
  const auto content = [&] {
    grpc::ClientContext context;
    const Answer answer = read_all(*server.stub->Generate(&context, request));
    EXPECT_TRUE(answer.status.ok()) << answer.status.error_message();
    EXPECT_EQ(answer.finish, v1::FINISH_REASON_STOP);
    return answer.content;
  };
  request.mutable_options()->set_guided_regex("a{5}");
  EXPECT_EQ(content(), "aaaaa");
  request.mutable_options()->clear_guided_regex();
  request.mutable_options()->set_guided_json(R"({"const":true})");
  EXPECT_EQ(content(), "true");
}

TEST(Grpc, ModelsAndRequestIds) {
  RpcTestServer server;
  grpc::ClientContext context;
  context.AddMetadata("x-request-id", "mine-1");
  v1::ListModelsResponse models;
  ASSERT_TRUE(server.stub->ListModels(&context, {}, &models).ok());
  ASSERT_EQ(models.models_size(), 1);
  EXPECT_EQ(models.models(0).id(), "mini");
  EXPECT_EQ(context.GetServerInitialMetadata().find("x-request-id")->second, "mine-1");
}

struct WrongRequest {
  const char* field;
  std::function<void(v1::ChatRequest&)> spoil;
};

const std::vector<WrongRequest>& wrong_requests() {
  static const double kNan = std::numeric_limits<double>::quiet_NaN();
  static const std::vector<WrongRequest> all = {
      {"messages", [](auto& r) { r.clear_messages(); }},
      {"messages", [](auto& r) { r.mutable_messages(0)->set_content(std::string(9000, '7')); }},
      {"messages[0].role", [](auto& r) { r.mutable_messages(0)->set_role("emperor"); }},
      {"messages[0].content", [](auto& r) { r.mutable_messages(0)->clear_content(); }},
      {"n", [](auto& r) { r.mutable_options()->set_n(1'000'000); }},
      {"n", [](auto& r) { r.mutable_options()->set_n(0); }},
      {"max_tokens", [](auto& r) { r.mutable_options()->set_max_tokens(0); }},
      {"max_tokens", [](auto& r) { r.mutable_options()->set_max_tokens(INT64_MAX); }},
      {"temperature", [](auto& r) { r.mutable_options()->set_temperature(-1); }},
      {"temperature", [](auto& r) { r.mutable_options()->set_temperature(kNan); }},
      {"top_p", [](auto& r) { r.mutable_options()->set_top_p(1e308); }},
      {"top_k", [](auto& r) { r.mutable_options()->set_top_k(INT64_MIN); }},
      {"min_p", [](auto& r) { r.mutable_options()->set_min_p(HUGE_VAL); }},
      {"repetition_penalty", [](auto& r) { r.mutable_options()->set_repetition_penalty(0); }},
      {"top_logprobs", [](auto& r) { r.mutable_options()->set_logprobs(1'000'000); }},
      {"logit_bias", [](auto& r) { (*r.mutable_options()->mutable_logit_bias())[-1] = 1; }},
      {"logit_bias", [](auto& r) { (*r.mutable_options()->mutable_logit_bias())[1] = kNan; }},
      {"stop", [](auto& r) { r.mutable_options()->add_stop(); }},
      {"guided_json", [](auto& r) { r.mutable_options()->set_guided_json("{"); }},
      {"guided_regex", [](auto& r) { r.mutable_options()->set_guided_regex("("); }},
      {"guided_grammar", [](auto& r) { r.mutable_options()->set_guided_grammar("root"); }},
      {"tools", [](auto& r) { r.add_tools(); }},
      {"tools", [](auto& r) { r.add_tools()->mutable_function()->set_parameters("{"); }},
      {"tool_choice", [](auto& r) { r.set_tool_choice("sometimes"); }},
      {"tool_choice", [](auto& r) { r.set_tool_choice_function("nobody"); }},
      {"thinking_budget", [](auto& r) { r.set_thinking_budget(-1); }},
      {"reasoning_effort", [](auto& r) { r.set_reasoning_effort("utmost"); }},
      {"stop",
       [](auto& r) {
         for (int i = 0; i < 10'000; ++i) r.mutable_options()->add_stop(std::string(1, 'a'));
       }},
      {"chat_template_kwargs",
       [](auto& r) { (*r.mutable_chat_template_kwargs())["messages"].set_string_value("a"); }},
      {"chat_template_kwargs",
       [](auto& r) { (*r.mutable_chat_template_kwargs())["a"].mutable_list_value(); }},
  };
  return all;
}

TEST(Grpc, EachWrongFieldIsNamedBesideAnUnbrokenStream) {
  RpcTestServer server;
  grpc::ClientContext neighbours;
  const auto neighbour = server.stub->Chat(&neighbours, endless_question());
  for (const WrongRequest& wrong : wrong_requests()) {
    v1::ChatRequest request = question("1+2=?");
    wrong.spoil(request);
    const grpc::Status status = ask(*server.stub, request).status;
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << wrong.field;
    EXPECT_EQ(wrong_field(status), wrong.field) << status.error_message();
  }
  v1::ChatRequest other = question("1+2=?");
  other.set_model("other");
  const grpc::Status status = ask(*server.stub, other).status;
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(detail_of<google::rpc::ErrorInfo>(status).reason(), "model_not_found");
  v1::GenerateRequest prompt;
  grpc::ClientContext first, second;
  EXPECT_EQ(wrong_field(read_all(*server.stub->Generate(&first, prompt)).status), "prompt");
  prompt.mutable_tokens()->add_ids(-1);
  EXPECT_EQ(wrong_field(read_all(*server.stub->Generate(&second, prompt)).status), "prompt");
  const Answer whole = read_all(*neighbour);
  EXPECT_TRUE(whole.status.ok());
  EXPECT_EQ(whole.finish, v1::FINISH_REASON_LENGTH);
  EXPECT_EQ(whole.usage.prompt_tokens() + whole.usage.completion_tokens(), kContext);
}

TEST(Grpc, KeysScopesAndRates) {
  RpcTestServer server({.access = access_with_keys()});
  const struct {
    const char* authorization;
    grpc::StatusCode code;
  } cases[] = {
      {"", grpc::StatusCode::UNAUTHENTICATED},
      {"right", grpc::StatusCode::UNAUTHENTICATED},
      {"Bearer ", grpc::StatusCode::UNAUTHENTICATED},
      {"Bearer wrong", grpc::StatusCode::UNAUTHENTICATED},
      {"Bearer watch", grpc::StatusCode::PERMISSION_DENIED},
      {"Bearer right", grpc::StatusCode::OK},
      {"Bearer slow", grpc::StatusCode::OK},
      {"Bearer slow", grpc::StatusCode::RESOURCE_EXHAUSTED},
  };
  for (const auto& c : cases) {
    const grpc::Status status = chat_with(*server.stub, c.authorization);
    EXPECT_EQ(status.error_code(), c.code) << c.authorization << ": " << status.error_message();
    if (c.code == grpc::StatusCode::RESOURCE_EXHAUSTED) {
      EXPECT_GT(detail_of<google::rpc::RetryInfo>(status).retry_delay().seconds(), 0);
    }
  }
  grpc::ClientContext context;
  v1::ListModelsResponse models;
  EXPECT_EQ(server.stub->ListModels(&context, {}, &models).error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(server.metric("hearth_requests_admitted_total"), 2);
  EXPECT_EQ(chat_with(*server.stub, "Bearer right", -1).error_code(),
            grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_TRUE(chat_with(*server.stub, "Bearer right", 7).ok());
  EXPECT_EQ(wrong_field(chat_with(*server.stub, "Bearer right", 101)), "priority");
}

TEST(Grpc, ACancelFreesTheEngine) {
  RpcTestServer server;
  for (int i = 1; i <= 5; ++i) {
    grpc::ClientContext context;
    const auto reader = server.stub->Chat(&context, endless_question());
    v1::GenerateResponse part;
    ASSERT_TRUE(reader->Read(&part));
    context.TryCancel();
    EXPECT_EQ(read_all(*reader).status.error_code(), grpc::StatusCode::CANCELLED);
    EXPECT_TRUE(server.wait_for_metric("hearth_requests_cancelled_total", i));
    EXPECT_EQ(server.loop->live(), 0);
  }
  EXPECT_TRUE(server.wait_for_metric("hearth_grpc_calls_open", 0));
}

TEST(Grpc, ADeadlineEndsTheAnswer) {
  RpcTestServer server;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + milliseconds(40));
  v1::ChatRequest request = endless_question();
  request.mutable_options()->set_n(4);
  const Answer cut = read_all(*server.stub->Chat(&context, request));
  EXPECT_EQ(cut.status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_TRUE(server.wait_for_all());
  EXPECT_EQ(server.loop->live(), 0);
  EXPECT_EQ(server.metric("hearth_requests_completed_total"), 0);
}

TEST(Grpc, HealthFollowsTheDrain) {
  RpcTestServer server;
  const auto stub = grpc::health::v1::Health::NewStub(server.channel);
  for (const char* name : {"", "hearth.v1.Hearth"}) {
    grpc::ClientContext context;
    grpc::health::v1::HealthCheckRequest request;
    request.set_service(name);
    grpc::health::v1::HealthCheckResponse response;
    ASSERT_TRUE(stub->Check(&context, request, &response).ok());
    EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::SERVING);
  }
  grpc::ClientContext watching, running;
  const auto watch = stub->Watch(&watching, {});
  grpc::health::v1::HealthCheckResponse seen;
  ASSERT_TRUE(watch->Read(&seen));
  EXPECT_EQ(seen.status(), grpc::health::v1::HealthCheckResponse::SERVING);
  const auto reader = server.stub->Chat(&running, endless_question());
  v1::GenerateResponse part;
  ASSERT_TRUE(reader->Read(&part));
  std::this_thread::sleep_for(milliseconds(200));  // in which nothing changes, so nothing is told
  server.loop->drain();
  ASSERT_TRUE(watch->Read(&seen));
  EXPECT_EQ(seen.status(), grpc::health::v1::HealthCheckResponse::NOT_SERVING);
  const grpc::Status refused = ask(*server.stub, question("1+2=?")).status;
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_GT(detail_of<google::rpc::RetryInfo>(refused).retry_delay().seconds(), 0);
  const Answer whole = read_all(*reader);  // what runs goes on to its end
  EXPECT_TRUE(whole.status.ok());
  EXPECT_EQ(whole.finish, v1::FINISH_REASON_LENGTH);
}

TEST(Grpc, WhatTheEndCutsIsToldSo) {
  RpcTestServer server;
  grpc::ClientContext context;
  v1::ChatRequest request = endless_question();
  request.mutable_options()->set_n(4);
  const auto reader = server.stub->Chat(&context, request);
  v1::GenerateResponse part;
  ASSERT_TRUE(reader->Read(&part));
  std::thread stopper([&server] { server.server->stop(); });
  const grpc::Status status = read_all(*reader).status;
  stopper.join();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE) << status.error_message();
  EXPECT_EQ(server.metric("hearth_requests_cancelled_total"), 1);
}

TEST(Grpc, AFullQueueSaysWhenToComeAgain) {
  TestSettings settings;
  settings.loop.sequences_max = 2;
  RpcTestServer server(settings);
  grpc::ClientContext context;
  v1::ChatRequest request = endless_question();
  request.mutable_options()->set_n(2);
  const auto reader = server.stub->Chat(&context, request);
  v1::GenerateResponse part;
  ASSERT_TRUE(reader->Read(&part));
  const grpc::Status status = ask(*server.stub, question("1+2=?")).status;
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_GT(detail_of<google::rpc::RetryInfo>(status).retry_delay().seconds(), 0);
  context.TryCancel();
}

TEST(Grpc, CallsBeyondTheLimitAreRefused) {
  GrpcOptions options;
  options.calls_max = 3;
  RpcTestServer server({}, options);
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<grpc::ClientReader<v1::GenerateResponse>>> readers;
  for (int i = 0; i < 3; ++i) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    readers.push_back(server.stub->Chat(contexts.back().get(), endless_question()));
    v1::GenerateResponse part;
    ASSERT_TRUE(readers.back()->Read(&part));
  }
  const grpc::Status status = ask(*server.stub, question("1+2=?")).status;
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(detail_of<google::rpc::RetryInfo>(status).retry_delay().seconds(), 1);
  for (const auto& context : contexts) context->TryCancel();
  EXPECT_TRUE(server.wait_for_metric("hearth_grpc_calls_open", 0));
  EXPECT_TRUE(ask(*server.stub, question("1+2=?")).status.ok());
}

// A client that takes little more than 64 KiB before it reads.
std::unique_ptr<v1::Hearth::Stub> narrow_stub(const RpcTestServer& server) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return v1::Hearth::NewStub(
      grpc::CreateCustomChannel(server.address(), grpc::InsecureChannelCredentials(), arguments));
}

// Its answers have a megabyte.
v1::ChatRequest long_question() {
  v1::ChatRequest request = endless_question();
  request.mutable_options()->set_n(4);
  request.mutable_options()->set_logprobs(20);
  return request;
}

TEST(Grpc, AReaderThatNeverReadsIsCut) {
  RpcTestServer server({.stream_buffer = 4096});
  const std::string expected = ask(*server.stub, question("7*8=?")).content;
  grpc::ClientContext context;
  const auto narrow = narrow_stub(server);
  const auto reader = narrow->Chat(&context, long_question());
  EXPECT_TRUE(server.wait_for_metric("hearth_requests_cancelled_total", 1));
  EXPECT_NE(server.metrics.text().find("reason=\"too_slow\"} 1"), std::string::npos);
  EXPECT_EQ(ask(*server.stub, question("7*8=?")).content, expected);
  EXPECT_EQ(read_all(*reader).status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

// A client that stops reading for good holds its call no longer than the limit.
TEST(Grpc, AStuckReaderLosesItsCall) {
  GrpcOptions options;
  options.write_seconds = 0.3;
  RpcTestServer server({}, options);
  grpc::ClientContext context;
  const auto narrow = narrow_stub(server);
  const auto reader = narrow->Chat(&context, long_question());
  EXPECT_TRUE(server.wait_for_metric("hearth_requests_admitted_total", 1));
  EXPECT_TRUE(server.wait_for_metric("hearth_grpc_calls_open", 0));
  EXPECT_NE(read_all(*reader).status.error_code(), grpc::StatusCode::OK);
}

// Clients of all kinds from several threads: whole, gone at some time, late, wrong.
TEST(Grpc, EveryAdmittedRequestIsCountedOnce) {
  RpcTestServer server;
  const std::string expected = ask(*server.stub, question("1+2=?")).content;
  std::atomic<int> whole = 0;
  std::vector<std::thread> clients;
  for (unsigned c = 0; c < 4; ++c) {
    clients.emplace_back([&, c] {
      std::mt19937 random(c);
      for (int i = 0; i < 10; ++i) {
        grpc::ClientContext context;
        v1::ChatRequest request = question("1+2=?");
        if (random() % 4 == 0) request.mutable_options()->set_n(3);
        if (random() % 8 == 0) request.mutable_options()->set_top_p(2);
        if (random() % 4 == 0) {
          context.set_deadline(std::chrono::system_clock::now() + milliseconds(random() % 30));
        }
        const bool gone = random() % 3 == 0;
        const auto reader = server.stub->Chat(&context, request);
        if (gone) std::this_thread::sleep_for(milliseconds(random() % 20));
        if (gone) context.TryCancel();
        const Answer answer = read_all(*reader);
        if (!answer.status.ok()) continue;
        EXPECT_EQ(answer.content, expected);
        ++whole;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  server.server->stop();
  server.loop->stop();
  EXPECT_GT(whole.load(), 0);
  EXPECT_GE(server.metric("hearth_requests_admitted_total"), whole.load());
  EXPECT_EQ(server.metric("hearth_requests_admitted_total"), server.ended());
  EXPECT_EQ(server.loop->live(), 0);
  EXPECT_EQ(server.metric("hearth_grpc_calls_open"), 0);
}

}  // namespace
}  // namespace hearth::serve
