// The public library (include/hearth/hearth.h) over the engine: translates settings, and turns
// every Status into one line of text.
#include "hearth/hearth.h"

#include <atomic>
#include <limits>
#include <nlohmann/json.hpp>

#include "hearth/backend/make_backend.h"
#include "hearth/engine/generation.h"
#include "hearth/host/fit.h"

namespace hearth {

struct LanguageModel::State {
  std::unique_ptr<Backend> backend;
  std::unique_ptr<TextModel> model;
  std::shared_ptr<const Adapter> adapter;
  std::unique_ptr<Engine> engine;
  std::atomic<bool> cancelled{false};
  std::atomic<bool> generating{false};
};

namespace {

ErrorKind kind_of(const Status& status) {
  switch (status.code()) {
    case Code::invalid:
      return ErrorKind::invalid;
    case Code::not_found:
      return ErrorKind::not_found;
    case Code::corrupt:
      return ErrorKind::corrupt;
    case Code::unsupported:
      return ErrorKind::unsupported;
    case Code::no_memory:
      return ErrorKind::no_memory;
    case Code::busy:
      return ErrorKind::busy;
    case Code::ok:
    case Code::cancelled:  // a reply's finish_reason, never an error
    case Code::internal:
      break;
  }
  return ErrorKind::internal;
}

template <typename T>
Expected<T> failure(const Status& status) {
  return Expected<T>::failure(kind_of(status), status.message());
}

Result<std::optional<Format>> dtype_named(const std::string& name) {
  if (name == "auto") return std::optional<Format>();
  if (name == "int8") return std::optional(Format::q8_0);
  const std::optional<Format> format = format_by_name(name);
  if (format && *format != Format::f8_e4m3) return format;
  return error(Code::invalid,
               "dtype: expected auto, int8 or a weight format such as q4_k, found `{}`", name);
}

Result<TextRequest> translate(const TextModel& model, const GenerateRequest& in) {
  TextRequest out;
  if (!in.prompt_ids.empty()) {
    out.prompt.ids = in.prompt_ids;
  } else {
    ChatRequest chat;
    chat.messages = Json::array();
    for (const Turn& turn : in.turns) {
      chat.messages.push_back({{"role", turn.role}, {"content", turn.content}});
    }
    if (in.turns.empty()) chat.messages.push_back({{"role", "user"}, {"content", in.message}});
    TRY_ASSIGN(out.prompt, model.chat(chat));
  }
  out.sampling = model.defaults();
  out.sampling.temperature = in.temperature.value_or(out.sampling.temperature);
  out.sampling.top_p = in.top_p.value_or(out.sampling.top_p);
  out.sampling.min_p = in.min_p.value_or(out.sampling.min_p);
  out.sampling.top_k = in.top_k.value_or(out.sampling.top_k);
  out.sampling.seed = in.seed;
  out.max_tokens = in.max_tokens;
  out.stop = in.stop;
  out.on_token = in.on_token;
  return out;
}

Reply translate(std::vector<int32_t> prompt_ids, TextReply in) {
  Reply out;
  out.prompt_ids = std::move(prompt_ids);
  out.output_ids = std::move(in.output_ids);
  out.reasoning = std::move(in.reasoning);
  out.text = std::move(in.text);
  out.finish_reason = finish_reason_name(in.finish_reason);
  return out;
}

// Lets the next call in, also where a listener of the caller throws.
struct Running {
  std::atomic<bool>& flag;
  ~Running() { flag = false; }
};

}  // namespace

LanguageModel::LanguageModel(std::unique_ptr<State> state) : state_(std::move(state)) {}
LanguageModel::LanguageModel(LanguageModel&&) noexcept = default;
LanguageModel& LanguageModel::operator=(LanguageModel&&) noexcept = default;
LanguageModel::~LanguageModel() = default;

Expected<LanguageModel> LanguageModel::load(const std::string& path, const LoadSettings& settings) {
  const auto open = [&]() -> Result<std::unique_ptr<State>> {
    auto state = std::make_unique<State>();
    LoadOptions options;
    TRY_ASSIGN(options.dtype, dtype_named(settings.dtype));
    const Format kv_format = settings.dtype == "f32" ? Format::f32 : Format::f16;
    PlanOptions plan;
    plan.dtype = options.dtype;
    plan.context = settings.context;
    plan.kv_format = kv_format;
    const bool on_cpu = settings.device == "auto" || settings.device == "cpu";
    plan.experts_may_stay = on_cpu;
    TRY_ASSIGN(const MemoryPlan planned, fit_model(path, plan));
    BackendOptions backend;
    backend.experts.bytes = planned.experts.cache_bytes;
    options.experts_from_disk = planned.experts.count > 0;
    backend.device = settings.device;
    backend.threads = settings.threads > 0 ? settings.threads : default_threads();
    TRY_ASSIGN(state->backend, make_backend(backend));
    TRY_ASSIGN(state->model, TextModel::load(path, *state->backend, options));
    if (!settings.adapter.empty()) {
      TRY_ASSIGN(state->adapter,
                 load_adapter(settings.adapter, state->model->loaded(), *state->backend));
    }
    EngineOptions engine;
    engine.context = settings.context;
    engine.kv_format = kv_format;
    engine.limits.queue_max = std::numeric_limits<int64_t>::max();  // a batch is the caller's size
    state->engine = std::make_unique<Engine>(state->model->model(), *state->backend, engine,
                                             state->model->banned());
    return state;
  };
  auto state = open();
  if (!state) return failure<LanguageModel>(state.status());
  return LanguageModel(*std::move(state));
}

Expected<std::vector<Reply>> LanguageModel::generate(const std::vector<GenerateRequest>& requests) {
  const auto run = [&]() -> Result<std::vector<Reply>> {
    std::vector<TextRequest> translated;
    std::vector<std::vector<int32_t>> prompts;
    for (const GenerateRequest& request : requests) {
      TRY_ASSIGN(TextRequest one, translate(*state_->model, request));
      prompts.push_back(one.prompt.ids);
      one.adapter = state_->adapter;
      translated.push_back(std::move(one));
    }
    state_->cancelled = false;
    TRY_ASSIGN(std::vector<TextReply> replies,
               hearth::generate(*state_->model, *state_->engine, std::move(translated), nullptr,
                                [&] { return !state_->cancelled; }));
    std::vector<Reply> out;
    for (size_t i = 0; i < replies.size(); ++i) {
      out.push_back(translate(std::move(prompts[i]), std::move(replies[i])));
    }
    return out;
  };
  if (state_->generating.exchange(true)) {
    return failure<std::vector<Reply>>(
        error(Code::busy, "generate: expected one call at a time, found another that runs"));
  }
  const Running running{state_->generating};
  auto replies = run();
  if (!replies) return failure<std::vector<Reply>>(replies.status());
  return *std::move(replies);
}

void LanguageModel::cancel() {
  state_->cancelled = true;
}

std::vector<int32_t> LanguageModel::tokenize(std::string_view text) const {
  return state_->model->plain(text, true).ids;
}

std::string LanguageModel::detokenize(const std::vector<int32_t>& ids) const {
  return state_->model->tokenizer().decode(ids, false);
}

std::string LanguageModel::architecture() const {
  return state_->model->model().info().architecture;
}

int64_t LanguageModel::vocab_size() const {
  return state_->model->model().info().vocab_size;
}

const std::vector<std::string>& LanguageModel::notices() const {
  return state_->model->loaded().notices;
}

}  // namespace hearth
