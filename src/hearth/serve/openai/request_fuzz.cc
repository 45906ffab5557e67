// JSON to a request of the engine, by every reader: what is accepted keeps its promises, what is
// refused is one line of UTF-8 with a status of 400.
#include <nlohmann/json.hpp>

#include "hearth/base/check.h"
#include "hearth/files/fuzz_tools.h"
#include "hearth/files/json.h"
#include "hearth/files/outside_bytes.h"
#include "hearth/serve/openai/embeddings.h"
#include "hearth/serve/openai/read_request.h"

namespace hearth::serve {
namespace {

constexpr int64_t kVocab = 1000;
constexpr int64_t kWidth = 64;

void check_error(const ApiError& error) {
  CHECK_EQ(error.status, 400);
  CHECK(is_utf8(error.message));
  CHECK(error.message.find('\n') == std::string::npos);
  const auto json = parse_json(error_json(error));
  CHECK(json.has_value());
}

void check_request(const GenerationRequest& r) {
  const int64_t prompts = std::max<int64_t>(1, static_cast<int64_t>(r.prompts.size()));
  CHECK(r.n >= 1 && r.n * prompts <= kChoicesMax);
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

void check_inputs(const EmbeddingRequest& r) {
  CHECK(!r.inputs.empty() && r.inputs.size() <= static_cast<size_t>(kEmbeddingInputsMax));
  for (const RawPrompt& input : r.inputs) {
    CHECK(!input.text.empty() || !input.ids.empty());
    for (int32_t id : input.ids) CHECK(id >= 0 && id < kVocab);
  }
}

}  // namespace
}  // namespace hearth::serve

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  using namespace hearth::serve;
  const std::string_view body = text_of(data, size);
  for (Endpoint endpoint : {Endpoint::chat, Endpoint::completion}) {
    GenerationRequest request;
    if (const auto error = read_generation(endpoint, body, kVocab, request)) {
      check_error(*error);
    } else {
      check_request(request);
    }
  }
  TokenizeRequest tokenize;
  if (const auto error = read_tokenize(body, tokenize)) check_error(*error);
  EmbeddingRequest embeddings;
  if (const auto error = read_embeddings(body, kVocab, kWidth, embeddings)) {
    check_error(*error);
  } else {
    check_inputs(embeddings);
  }
  DetokenizeRequest detokenize;
  if (const auto error = read_detokenize(body, kVocab, detokenize)) check_error(*error);
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  static constexpr std::string_view kStart =
      R"({"messages":[{"role":"user","content":"a"}],"n":2,"stop":["b"],"temperature":0.5,)"
      R"("logit_bias":{"5":-1},"max_tokens":9,"prompt":[1,2],"tokens":[3],)"
      R"("input":["a",[1]],"encoding_format":"base64","dimensions":64})";
  return hearth::mutate_json_input(data, size, max_size, seed, kStart);
}
