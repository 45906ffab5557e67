// Admission: the way of a checked request into the engine, one for all protocols: the model that it
// names, its prompts in tokens, its job and the channel that answers it.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "hearth/engine/output_format.h"
#include "hearth/engine/text_model.h"
#include "hearth/guard/watermark/policy.h"
#include "hearth/serve/access/gate.h"
#include "hearth/serve/adapters.h"
#include "hearth/serve/content_label.h"
#include "hearth/serve/engine_loop.h"
#include "hearth/serve/generation_request.h"
#include "hearth/serve/openai/embeddings.h"
#include "hearth/serve/openai/read_request.h"
#include "hearth/serve/personal_data.h"
#include "hearth/serve/request_facts.h"
#include "hearth/serve/resume/resumable.h"

namespace hearth::serve {

struct AdmissionOptions {
  std::vector<std::string> model_names;  // the first is what replies say
  int64_t context = 4096;
  std::array<int64_t, 3> effort_budgets = {1024, 4096, 16384};  // low, medium, high: of a thought
  std::string thought_ending = ThoughtOptions().ending;
  PersonalDataPolicy personal_data;
  watermark::Policy watermark;
  label::Policy label;
  ResumePolicy resume;
  bool keep_text = false;             // of prompts, for the audit log
  Pooling pooling = Pooling::mean;    // of embeddings
  int64_t stream_buffer = 256 << 10;  // bytes of one stream that wait for a slow reader
};

// A request that the engine took.
struct Admitted {
  std::shared_ptr<AnswerChannel> channel;
  int64_t choices = 1;
  std::vector<LooseTool> loose_tools;      // whose calls are not held to their schema
  std::vector<std::string> echo;           // the prompt of each choice, where it was asked for
  GuardedRequest guarded;                  // whoever shows the answer puts back what was masked
  std::optional<AnswerLabeller> labeller;  // and then labels it, where words are to be put in
  RequestFacts facts;                      // for the audit log, and what replies say of it
  std::optional<Resumable> resume;         // of a stream that another replica may take over
};

// Thread-safe; all that it is given must outlive it.
class Admission {
 public:
  Admission(const TextModel& model, EngineLoop& loop, Adapters& adapters, Gate& gate,
            Metrics& metrics, AdmissionOptions options);

  // 404 for a name that is not served; "" is the one that is.
  std::optional<ApiError> check_model(const std::string& name) const;
  // The guard, templates, tokens, the queue: the reason why it was not taken, or nullopt. Past
  // `deadline` the request ends as `deadline_exceeded`. `resume`: the stream is to be resumable, or
  // resumed; null: neither.
  std::optional<ApiError> admit(GenerationRequest request, const Caller& caller,
                                std::optional<std::chrono::steady_clock::time_point> deadline,
                                Admitted& out, const ResumeAsk* resume = nullptr);
  // The same of texts to embed; a choice of `out` is one of them.
  std::optional<ApiError> embed(EmbeddingRequest request, const Caller& caller,
                                std::optional<std::chrono::steady_clock::time_point> deadline,
                                Admitted& out);
  // The tokens that /tokenize tells.
  std::optional<ApiError> tokenize(const TokenizeRequest& request, Prompt& out) const;

  const TextModel& model() const { return model_; }
  const std::string& name() const { return options_.model_names[0]; }  // as replies say it
  // All that a request may name: ours, and the first of these with each adapter.
  std::vector<std::string> all_models() const;
  int64_t context() const { return options_.context; }
  const watermark::Policy& watermark() const { return options_.watermark; }
  const ResumePolicy& resume() const { return options_.resume; }

 private:
  // What a request's `model` says: a name of ours, with an adapter or without.
  struct NamedModel {
    std::string name, adapter_name;
    std::shared_ptr<const Adapter> adapter;  // null: without one
  };
  std::optional<ApiError> find_model(const std::string& asked, NamedModel& out) const;
  std::optional<ApiError> receive(const Caller& caller, GenerationRequest& request,
                                  NamedModel& named, GuardedRequest& out);
  std::optional<ApiError> make_grammar(const GenerationRequest& request, GenerationJob& job,
                                       Admitted& out);
  std::optional<ApiError> mark(GenerationJob& job, std::string_view adapter, Admitted& out);
  std::optional<ApiError> make_resumable(const GenerationRequest& request, const ResumeAsk& resume,
                                         GenerationJob& job, Admitted& out);
  ThoughtOptions thought_of(const GenerationRequest& request) const;
  void assign(const GenerationRequest& request, const Caller& caller, const NamedModel& named,
              GenerationJob& job, Admitted& out) const;
  std::optional<ApiError> submit(GenerationJob job, const Caller& caller,
                                 std::optional<std::chrono::steady_clock::time_point> deadline,
                                 bool stream, Admitted& out);

  const TextModel& model_;
  EngineLoop& loop_;
  Adapters& adapters_;
  Gate& gate_;
  Metrics& metrics_;
  const AdmissionOptions options_;
  std::once_flag grammars_made_;
  std::unique_ptr<GrammarCache> grammars_;  // made with the first grammar that is asked for
};

}  // namespace hearth::serve
