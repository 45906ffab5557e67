// See engine_loop.h.
#include "hearth/serve/engine_loop.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "hearth/engine/constrain.h"
#include "hearth/serve/answer_outlet.h"
#include "hearth/serve/token_chances.h"

namespace hearth::serve {
namespace {

double seconds_of(std::chrono::steady_clock::duration d) {
  return std::chrono::duration<double>(d).count();
}

int64_t milliseconds_now() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

ApiError overloaded(std::string message, int retry_after) {
  return api_error(503, "overloaded", std::move(message), retry_after);
}

ApiError machine_rests(int retry_after) {
  return api_error(503, "machine_rests",
                   "the machine is too hot or has a fault: it takes no new requests", retry_after);
}

ApiError given_up(Abandon reason) {
  if (reason == Abandon::stopped) {
    return api_error(503, "shutting_down", "the server stopped before the answer was complete", 5);
  }
  return overloaded("the request was given up", 0);
}

// Texts of one request that are embedded at the same time: a request of thousands lets others in
// between.
constexpr int64_t kEmbeddingsAtOnce = 8;

}  // namespace

struct EngineLoop::Choice {
  Choice(const Tokenizer& tokenizer, const GenerationJob& job, const Prompt& prompt, int64_t index)
      : index(static_cast<int32_t>(index)),
        text(tokenizer, job.form_of(prompt), job.stop, static_cast<int32_t>(index)) {
    if (job.tools) text.read_tool_calls(*job.tools, job.single_call);
    if (job.mark && job.mark->required) {
      outlet.require(tokenizer, job.form_of(prompt), *job.mark);
    }
  }

