// Reflection: a client that knows nothing but the protocol finds the services, learns their
// messages and has a chat; with keys it needs one.
#include <google/protobuf/descriptor_database.h>
#include <google/protobuf/dynamic_message.h>
#include <grpc/reflection/v1/reflection.grpc.pb.h>
#include <grpcpp/generic/generic_stub.h>

#include "hearth/serve/grpc/testing.h"

namespace hearth::serve {
namespace {

namespace pb = google::protobuf;
namespace wire = grpc::reflection::v1;

using Stream =
    grpc::ClientReaderWriter<wire::ServerReflectionRequest, wire::ServerReflectionResponse>;

wire::ServerReflectionResponse ask_about(Stream& stream,
                                         const wire::ServerReflectionRequest& asked) {
  wire::ServerReflectionResponse response;
  EXPECT_TRUE(stream.Write(asked));
  EXPECT_TRUE(stream.Read(&response));
  EXPECT_EQ(response.original_request().SerializeAsString(), asked.SerializeAsString());
  return response;
}

// What a generic client knows after asking: descriptors in a pool of its own.
struct Learned {
  pb::SimpleDescriptorDatabase files;
  pb::DescriptorPool pool{&files};
};

void learn(const wire::FileDescriptorResponse& response, Learned& out) {
  for (const std::string& bytes : response.file_descriptor_proto()) {
    pb::FileDescriptorProto file;
    ASSERT_TRUE(file.ParseFromString(bytes));
    out.files.Add(file);
  }
}

// The bytes of each answer to one request, by a client without generated code.
std::vector<std::string> call_by_name(const std::shared_ptr<grpc::Channel>& channel,
                                      const std::string& method, const std::string& request) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const auto done = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  const auto call = stub.PrepareCall(&context, method, &queue);
  call->StartCall(nullptr);
  EXPECT_TRUE(done());
  const grpc::Slice slice(request);
  call->WriteLast(grpc::ByteBuffer(&slice, 1), {}, nullptr);
  EXPECT_TRUE(done());
  std::vector<std::string> answers;
  grpc::ByteBuffer bytes;
  for (call->Read(&bytes, nullptr); done(); call->Read(&bytes, nullptr)) {
    grpc::Slice whole;
    EXPECT_TRUE(bytes.DumpToSingleSlice(&whole).ok());
    answers.emplace_back(reinterpret_cast<const char*>(whole.begin()), whole.size());
  }
  grpc::Status status;
  call->Finish(&status, nullptr);
  EXPECT_TRUE(done());
  EXPECT_TRUE(status.ok()) << status.error_message();
  return answers;
}

std::string chat_by_names(const std::shared_ptr<grpc::Channel>& channel,
                          const pb::MethodDescriptor& method) {
  pb::DynamicMessageFactory factory;
  const pb::Descriptor& asked = *method.input_type();
  const std::unique_ptr<pb::Message> request(factory.GetPrototype(&asked)->New());
  pb::Message* message =
      request->GetReflection()->AddMessage(request.get(), asked.FindFieldByName("messages"));
  const pb::Descriptor& part = *message->GetDescriptor();
  message->GetReflection()->SetString(message, part.FindFieldByName("role"), "user");
  message->GetReflection()->SetString(message, part.FindFieldByName("content"), "12+30=?");
  const std::string path = "/" + method.service()->full_name() + "/" + method.name();
  std::string content;
  const pb::Descriptor& answer = *method.output_type();
  for (const std::string& bytes : call_by_name(channel, path, request->SerializeAsString())) {
    const std::unique_ptr<pb::Message> response(factory.GetPrototype(&answer)->New());
    EXPECT_TRUE(response->ParseFromString(bytes));
    content += response->GetReflection()->GetString(*response, answer.FindFieldByName("content"));
  }
  return content;
}

TEST(Reflection, AGenericClientLearnsAllAndChats) {
  RpcTestServer server;
  const auto stub = wire::ServerReflection::NewStub(server.channel);
  grpc::ClientContext context;
  const auto stream = stub->ServerReflectionInfo(&context);
  wire::ServerReflectionRequest list;
  list.set_list_services("*");
  Learned learned;
  std::vector<std::string> names;
  const wire::ServerReflectionResponse services = ask_about(*stream, list);
  for (const auto& s : services.list_services_response().service()) {
    names.push_back(s.name());
    wire::ServerReflectionRequest about;
    about.set_file_containing_symbol(s.name());
    learn(ask_about(*stream, about).file_descriptor_response(), learned);
    EXPECT_NE(learned.pool.FindServiceByName(s.name()), nullptr) << s.name();
  }
  EXPECT_EQ(names, (std::vector<std::string>{"hearth.v1.Hearth", "grpc.health.v1.Health",
                                             "grpc.reflection.v1.ServerReflection"}));
  wire::ServerReflectionRequest unknown;
  unknown.set_file_by_filename("../../etc/passwd");
  EXPECT_EQ(ask_about(*stream, unknown).error_response().error_code(), 5);
  unknown.set_file_containing_symbol("hearth.v2.Hearth");
  EXPECT_EQ(ask_about(*stream, unknown).error_response().error_code(), 5);
  unknown.mutable_file_containing_extension()->set_containing_type("hearth.v1.Usage");
  EXPECT_EQ(ask_about(*stream, unknown).error_response().error_code(), 5);
  unknown.set_all_extension_numbers_of_type("hearth.v1.Usage");
  EXPECT_EQ(ask_about(*stream, unknown).all_extension_numbers_response().extension_number_size(),
            0);
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
  const auto* method = learned.pool.FindMethodByName("hearth.v1.Hearth.Chat");
  ASSERT_NE(method, nullptr);
  EXPECT_NE(chat_by_names(server.channel, *method).find("42"), std::string::npos);
}

TEST(Reflection, TheOlderNameAnswersTheSame) {
  RpcTestServer server;
  wire::ServerReflectionRequest list;
  list.set_list_services("");
  const auto ask = [&](const std::string& version) {
    return call_by_name(server.channel,
                        "/grpc.reflection." + version + ".ServerReflection/ServerReflectionInfo",
                        list.SerializeAsString());
  };
  EXPECT_EQ(ask("v1").size(), 1u);
  EXPECT_EQ(ask("v1"), ask("v1alpha"));
}

}  // namespace
}  // namespace hearth::serve
