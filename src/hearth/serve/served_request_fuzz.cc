// JSON to tokens: what the readers take goes on through admission, grammars and the engine's own
// checks to two tokens of the bundled model. Every request ends, once, with an answer or with one
// line that says why not.
#include <nlohmann/json.hpp>
#include <thread>

#include "hearth/backend/cpu/cpu_backend.h"
#include "hearth/backend/cpu/dispatch.h"
#include "hearth/base/check.h"
#include "hearth/files/fuzz_tools.h"
#include "hearth/files/outside_bytes.h"
#include "hearth/serve/admission.h"
#include "hearth/serve/openai/embeddings.h"
#include "hearth/serve/openai/read_request.h"

namespace hearth::serve {
namespace {

constexpr int64_t kContext = 256;
constexpr int64_t kSequences = 4;
constexpr int64_t kTokensMax = 2;

template <typename T>
T made(Result<T> result) {
  CHECK(result.has_value());
  return *std::move(result);
}

EngineOptions engine_options() {
  EngineOptions out;
  out.context = kContext;
  out.limits.sequences_max = kSequences;
  out.kv_blocks = kSequences * Scheduler::blocks_for(kContext);
  return out;
}

AdmissionOptions admission_options() {
  AdmissionOptions out;
  out.model_names = {"mini"};
  out.context = kContext;
  return out;
}

struct Served {
  Served() { CHECK(loop.start().is_ok()); }

  CpuBackend backend{1, *cpu::available_tables().front()};
  const std::unique_ptr<TextModel> model =
      made(TextModel::load(HEARTH_SOURCE_DIR "/assets/mini", backend, {}));
  Metrics metrics{"mini"};
  Engine engine{model->model(), backend, engine_options(), model->banned()};
  EngineLoop loop{*model, engine, metrics, {}};
  const std::unique_ptr<Gate> gate = made(Gate::open({}));
  Adapters adapters{model->loaded(), backend, loop, metrics, ""};
  Admission admission{*model, loop, adapters, *gate, metrics, admission_options()};
};

void check_error(const ApiError& error) {
  CHECK(error.status == 400 || error.status == 404 || error.status == 503);
  CHECK(is_utf8(error.message));
  CHECK(error.message.find('\n') == std::string::npos);
}

// A grammar may forbid every token, and a template refuse the messages: that is said, and no 500.
void follow(const std::optional<ApiError>& refused, const Admitted& admitted) {
  if (refused) return check_error(*refused);
  while (true) {
    const AnswerChannel::Taken taken = admitted.channel->take();
    if (taken.ended) {
      if (taken.error) check_error(*taken.error);
      return;
    }
    std::this_thread::yield();
  }
}

void serve_generation(Served& served, Endpoint endpoint, std::string_view body) {
  GenerationRequest request;
  const int64_t vocab = served.model->tokenizer().vocab_size();
  if (const auto error = read_generation(endpoint, body, vocab, request)) {
    return check_error(*error);
  }
  request.n = std::min<int64_t>(request.n, 2);
  request.max_tokens = std::min(request.max_tokens.value_or(kTokensMax), kTokensMax);
  Admitted admitted;
  follow(served.admission.admit(std::move(request), Caller(), std::nullopt, admitted), admitted);
}

void serve_embeddings(Served& served, std::string_view body) {
  EmbeddingRequest request;
  const int64_t vocab = served.model->tokenizer().vocab_size();
  const int64_t width = served.model->model().info().hidden_size;
  if (const auto error = read_embeddings(body, vocab, width, request)) return check_error(*error);
  if (request.inputs.size() > 4) request.inputs.resize(4);
  Admitted admitted;
  follow(served.admission.embed(std::move(request), Caller(), std::nullopt, admitted), admitted);
}

}  // namespace
}  // namespace hearth::serve

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  using namespace hearth::serve;
  static Served& served = *new Served;  // its threads outlive every input
  const std::string_view body = text_of(data, size);
  serve_generation(served, Endpoint::chat, body);
  serve_generation(served, Endpoint::completion, body);
  serve_embeddings(served, body);
  CHECK_EQ(served.loop.live(), 0);
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  static constexpr std::string_view kStart =
      R"({"messages":[{"role":"user","content":"a"}],"n":2,"stop":["b"],"temperature":0.5,)"
      R"("logit_bias":{"5":-1},"prompt":[1,2],"input":["a",[1]],"thinking_budget":1,)"
      R"("guided_json":{"type":"object"},"logprobs":true,"top_logprobs":1})";
  return hearth::mutate_json_input(data, size, max_size, seed, kStart);
}
