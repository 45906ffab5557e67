// Embed, LoadAdapter and UnloadAdapter over gRPC: what HTTP would say, and whom it would let in.
#include <fstream>

#include "hearth/serve/grpc/testing.h"

namespace hearth::serve {
namespace {

v1::EmbedRequest texts(const std::vector<std::string>& all) {
  v1::EmbedRequest request;
  for (const std::string& text : all) request.add_inputs()->set_text(text);
  return request;
}

TEST(GrpcEmbed, GivesHttpsVectors) {
  RpcTestServer server;
  v1::EmbedResponse found;
  grpc::ClientContext context;
  v1::EmbedRequest request = texts({"12+30=?", "7*8=?"});
  for (int32_t id : mini().plain("12+30=?", false).ids) {
    if (request.inputs_size() == 2) request.add_inputs();
    request.mutable_inputs(2)->mutable_tokens()->add_ids(id);
  }
  const grpc::Status status = server.stub->Embed(&context, request, &found);
  ASSERT_TRUE(status.ok()) << status.error_message();
  const HttpReply reply = server.post("/v1/embeddings", R"({"input":["12+30=?","7*8=?"]})");
  ASSERT_TRUE(reply.pending) << reply.body;
  const Json expected = parsed(wait_for(*reply.pending));
  ASSERT_EQ(found.embeddings_size(), 3);
  const auto values = [&](int i) {
    return std::vector<float>(found.embeddings(i).values().begin(),
                              found.embeddings(i).values().end());
  };
  for (int i = 0; i < 2; ++i) {
    const Json& vector = expected["data"][static_cast<size_t>(i)]["embedding"];
    EXPECT_EQ(values(i), vector.get<std::vector<float>>());
  }
  EXPECT_EQ(values(2), values(0));
  EXPECT_EQ(found.model(), "mini");
  EXPECT_GT(found.usage().prompt_tokens(), 0);
  EXPECT_EQ(found.usage().completion_tokens(), 0);
}

TEST(GrpcEmbed, WrongRequests) {
  RpcTestServer server;
  const auto field = [&](const v1::EmbedRequest& request) {
    v1::EmbedResponse found;
    grpc::ClientContext context;
    const grpc::Status status = server.stub->Embed(&context, request, &found);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << status.error_message();
    return wrong_field(status);
  };
  EXPECT_EQ(field({}), "input");
  EXPECT_EQ(field(texts({""})), "input");
  v1::EmbedRequest neither;
  neither.add_inputs();
  EXPECT_EQ(field(neither), "input");
  v1::EmbedRequest outside;
  outside.add_inputs()->mutable_tokens()->add_ids(-1);
  EXPECT_EQ(field(outside), "input");
  v1::EmbedRequest cut = texts({"a"});
  cut.set_dimensions(3);
  EXPECT_EQ(field(cut), "dimensions");
}

TEST(GrpcEmbed, PersonalDataMeetsTheSamePolicy) {
  RpcTestServer server({.personal_data = pii::Mode::block});
  v1::EmbedResponse found;
  grpc::ClientContext context;
  const grpc::Status status =
      server.stub->Embed(&context, texts({"a", "call 13812345678"}), &found);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message().find("13812345678"), std::string::npos);
}

TEST(GrpcEmbed, KeepsItsDeadline) {
  RpcTestServer server;
  std::vector<std::string> many(2000, "12345678901234567890");
  v1::EmbedResponse found;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(60));
  EXPECT_EQ(server.stub->Embed(&context, texts(many), &found).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_TRUE(server.wait_for_all());
}

grpc::Status load(RpcTestServer& server, const std::string& name, const std::string& path,
                  v1::Adapter& out, const std::string& key = "") {
  v1::LoadAdapterRequest request;
  request.set_name(name);
  request.set_path(path);
  grpc::ClientContext context;
  if (!key.empty()) context.AddMetadata("authorization", "Bearer " + key);
  return server.stub->LoadAdapter(&context, request, &out);
}

grpc::Status unload(RpcTestServer& server, const std::string& name, const std::string& key = "") {
  v1::UnloadAdapterRequest request;
  v1::UnloadAdapterResponse nothing;
  request.set_name(name);
  grpc::ClientContext context;
  if (!key.empty()) context.AddMetadata("authorization", "Bearer " + key);
  return server.stub->UnloadAdapter(&context, request, &nothing);
}

TEST(GrpcAdapters, ComeAndGo) {
  RpcTestServer server;
  test::write_random_adapter(server.folder / "one", mini().model(), {{"o_proj"}, 2, 0.5, 3});
  v1::Adapter loaded;
  const grpc::Status status = load(server, "law", "one", loaded);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(loaded.id(), "law");
  EXPECT_EQ(loaded.model(), "mini:law");
  EXPECT_EQ(loaded.rank(), 2);
  EXPECT_GT(loaded.bytes(), 0);
  v1::ChatRequest request = question("12+30=?");
  request.set_model("mini:law");
  request.mutable_options()->set_max_tokens(3);
  EXPECT_TRUE(ask(*server.stub, request).status.ok());
  EXPECT_EQ(load(server, "law", "one", loaded).error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(load(server, "b", "../one", loaded).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(wrong_field(load(server, "a/b", "one", loaded)), "name");
  EXPECT_TRUE(unload(server, "law").ok());
  EXPECT_EQ(unload(server, "law").error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ask(*server.stub, request).status.error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST(GrpcAdapters, WantTheScopeOfHttp) {
  const test::AdapterFolder folder;
  const NewApiKey user = *make_api_key("user");
  const NewApiKey owner = *make_api_key("owner");
  const std::string keys = folder / "keys.txt";
  std::ofstream(keys) << user.line << "\n" << owner.line << " scopes=generate,admin\n";
  GateOptions access;
  access.keys_path = keys;
  RpcTestServer server({.access = access});
  test::write_random_adapter(server.folder / "one", mini().model(), {{"o_proj"}, 2, 0.5, 3});
  v1::Adapter loaded;
  EXPECT_EQ(load(server, "law", "one", loaded).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(load(server, "law", "one", loaded, user.key).error_code(),
            grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(unload(server, "law", user.key).error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_TRUE(load(server, "law", "one", loaded, owner.key).ok());
  EXPECT_TRUE(unload(server, "law", owner.key).ok());
}

// Beside a port for administration, which is HTTP's, gRPC administers nothing.
TEST(GrpcAdapters, AreElsewhereWhereAdministrationIs) {
  TestServer server;
  RpcService service(*server.admission, *server.adapters, *server.gate, server.metrics, nullptr,
                     false);
  const auto refusal = [&](const std::string& method) {
    RpcHead head;
    head.method = "/hearth.v1.Hearth/" + method;
    RequestContext context;
    const auto error = service.refuse(head, context);
    return error ? error->status : 0;
  };
  EXPECT_EQ(refusal("LoadAdapter"), 501);
  EXPECT_EQ(refusal("UnloadAdapter"), 501);
  EXPECT_EQ(refusal("Chat"), 0);
  EXPECT_EQ(refusal("ListModels"), 0);
}

}  // namespace
}  // namespace hearth::serve
