// See admission.h.
#include "hearth/serve/admission.h"

#include <algorithm>
#include <array>
#include <functional>
#include <utility>

#include "hearth/files/outside_bytes.h"
#include "hearth/serve/completions.h"
#include "hearth/serve/embeddings.h"

namespace hearth::serve {
namespace {

constexpr int64_t kWholeReplyMax = int64_t{256} << 20;  // a reply that is not streamed

// The names of keys are few and the owner's own; without keys all are one tenant.
uint64_t tenant_of(const Caller& caller) {
  return caller.name.empty() ? 0 : std::hash<std::string>()(caller.name);
}

}  // namespace

Admission::Admission(const TextModel& model, EngineLoop& loop, Adapters& adapters, Gate& gate,
                     Metrics& metrics, AdmissionOptions options)
    : model_(model),
      loop_(loop),
      adapters_(adapters),
      gate_(gate),
      metrics_(metrics),
      options_(std::move(options)) {
  CHECK(!options_.model_names.empty());
}

std::optional<ApiError> Admission::find_model(const std::string& asked, NamedModel& out) const {
  const auto& names = options_.model_names;
  out = {names[0], nullptr};
  if (asked.empty() || std::ranges::find(names, asked) != names.end()) return std::nullopt;
  for (const std::string& name : names) {
    if (!asked.starts_with(name + ":")) continue;
    out = {asked, adapters_.find(std::string_view(asked).substr(name.size() + 1))};
    if (out.adapter) return std::nullopt;
  }
  ApiError error = api_error(
      404, "model_not_found",
      fmt::format("`model`: expected `{}`, alone or with `:` and a loaded adapter, found `{}`",
                  names[0], excerpt(asked)));
  error.param = "model";
  return error;
}

std::optional<ApiError> Admission::check_model(const std::string& name) const {
  NamedModel named;
  return find_model(name, named);
}

std::vector<std::string> Admission::all_models() const {
  std::vector<std::string> names = options_.model_names;
  for (const LoadedAdapter& loaded : adapters_.all()) {
    names.push_back(fmt::format("{}:{}", options_.model_names[0], loaded.name));
  }
  return names;
}

// An effort in words asks nothing of a model that doesn't think.
ThoughtOptions Admission::thought_of(const GenerationRequest& request) const {
  ThoughtOptions out;
  out.tokens_max = request.thinking_budget;
  out.end_loops = request.end_thought_loops;
  out.ending = options_.thought_ending;
  constexpr std::array<std::string_view, 3> kEfforts = {"low", "medium", "high"};
  for (size_t i = 0; i < kEfforts.size(); ++i) {
    const bool asked = request.reasoning_effort == kEfforts[i] && !out.tokens_max;
    if (asked && model_.tokenizer().find("</think>")) out.tokens_max = options_.effort_budgets[i];
  }
  return out;
}

// The policy of the caller's key, else the server's, on the texts of a request.
std::optional<ApiError> Admission::guard(const Caller& caller, GenerationRequest& request,
                                         GuardedRequest& out) {
  const PersonalDataPolicy& policy = options_.personal_data;
  const pii::Mode mode = caller.personal_data.value_or(policy.mode);
  auto error = guard_request(mode, policy.detect, model_.tokenizer(), request, out);
  for (const auto& [type, count] : out.found) {
    metrics_.personal_data(pii::type_name(type), pii::mode_name(mode), count);
  }
  if (error) metrics_.rejected(error->code);
  return error;
}

// A format that can't be kept is refused before anything runs, by the name of its field.
std::optional<ApiError> Admission::make_grammar(const GenerationRequest& request,
                                                GenerationJob& job) {
  if (request.format.kind == OutputFormat::Kind::text) return std::nullopt;
  std::call_once(grammars_made_, [this] {
    grammars_ = std::make_unique<GrammarCache>(model_.constraint_vocabulary().tokens());
  });
  auto grammar = grammars_->get(request.format, job.tenant);
  if (grammar) {
    job.grammar = *std::move(grammar);
    return std::nullopt;
  }
  const Status& why = grammar.status();
  return bad_field(request.format_field, std::string(code_name(why.code())),
                   fmt::format("`{}`: {}", request.format_field, why.message()));
}

std::optional<ApiError> Admission::admit(
    GenerationRequest request, const Caller& caller,
    std::optional<std::chrono::steady_clock::time_point> deadline, Admitted& out) {
  NamedModel named;
  if (auto error = find_model(request.model, named)) return error;
  out.model = named.name;
  if (auto error = guard(caller, request, out.guarded)) return error;
  std::vector<Prompt> prompts;
  if (auto error = make_prompts(model_, request, options_.context, prompts)) return error;
  for (const Prompt& prompt : prompts) {
    if (!request.echo) break;
    out.echo.insert(out.echo.end(), static_cast<size_t>(request.n),
                    model_.tokenizer().decode(prompt.ids, true));
  }
  GenerationJob job = make_job(model_, request, options_.context, std::move(prompts));
  job.thought = thought_of(request);
  job.adapter = std::move(named.adapter);
  job.tenant = tenant_of(caller);
  if (auto error = make_grammar(request, job)) return error;
  return submit(std::move(job), caller, deadline, request.stream, out);
}

std::optional<ApiError> Admission::embed(
    EmbeddingRequest request, const Caller& caller,
    std::optional<std::chrono::steady_clock::time_point> deadline, Admitted& out) {
  NamedModel named;
  if (auto error = find_model(request.model, named)) return error;
  out.model = named.name;
  GenerationRequest texts;  // as the guard knows them
  texts.endpoint = Endpoint::completion;
  texts.prompts = std::move(request.inputs);
  if (auto error = guard(caller, texts, out.guarded)) return error;
  GenerationJob job;
  if (auto error = make_inputs(model_, texts.prompts, options_.context, job.prompts)) return error;
  job.pooling = options_.pooling;
  job.raw = true;
  job.adapter = std::move(named.adapter);
  job.tenant = tenant_of(caller);
  return submit(std::move(job), caller, deadline, false, out);
}

std::optional<ApiError> Admission::submit(
    GenerationJob job, const Caller& caller,
    std::optional<std::chrono::steady_clock::time_point> deadline, bool stream, Admitted& out) {
  out.choices = job.choices();
  const int64_t buffer = stream ? options_.stream_buffer * out.choices : kWholeReplyMax;
  out.channel = std::make_shared<AnswerChannel>(stream, buffer);
  job.channel = out.channel;
  job.deadline = deadline;
  job.on_end = [&gate = gate_, caller](const Usage& usage) {
    gate.spend_tokens(caller, usage.prompt_tokens + usage.completion_tokens);
  };
  auto error = loop_.submit(std::move(job));
  if (error) metrics_.rejected(error->code);
  return error;
}

std::optional<ApiError> Admission::tokenize(const TokenizeRequest& request, Prompt& out) const {
  if (auto error = check_model(request.model)) return error;
  if (!request.messages) {
    out = model_.plain(request.text, !request.add_special);
    return std::nullopt;
  }
  ChatRequest chat;
  chat.messages = *request.messages;
  auto made = model_.chat(chat);
  if (!made) return error_of(made.status(), "messages");
  out = *std::move(made);
  return std::nullopt;
}

}  // namespace hearth::serve
