// See admission.h.
#include "hearth/serve/admission.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <functional>
#include <utility>

#include "hearth/files/outside_bytes.h"
#include "hearth/serve/completions.h"
#include "hearth/serve/embeddings.h"

namespace hearth::serve {
namespace {

// Bytes of a prompt in the audit log: escaped (up to six times) and in base64 (a third more) they
// must fit into a line of its chain.
constexpr size_t kTextMax = 120 << 10;
constexpr int64_t kWholeReplyMax = int64_t{256} << 20;  // a reply that is not streamed

// What a call of a request's tools must look like; nullopt: there are none.
std::optional<ToolRules> tool_rules(const GenerationRequest& request) {
  if (request.chat.tools.is_null()) return std::nullopt;
  ToolRules rules;
  rules.must_call = request.tool_choice == ToolChoice::must_call;
  rules.single_call = !request.parallel_tool_calls || !request.named_tool.empty();
  rules.tools = Json::array();
  for (const Json& tool : request.chat.tools) {
    const bool offered =
        request.named_tool.empty() || tool.at("function").at("name") == request.named_tool;
    if (offered) rules.tools.push_back(tool);
  }
  return rules;
}

// The names of keys are few and the owner's own; without keys all are one tenant.
uint64_t tenant_of(const Caller& caller) {
  return caller.name.empty() ? 0 : std::hash<std::string>()(caller.name);
}

// A key's own priority is the first in rank that its requests may name.
std::optional<ApiError> check_priority(const Caller& caller, std::optional<int64_t> asked) {
  if (!asked || !caller.priority || *asked >= *caller.priority) return std::nullopt;
  ApiError error = api_error(
      403, "priority_not_allowed",
      fmt::format(
          "`priority`: expected at least {}, as the API key says (lower goes first), found {}",
          *caller.priority, *asked));
  error.param = "priority";
  return error;
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
  out = {names[0], "", nullptr};
  if (asked.empty() || std::ranges::find(names, asked) != names.end()) return std::nullopt;
  for (const std::string& name : names) {
    if (!asked.starts_with(name + ":")) continue;
    const std::string adapter = asked.substr(name.size() + 1);
    out = {asked, adapter, adapters_.find(adapter)};
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

// What every request meets first: its model is looked for, and the policy of the caller's key, else
// the server's, is laid on its texts.
std::optional<ApiError> Admission::receive(const Caller& caller, GenerationRequest& request,
                                           NamedModel& named, GuardedRequest& out) {
  if (auto error = find_model(request.model, named)) return error;
  if (auto error = check_priority(caller, request.priority)) return error;
  if (options_.label.placement != label::Placement::off) remove_explicit_labels(request);
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
                                                GenerationJob& job, Admitted& out) {
  OutputFormat format = request.format;
  format.tools = tool_rules(request);
  if (format.is_free()) return std::nullopt;
  std::call_once(grammars_made_, [this] {
    grammars_ = std::make_unique<GrammarCache>(model_.constraint_vocabulary().tokens(),
                                               model_.tool_manner());
  });
  auto grammar = grammars_->get(format, job.tenant, &out.loose_tools);
  if (grammar) {
    job.grammar = *std::move(grammar);
    return std::nullopt;
  }
  const Status& why = grammar.status();
  // Of two that were compiled together the format is to blame where it fails alone, too.
  bool tools = format.tools.has_value();
  if (tools && format.kind != OutputFormat::Kind::text) {
    tools = grammars_->get(request.format, job.tenant).has_value();
  }
  const std::string field = tools ? "tools" : request.format_field;
  return bad_field(field, std::string(code_name(why.code())),
                   fmt::format("`{}`: {}", field, why.message()));
}

// A request that the policy can't mark is refused before anything runs.
std::optional<ApiError> Admission::mark(GenerationJob& job, std::string_view adapter,
                                        Admitted& out) {
  auto mark = options_.watermark.mark(job.sampling.temperature == 0, adapter);
  if (!mark) {
    metrics_.rejected("unmarkable");
    return bad_field("temperature", "unmarkable", mark.status().message());
  }
  job.mark = *std::move(mark);
  if (job.mark && job.mark->required && job.max_tokens <= job.mark->keys.window) {
    metrics_.rejected("unmarkable");
    return bad_field("max_tokens", "unmarkable",
                     fmt::format("`max_tokens`: expected more than the {} tokens that no watermark "
                                 "stands in, found {}",
                                 job.mark->keys.window, job.max_tokens));
  }
  if (job.mark) out.facts.watermark_key = options_.watermark.ring()->id();
  return std::nullopt;
}

// Whose a job is and which model's, and what the audit log tells of that.
void Admission::assign(const GenerationRequest& request, const Caller& caller,
                       const NamedModel& named, GenerationJob& job, Admitted& out) const {
  job.adapter = named.adapter;
  job.tenant = tenant_of(caller);
  job.priority = request.priority.value_or(caller.priority.value_or(0));
  RequestFacts& facts = out.facts;
  facts.model = named.name;
  if (named.adapter) facts.adapter_hash = adapters_.hash_of(*named.adapter);
  facts.personal_data_mode = caller.personal_data.value_or(options_.personal_data.mode);
  facts.personal_data = out.guarded.found;
  facts.user = request.user;
  for (const Prompt& prompt : job.prompts) {
    if (!options_.keep_text || facts.text.size() > kTextMax) break;
    facts.text += model_.tokenizer().decode(prompt.ids, true);
  }
  if (facts.text.size() > kTextMax) facts.text.resize(kTextMax);
}

// What another replica would need to go on with this stream; of one that is resumed, the seed, the
// tokens and the names that it had.
std::optional<ApiError> Admission::make_resumable(const GenerationRequest& request,
                                                  const ResumeAsk& resume, GenerationJob& job,
                                                  Admitted& out) {
  const bool resumable = is_resumable(request, out.guarded.vault != nullptr);
  if (options_.resume.key.empty() || !resumable) {
    if (!resume.resumed) return std::nullopt;
    return api_error(409, "not_resumable", "this server does not resume such an answer");
  }
  ResumeState now;
  now.endpoint = request.endpoint;
  now.numerics = options_.resume.numerics;
  now.adapter = out.facts.adapter_hash;
  now.body = resume.body;
  now.prompt = hash_of_ids(job.prompts[0].ids);
  now.seed = job.sampling.seed;
  now.created = std::time(nullptr);
  if (out.facts.label) now.label_id = out.facts.label->produce_id;
  if (resume.resumed) {
    const ResumeState& begun = resume.resumed->state;
    if (auto error = check_resumed(begun, now)) return error;
    now = begun;
    job.sampling.seed = begun.seed;
    job.generated = resume.resumed->tokens;
    if (out.facts.label) out.facts.label->produce_id = begun.label_id;
  }
  job.resumable = true;
  out.resume.emplace(Resumable{now, ResumeMarks(now, job.generated, options_.resume.key),
                               resume.resumed.has_value()});
  return std::nullopt;
}

std::optional<ApiError> Admission::admit(
    GenerationRequest request, const Caller& caller,
    std::optional<std::chrono::steady_clock::time_point> deadline, Admitted& out,
    const ResumeAsk* resume) {
  NamedModel named;
  if (auto error = receive(caller, request, named, out.guarded)) return error;
  std::vector<Prompt> prompts;
  if (auto error = make_prompts(model_, request, options_.context, prompts)) return error;
  for (const Prompt& prompt : prompts) {
    if (!request.echo) break;
    out.echo.insert(out.echo.end(), static_cast<size_t>(request.n),
                    model_.tokenizer().decode(prompt.ids, true));
  }
  GenerationJob job = make_job(model_, request, options_.context, std::move(prompts));
  assign(request, caller, named, job, out);
  job.thought = thought_of(request);
  if (auto error = mark(job, named.adapter_name, out)) return error;
  if (auto error = make_grammar(request, job, out)) return error;
  if (options_.label.placement != label::Placement::off) {
    out.facts.label = label::Mark{options_.label.producer, label::new_produce_id()};
  }
  if (resume) {
    if (auto error = make_resumable(request, *resume, job, out)) return error;
  }
  if (takes_explicit_label(request)) {
    out.labeller.emplace(options_.label, static_cast<size_t>(job.choices()));
  }
  return submit(std::move(job), caller, deadline, request.stream, out);
}

std::optional<ApiError> Admission::embed(
    EmbeddingRequest request, const Caller& caller,
    std::optional<std::chrono::steady_clock::time_point> deadline, Admitted& out) {
  GenerationRequest texts;  // as the guard knows them
  texts.model = std::move(request.model);
  texts.endpoint = Endpoint::completion;
  texts.prompts = std::move(request.inputs);
  texts.user = std::move(request.user);
  texts.priority = request.priority;
  NamedModel named;
  if (auto error = receive(caller, texts, named, out.guarded)) return error;
  const int64_t texts_max = kEmbeddingValuesMax / model_.model().info().hidden_size;
  if (static_cast<int64_t>(texts.prompts.size()) > texts_max) {
    return bad_field("input", "invalid_value",
                     fmt::format("`input`: expected at most {} texts, found {}: a reply holds {} "
                                 "numbers",
                                 texts_max, texts.prompts.size(), kEmbeddingValuesMax));
  }
  GenerationJob job;
  if (auto error = make_inputs(model_, texts.prompts, options_.context, job.prompts)) return error;
  assign(texts, caller, named, job, out);
  job.pooling = options_.pooling;
  job.raw = true;
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
    const double cost = usage.spent ? usage.spent->cost : 0;
    gate.spend(caller, usage.prompt_tokens + usage.completion_tokens, cost);
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
