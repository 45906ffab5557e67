// Bytes that are not gRPC, or too much of it: each ends as one clear status or a closed connection,
// with the server alive and a neighbour's stream unbroken.
#include <grpcpp/generic/generic_stub.h>

#include <ctime>

#include "hearth/serve/grpc/beside_a_stream.h"
#include "hearth/serve/grpc/read_messages.h"

namespace hearth::serve {
namespace {

// The status of a call whose one message is `bytes`.
grpc::Status call_with(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                       const std::string& bytes,
                       const std::function<void(grpc::ClientContext&)>& prepare = {}) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  if (prepare) prepare(context);
  grpc::CompletionQueue queue;
  const auto next = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  const auto call = stub.PrepareCall(&context, method, &queue);
  call->StartCall(nullptr);
  next();
  const grpc::Slice slice(bytes);
  call->WriteLast(grpc::ByteBuffer(&slice, 1), {}, nullptr);
  next();
  grpc::ByteBuffer answer;
  for (call->Read(&answer, nullptr); next(); call->Read(&answer, nullptr)) {
  }
  grpc::Status status;
  call->Finish(&status, nullptr);
  next();
  return status;
}

const char* const kChat = "/hearth.v1.Hearth/Chat";

// A length-delimited field.
std::string field(int number, const std::string& bytes) {
  std::string out(1, static_cast<char>(number << 3 | 2));
  for (size_t size = bytes.size();; size >>= 7) {
    out += static_cast<char>(size > 127 ? (size & 127) | 128 : size);
    if (size <= 127) break;
  }
  return out + bytes;
}

std::string nested_value(int depth) {
  std::string value;
  for (int i = 0; i < depth; ++i) value = field(6, field(1, value));  // Value.list_value.values
  return field(4, field(1, "a") + field(2, value));  // ChatRequest.chat_template_kwargs["a"]
}

std::string many_messages(int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += field(2, "");
  return out;
}

using HostileBytes = BesideAStream;

TEST_F(HostileBytes, MessagesThatAreNone) {
  const std::string good = question("1+2=?").SerializeAsString();
  const struct {
    std::string bytes;
    grpc::StatusCode code;
  } cases[] = {
      {"", grpc::StatusCode::INVALID_ARGUMENT},  // a message without a field: no messages
      {"\xff\xff\xff", grpc::StatusCode::INVALID_ARGUMENT},
      {std::string(1000, '\0'), grpc::StatusCode::INVALID_ARGUMENT},
      {field(1, "\xff\xfe") + good, grpc::StatusCode::INVALID_ARGUMENT},  // a name of no UTF-8
      {std::string("\x0a\xff\xff\xff\xff\x7f", 6), grpc::StatusCode::INVALID_ARGUMENT},
      {good + std::string(10'000, '\x7b'), grpc::StatusCode::INVALID_ARGUMENT},  // open groups
      {nested_value(10'000), grpc::StatusCode::INVALID_ARGUMENT},
      {many_messages(2'000'000), grpc::StatusCode::INVALID_ARGUMENT},
      {std::string(9 << 20, 'a'), grpc::StatusCode::RESOURCE_EXHAUSTED},
  };
  for (const auto& c : cases) {
    const grpc::Status status = call_with(server_.channel, kChat, c.bytes);
    EXPECT_EQ(status.error_code(), c.code)
        << c.bytes.size() << " bytes: " << status.error_message();
  }
  for (size_t cut = 1; cut < good.size(); ++cut) {
    const grpc::Status status = call_with(server_.channel, kChat, good.substr(0, cut));
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << cut;
  }
}

// The reader's work is linear in a message: a long map costs a fraction of a second of the
// processor (under sanitizers a few), where a search for each entry took a minute.
TEST(ReadMessages, ALongMapIsRefusedAtOnce) {
  v1::ChatRequest request = question("1+2=?");
  auto& biases = *request.mutable_options()->mutable_logit_bias();
  for (int id = 0; id < 150'000; ++id) biases[id] = 1;
  const std::string bytes = request.SerializeAsString();
  GenerationRequest out;
  const std::clock_t start = std::clock();
  const auto error = read_rpc_generation(Endpoint::chat, bytes, 1'000'000, out);
  EXPECT_LT(std::clock() - start, 5 * CLOCKS_PER_SEC);
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->param, "logit_bias");
}

// Numbers packed into one field count one by one: each takes sixteen bytes as a value.
TEST(ReadMessages, PackedIdsAreCounted) {
  const auto error_of_ids = [](size_t count) {
    GenerationRequest out;
    const std::string ids(count, '\1');
    return read_rpc_generation(Endpoint::completion, field(3, field(1, ids)), 1000, out);
  };
  EXPECT_FALSE(error_of_ids(499'998).has_value());  // beside them the two fields around them
  const auto error = error_of_ids(500'000);
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code, "invalid_message");
}

// The schemas of all tools are one request's: each alone would be taken.
TEST(ReadMessages, ToolsShareOneBudget) {
  std::string schema = R"({"enum":[0)";
  for (int i = 1; i < 300'000; ++i) schema += ",0";
  schema += "]}";
  v1::ChatRequest request = question("1+2=?");
  for (const char* name : {"a", "b"}) {
    GenerationRequest out;
    auto& tool = *request.add_tools()->mutable_function();
    tool.set_name(name);
    tool.set_parameters(schema);
    const auto error = read_rpc_generation(Endpoint::chat, request.SerializeAsString(), 1000, out);
    EXPECT_EQ(error ? error->param : "", request.tools_size() == 1 ? "" : "tools");
  }
}

TEST_F(HostileBytes, HeadsThatAreTooMuch) {
  const std::string good = question("1+2=?").SerializeAsString();
  const auto status_with = [&](const std::function<void(grpc::ClientContext&)>& prepare,
                               const char* method = kChat) {
    grpc::ChannelArguments apart;  // what a client does to its own connection is its own affair
    apart.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    const auto channel =
        grpc::CreateCustomChannel(server_.address(), grpc::InsecureChannelCredentials(), apart);
    return call_with(channel, method, good, prepare).error_code();
  };
  EXPECT_EQ(status_with([](auto& c) { c.AddMetadata("a", std::string(1 << 20, 'b')); }),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(status_with([](auto& c) { c.set_compression_algorithm(GRPC_COMPRESS_GZIP); }),
            grpc::StatusCode::UNIMPLEMENTED);
  // Sixty-four megabytes in sixty-four kilobytes: refused before they are inflated.
  const auto compressed = [](auto& c) { c.set_compression_algorithm(GRPC_COMPRESS_GZIP); };
  EXPECT_EQ(call_with(server_.channel, kChat, std::string(64 << 20, 'a'), compressed).error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(status_with([](auto& c) { c.set_deadline(gpr_time_0(GPR_CLOCK_REALTIME)); }),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(status_with([](auto& c) { c.set_deadline(gpr_inf_future(GPR_CLOCK_REALTIME)); }),
            grpc::StatusCode::OK);
  for (const char* method : {"/hearth.v1.Hearth/Nothing", "/", "/hearth.v1.Hearth/Chat/",
                             "/hearth.v1.Hearth//Chat", "/HEARTH.v1.Hearth/Chat"}) {
    EXPECT_EQ(status_with({}, method), grpc::StatusCode::UNIMPLEMENTED) << method;
  }
}

}  // namespace
}  // namespace hearth::serve
