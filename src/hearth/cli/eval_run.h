// A suite on a model, as `hearth eval` runs it: where items come from, how replies are drawn, which
// records belong to one run. Shared by the verbs that score.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hearth/cli/model_options.h"
#include "hearth/eval/endpoint.h"
#include "hearth/eval/needle.h"
#include "hearth/eval/run.h"

namespace hearth::cli {

inline constexpr std::string_view kNeedle = "needle";  // the suite that is made, not opened

struct EvalOptions {
  ModelOptions model;
  std::vector<std::string> data;
  std::string items_file;
  std::string adapter;  // path; "": none
  int64_t limit = 0;
  int64_t batch = 16;
  int64_t samples = 1;
  int64_t max_tokens = 0;
  std::optional<double> temperature, top_p;  // else the suite's
  uint64_t seed = 0;
  std::string endpoint;  // of another server, which writes the replies; "": a model of this process
  std::string key_file;  // whose line is its key; "": none
  int retries = 5;
  int timeout_seconds = 3600;          // for a reply
  std::string choices = "generation";  // or "likelihood": how a suite of choices is scored

  void declare_endpoint(CLI::App& verb);
  void declare_replies(CLI::App& verb);  // how many, how long, how drawn
  void declare_choices(CLI::App& verb);
  bool by_likelihood() const { return choices == "likelihood"; }
};

struct EvalTask {
  Suite suite;
  std::vector<EvalItem> items;
};

// A suite by its name, or a YAML file that describes one: ready to work, with its items from
// --data, or else from where the YAML file or Hearth itself has them.
Result<EvalTask> open_suite(const std::string& name, const EvalOptions& options,
                            const Session& session);
// Needles of --seed. Their texts are made before any model is opened: `tokenizer`, a model's name
// or path, alone says how long they are.
Result<EvalTask> open_needles(NeedleOptions needle, const std::string& tokenizer,
                              const EvalOptions& options, const Session& session);
void declare_needles(CLI::App& verb, NeedleOptions& needle);
// invalid: a context that is shorter than the suite's own texts.
Status check_room(const EvalTask& task, int64_t context);
// How replies are drawn, as the options say or else the suite. The adapter isn't opened here.
EngineReplies replies_of(const EvalOptions& options, const Suite& suite);
// The same from options.endpoint, where options.model.model is the server's name for a model.
// invalid: options that only a model of this process has, an address that is none.
Result<EndpointReplies> endpoint_of(const EvalOptions& options, const Suite& suite,
                                    const CLI::App& verb, const Session& session);
// invalid: typed options that say how replies are written, where none are (--choices likelihood).
Status check_choices(const EvalOptions& options, const CLI::App& verb, const Session& session);
// What must be the same for records to belong to one run.
Json eval_run(const EvalOptions& options, const EvalTask& task, const EngineReplies& replies);
// Goes on from options.items_file, where that is named and there. `title` stands before the bar.
Result<EvalResult> evaluate_on(const OpenedText& opened, const EvalOptions& options,
                               const EvalTask& task, EngineReplies replies,
                               const std::string& title);
// The same of replies that come from elsewhere; `run` is as eval_run has it.
Result<EvalResult> evaluate_source(const ReplySource& source, const Json& run,
                                   const EvalOptions& options, const EvalTask& task,
                                   const std::string& title);

}  // namespace hearth::cli
