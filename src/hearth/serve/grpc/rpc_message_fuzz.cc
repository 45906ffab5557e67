// The bytes of gRPC messages to requests of the engine, by every reader: what is accepted keeps its
// promises, what is refused is one line of UTF-8 with a status of 400 and its google.rpc details.
#include <google/rpc/error_details.pb.h>
#include <hearth/v1/hearth.pb.h>

#include "hearth/base/check.h"
#include "hearth/files/fuzz_tools.h"
#include "hearth/files/outside_bytes.h"
#include "hearth/serve/grpc/read_messages.h"
#include "hearth/serve/grpc/reflection.h"
#include "hearth/serve/grpc/rpc_status.h"

namespace hearth::serve {
namespace {

constexpr int64_t kVocab = 1000;
constexpr int64_t kWidth = 64;

void check_error(const ApiError& error) {
  CHECK_EQ(error.status, 400);
  CHECK(is_utf8(error.message));
  CHECK(error.message.find('\n') == std::string::npos);
  const RpcStatus status = rpc_status(error);
  CHECK(status.code == RpcCode::invalid_argument);
  google::rpc::Status details;
  CHECK(details.ParseFromString(status.details));
}

void check_request(const GenerationRequest& r) {
  CHECK(r.stream && r.prompts.size() <= 1);
  CHECK(r.n >= 1 && r.n <= kChoicesMax);
  CHECK(!r.max_tokens || *r.max_tokens >= 1);
  CHECK(r.top_logprobs >= 0 && r.top_logprobs <= kTopLogprobsMax);
  CHECK(check_sampling(r.sampling.over({})).is_ok());
  for (const LogitBias& b : r.sampling.logit_bias) CHECK(b.id >= 0 && b.id < kVocab);
  for (const RawPrompt& p : r.prompts) {
    for (int32_t id : p.ids) CHECK(id >= 0 && id < kVocab);
  }
  for (const std::string& s : r.stop) CHECK(!s.empty() && s.size() <= kStopBytesMax);
  for (const Json& m : r.chat.messages) {
    CHECK(m.at("role").is_string() && m.at("content").is_string());
  }
}

// A request with every field set, of either kind.
std::string whole_request(bool chat) {
  v1::ChatRequest request;
  v1::Options& options = *request.mutable_options();
  options.set_n(2);
  options.set_max_tokens(9);
  options.set_seed(-1);
  options.set_temperature(0.5);
  options.set_top_p(0.9);
  options.set_logprobs(2);
  options.set_guided_regex("a+");
  options.add_stop("b");
  (*options.mutable_logit_bias())[5] = -1;
  if (chat) {
    request.add_messages()->set_role("user");
    request.mutable_messages(0)->set_content("a");
    request.mutable_messages(0)->add_tool_calls()->mutable_function()->set_name("f");
    request.add_tools()->mutable_function()->set_name("f");
    request.mutable_tools(0)->mutable_function()->set_parameters("{\"a\":1}");
    request.set_thinking_budget(5);
    (*request.mutable_chat_template_kwargs())["thinking"].set_bool_value(true);
    return request.SerializeAsString();
  }
  v1::GenerateRequest prompt;
  *prompt.mutable_options() = options;
  prompt.mutable_tokens()->add_ids(3);
  return prompt.SerializeAsString();
}

std::string embed_request() {
  v1::EmbedRequest request;
  request.add_inputs()->set_text("a");
  request.add_inputs()->mutable_tokens()->add_ids(3);
  request.set_dimensions(kWidth);
  return request.SerializeAsString();
}

}  // namespace
}  // namespace hearth::serve

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  google::protobuf::SetLogHandler(nullptr);  // as the server does
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  using namespace hearth::serve;
  const std::string_view bytes = text_of(data, size);
  for (Endpoint endpoint : {Endpoint::chat, Endpoint::completion}) {
    GenerationRequest request;
    if (const auto error = read_rpc_generation(endpoint, bytes, kVocab, request)) {
      check_error(*error);
    } else {
      check_request(request);
    }
  }
  EmbeddingRequest embeddings;
  if (const auto error = read_rpc_embeddings(bytes, kVocab, kWidth, embeddings)) {
    check_error(*error);
  } else {
    CHECK(!embeddings.inputs.empty());
    for (const RawPrompt& p : embeddings.inputs) CHECK(!p.text.empty() || !p.ids.empty());
  }
  TokenizeRequest tokenize;
  if (const auto error = read_rpc_tokenize(bytes, tokenize)) check_error(*error);
  std::string response;
  if (const auto error = reflect(bytes, response)) check_error(*error);
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace hearth;
  FuzzRandom random(seed);
  std::string bytes(text_of(data, size));
  if (size < 2 || random.once_in(64)) {
    bytes = random.once_in(3) ? serve::embed_request() : serve::whole_request(random.once_in(2));
  }
  return give(mutate_bytes(std::move(bytes), 16), data, max_size);
}