  const int32_t index;
  AnswerText text;
  AnswerOutlet outlet;
  Pooler states;  // where an embedding is wanted
  Live* job = nullptr;
  int64_t id = 0;              // in the engine
  int64_t prompt_done = 0;     // tokens of it that are computed
  std::span<const float> row;  // logits that the next token is drawn from
  Clock::time_point last_token;
  bool done = false;
};

struct EngineLoop::Live {
  GenerationJob job;
  std::vector<std::unique_ptr<Choice>> choices;
  int64_t open = 0;         // choices in the engine
  int64_t prompt_done = 0;  // of all of them
  bool scheduled = false;   // a first step was planned with it
  bool started = false;     // something came out of it
  bool given_up = false;
  std::optional<ApiError> failure;
  int64_t step_rows = 0;  // tokens that the last step computed for it
  double seconds = 0;     // its shares of all steps
  double joules = 0;
};

EngineLoop::EngineLoop(const TextModel& model, Engine& engine, Metrics& metrics,
                       const LoopOptions& options)
    : model_(model),
      engine_(engine),
      metrics_(metrics),
      options_(options),
      last_end_(Clock::now()) {}

EngineLoop::~EngineLoop() {
  stop();
}

void EngineLoop::stop() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

Status EngineLoop::start() {
  if (!probe()) return error(Code::internal, "the model gave no token for a prompt of one token");
  thread_ = std::thread([this] { run(); });
  return Status::ok();
}

MachineLimits EngineLoop::machine_limits() const {
  return options_.machine ? options_.machine->limits() : MachineLimits();
}

std::optional<ApiError> EngineLoop::submit(GenerationJob job) {
  const int64_t tokens = job.prompt_tokens();
  CHECK_GT(job.choices(), 0);
  job.at_once = job.choices();
  if (job.pooling) job.at_once = std::min({job.at_once, kEmbeddingsAtOnce, options_.sequences_max});
  const MachineLimits machine = machine_limits();
  if (!machine.admit) return machine_rests(machine.retry_after);
  {
    std::lock_guard lock(mutex_);
    if (draining_ || stop_) {
      return api_error(503, "shutting_down", "the server is shutting down", 5);
    }
    if (live_ + job.at_once > options_.sequences_max) {
      return overloaded(fmt::format("the queue of {} answers is full", options_.sequences_max),
                        retry_after());
    }
    if (prompt_tokens_ + tokens > options_.prompt_tokens_max) {
      return overloaded(
          fmt::format("the queue of {} prompt tokens is full", options_.prompt_tokens_max),
          retry_after());
    }
    live_ += job.at_once;
    prompt_tokens_ += tokens;
    metrics_.admitted();
    job.arrival = Clock::now();
    submitted_.push_back(std::move(job));
  }
  wake_.notify_one();
  return std::nullopt;
}

bool EngineLoop::run_between_steps(std::function<bool()> work) {
  auto asked = std::make_unique<Work>();
  asked->run = std::move(work);
  std::future<bool> done = asked->done.get_future();
  {
    std::lock_guard lock(mutex_);
    if (over_) return false;
    work_.push_back(std::move(asked));
  }
  wake_.notify_one();
  return done.get();
}

void EngineLoop::do_work() {
  std::vector<std::unique_ptr<Work>> asked;
  {
    std::lock_guard lock(mutex_);
    asked.swap(work_);
  }
  for (std::unique_ptr<Work>& work : asked) {
    if (work->run()) {
      work->done.set_value(true);
    } else {
      std::lock_guard lock(mutex_);
      work_.push_back(std::move(work));
    }
  }
}

void EngineLoop::drop_work() {
  std::lock_guard lock(mutex_);
  over_ = true;
  for (const std::unique_ptr<Work>& work : work_) work->done.set_value(false);
  work_.clear();
}

std::optional<ApiError> EngineLoop::why_not_ready() const {
  constexpr int kRetry = 5;
  if (draining_) return api_error(503, "not_ready", "the server is shutting down", kRetry);
  const double age = static_cast<double>(milliseconds_now() - last_step_ms_) / 1000;
  if (age >= options_.stuck_seconds) {
    return api_error(503, "not_ready", "no forward pass has succeeded lately", kRetry);
  }
  const MachineLimits machine = machine_limits();
  return machine.admit ? std::nullopt : std::optional(machine_rests(machine.retry_after));
}

int EngineLoop::retry_after() const {
  return static_cast<int>(std::clamp(std::ceil(seconds_between_ends_.load()), 1.0, 60.0));
}

void EngineLoop::run() {
  while (true) {
    for (GenerationJob& job : take_new()) begin(std::move(job));
    do_work();
    give_up_the_abandoned();
    count_sequences();
    {
      std::lock_guard lock(mutex_);
      if (stop_) break;
    }
    engine_.set_share(machine_limits().share);
    if (!engine_.idle()) {
      step();
    } else if (static_cast<double>(milliseconds_now() - last_step_ms_) >=
               options_.probe_seconds * 1000) {
      probe();
    }
  }
  drop_work();
  // What is left ends here, counted: cancelled in the engine, told to its connection.
  for (GenerationJob& job : take_new()) begin(std::move(job));
  for (const auto& live : jobs_) live->job.channel->abandon(Abandon::stopped);
  give_up_the_abandoned();
  while (!jobs_.empty()) step();
}

// Waits while there is nothing to do, no longer than to the next probe.
std::vector<GenerationJob> EngineLoop::take_new() {
  std::unique_lock lock(mutex_);
  if (engine_.idle() && !stop_ && submitted_.empty() && work_.empty()) {
    wake_.wait_for(lock, std::chrono::duration<double>(options_.probe_seconds));
  }
  return std::exchange(submitted_, {});
}

void EngineLoop::begin(GenerationJob job) {
  auto live = std::make_unique<Live>();
  live->job = std::move(job);
  Live& added = *live;
  jobs_.push_back(std::move(live));
  begin_choices(added);
  if (added.open == 0) {
    end(added);
    std::erase_if(jobs_, [&](const auto& j) { return j.get() == &added; });
  } else if (added.failure) {
    cancel_choices(added);
  }
}

// The next ones, as many as may be in the engine at once.
void EngineLoop::begin_choices(Live& live) {
  while (!live.failure && !live.given_up && live.open < live.job.at_once) {
    const auto next = static_cast<int64_t>(live.choices.size());
    if (next == live.job.choices() || !begin_choice(live, next)) break;
  }
}

TokenSink EngineLoop::sink_of(Choice& choice) {
  TokenSink sink;
  Live& live = *choice.job;
  sink.on_token = [this, &choice](int32_t id) { return take_token(choice, id); };
  sink.on_finish = [this, &choice](FinishReason reason) { take_finish(choice, reason); };
  sink.on_error = [&live](const Status& status) { live.failure = error_of(status, "grammar"); };
  sink.on_rows = [&live](int64_t rows) { live.step_rows += rows; };
  sink.on_start = [this, &live, &job = live.job, &choice](int64_t cached) {
    if (!std::exchange(live.scheduled, true)) {
      metrics_.queued(seconds_of(Clock::now() - job.arrival));
    }
    if (choice.index % job.n != 0) return;  // choices of one prompt share it
    const Prompt& prompt = job.prompts[static_cast<size_t>(choice.index / job.n)];
    job.channel->count_prompt(static_cast<int64_t>(prompt.ids.size()), cached);
  };
  sink.on_prompt = [this, &live, &choice](int64_t computed) {
    step_had_prompts_ = true;
    live.prompt_done += computed - std::exchange(choice.prompt_done, computed);
    live.job.channel->set_prompt_progress(live.prompt_done, live.job.prompt_tokens());
  };
  sink.on_hidden = [&choice](std::span<const float> state) { choice.states.add(state); };
  if (live.job.logprobs) {
    sink.on_token_logits = [&choice](std::span<const float> row) { choice.row = row; };
  }
  return sink;
}

bool EngineLoop::begin_choice(Live& live, int64_t index) {
  const GenerationJob& job = live.job;
  const Prompt& prompt = job.prompts[static_cast<size_t>(index / job.n)];
  live.choices.push_back(std::make_unique<Choice>(model_.tokenizer(), job, prompt, index));
  Choice& choice = *live.choices.back();
  choice.job = &live;
  const auto replayed = [&](int32_t id, const auto& pieces) { choice.outlet.replay(id, pieces); };
  if (!choice.text.replay(job.generated, replayed)) {
    live.failure = api_error(409, "not_resumable", "the resumed answer had ended");
    return false;
  }
  for (size_t i = 0; i < job.generated.size(); ++i) job.channel->count_token();
  if (choice.text.words_out()) job.channel->set_words_out();
  choice.last_token = Clock::now();
  TokenRequest request;
  request.prompt = prompt.ids;
  request.generated = job.generated;
  request.max_tokens = job.max_tokens;
  request.sampling = job.sampling;
  request.sampling.seed += static_cast<uint64_t>(index) * 0x9e3779b97f4a7c15u;
  request.stop_ids = model_.stop_ids();
  request.scope.tenant = job.tenant;
  request.adapter = job.adapter;
  request.priority = static_cast<int32_t>(-job.priority);  // the engine's higher ones go first
  if (job.pooling) request.hidden = hidden_of(*job.pooling);
  const int64_t first = index - index % job.n;  // of the choices with this prompt
  if (first != index) {
    request.shares_prompt_with = live.choices[static_cast<size_t>(first)]->id;
  }
  const Status constrained =
      constrain(request, model_, prompt, job.form_of(prompt), job.grammar, job.thought);
  if (!constrained.is_ok()) {
    live.failure = error_of(constrained, "thinking_budget");
    return false;
  }
  if (job.mark) {
    request.keyed = make_mark(model_.tokenizer(), job.form_of(prompt), *job.mark, job.sampling);
    request.dual_key = job.mark->keys.draft.has_value();
  } else if (options_.marks_required && !job.pooling) {  // an embedding has no words to mark
    live.failure = api_error(500, "unmarked", "the answer would not have been watermarked");
    return false;
  }
  const Result<int64_t> id = engine_.submit(std::move(request), sink_of(choice));
  if (!id) {
    live.failure = error_of(id.status(), job.field());
    return false;
  }
  choice.id = *id;
  ++live.open;
  return true;
}

void EngineLoop::cancel_choices(Live& live) {
  live.given_up = true;
  for (const auto& choice : live.choices) {
    if (!choice->done && choice->id > 0) engine_.cancel(choice->id);
  }
}

void EngineLoop::give_up_the_abandoned() {
  const Clock::time_point now = Clock::now();
  for (const auto& live : jobs_) {
    if (live->given_up) continue;
    const double age = seconds_of(now - live->job.arrival);
    if (!live->started && age > options_.queue_seconds) {
      live->failure = overloaded("the queue was too long for this request", retry_after());
    } else if (age > options_.request_seconds) {
      // 504: behind a proxy that tries a 503 again another server would take as long.
      live->failure =
          api_error(504, "deadline_exceeded", "the answer took longer than the server allows");
    } else if (live->job.deadline && now >= *live->job.deadline) {
      live->failure =
          api_error(408, "deadline_exceeded", "the answer took longer than its deadline");
    }
    if (live->failure || live->job.channel->abandoned() != Abandon::none) cancel_choices(*live);
  }
}

void EngineLoop::count_sequences() {
  const SchedulerStats stats = engine_.stats();
  metrics_.in_engine(stats, live_ - stats.running);
  metrics_.drafts(engine_.draft_stats());
  metrics_.experts(engine_.expert_cache_stats());
}

bool EngineLoop::take_token(Choice& choice, int32_t id) {
  Live& live = *choice.job;
  const Clock::time_point now = Clock::now();
  if (choice.text.tokens() == 0) {
    metrics_.first_token(seconds_of(now - live.job.arrival));
  } else {
    metrics_.next_token(seconds_of(now - choice.last_token));
  }
  choice.last_token = now;
  live.started = true;
  live.job.channel->count_token();
  std::optional<TokenLogprob> chance;
  if (live.job.logprobs) chance = token_logprob(choice.row, id, *live.job.logprobs);
  std::vector<Piece> pieces;
  const bool goes_on = choice.text.push(id, chance ? &*chance : nullptr, pieces);
  live.job.channel->set_thinking(choice.text.in_thought() ? choice.text.reasoning_tokens() : 0);
  // The token that ends an answer is drawn again by whoever resumes it, and ends it there.
  const bool told = live.job.resumable && goes_on;
  choice.outlet.put(*live.job.channel, id, std::move(pieces), told);
  return goes_on;
}

void EngineLoop::take_finish(Choice& choice, FinishReason reason) {
  Live& live = *choice.job;
  choice.done = true;
  --live.open;
  if (reason == FinishReason::cancelled) return;
  if (reason == FinishReason::failed) {
    if (!live.failure) live.failure = failure_of(engine_.failure());
    return;
  }
  if (live.job.pooling) return take_embedding(choice);
  std::vector<Piece> pieces;
  choice.text.finish(finish_reason_name(reason), pieces);
  if (choice.outlet.end(*live.job.channel, std::move(pieces))) {
    metrics_.choice_finished(finish_reason_name(reason));
  } else if (!live.failure) {
    live.failure = api_error(422, "unmarkable",
                             "the answer ended before a word of it could bear the watermark, "
                             "without which none leaves this server");
  }
}

void EngineLoop::take_embedding(Choice& choice) {
  Live& live = *choice.job;
  live.started = true;
  Piece piece;
  piece.choice = choice.index;
  piece.embedding = choice.states.embedding();
  choice.states = {};  // its sums are as large again
  piece.finish = "stop";
  const bool finite =
      std::ranges::all_of(piece.embedding, [](float v) { return std::isfinite(v); });
  if (finite) return live.job.channel->put(std::move(piece));
  live.failure = api_error(500, "internal", "the model's states of this text are no numbers");
}

void EngineLoop::end(Live& live) {
  Usage usage = live.job.channel->counted();
  for (const auto& choice : live.choices) {
    usage.reasoning_tokens += choice->text.reasoning_tokens();
  }
  if (options_.costs) usage.spent = options_.costs->spent(live.seconds, live.joules);
  {
    // Before the client is told: it may ask again at once, and the room must be there.
    std::lock_guard lock(mutex_);
    live_ -= live.job.at_once;
    prompt_tokens_ -= live.job.prompt_tokens();
  }
  if (live.job.on_end) live.job.on_end(usage);  // what it has spent counts for the next one
  const Abandon abandoned = live.job.channel->abandoned();
  const Clock::time_point now = Clock::now();
  if (live.failure) {
    metrics_.failed(live.failure->code, usage);
    live.job.channel->fail(*live.failure, usage);
  } else if (abandoned != Abandon::none) {
    metrics_.cancelled(abandon_name(abandoned), usage);
    live.job.channel->fail(given_up(abandoned), usage);
  } else {
    metrics_.completed(usage, seconds_of(now - live.job.arrival));
    live.job.channel->finish(usage);
  }
  const double gap = seconds_of(now - last_end_);
  seconds_between_ends_ = 0.8 * seconds_between_ends_ + 0.2 * std::min(gap, 60.0);
  last_end_ = now;
}

// Each request bears the step by its tokens in it.
void EngineLoop::share_costs(double seconds) {
  if (!options_.costs) return;
  const double joules = options_.costs->end_step(seconds);
  int64_t rows = 0;
  for (const auto& live : jobs_) rows += live->step_rows;
  for (const auto& live : jobs_) {
    if (live->step_rows == 0) continue;
    const double share = static_cast<double>(live->step_rows) / static_cast<double>(rows);
    live->seconds += share * seconds;
    live->joules += share * joules;
    live->step_rows = 0;
  }
}

void EngineLoop::step() {
  const Clock::time_point start = Clock::now();
  if (options_.costs) options_.costs->begin_step();
  step_had_prompts_ = false;
  engine_.step();
  last_step_ms_ = milliseconds_now();
  const double seconds = seconds_of(Clock::now() - start);
  metrics_.step(live_, seconds, step_had_prompts_);
  share_costs(seconds);
  for (const auto& live : jobs_) {
    begin_choices(*live);
    if (live->open == 0) end(*live);
  }
  std::erase_if(jobs_, [](const auto& live) { return live->open == 0; });
  if (jobs_.empty()) count_sequences();  // the loop may sleep now
}

bool EngineLoop::probe() {
  bool token = false;
  bool done = false;
  TokenRequest request;
  request.prompt = {model_.tokenizer().bos().value_or(0)};
  request.max_tokens = 1;
  request.sampling.temperature = 0;
  TokenSink sink;
  sink.on_token = [&](int32_t) { return token = true; };
  sink.on_finish = [&](FinishReason) { done = true; };
  if (!engine_.submit(std::move(request), std::move(sink))) return false;
  while (!done) engine_.step();
  if (token) last_step_ms_ = milliseconds_now();
  return token;
}

}  // namespace hearth::serve
