// See engine.h. A step: guess, plan, forward, commit, sample; where a network
// guesses for all, it is asked at the end for the next step.
#include "hearth/engine/engine.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include "hearth/engine/check_request.h"
#include "hearth/engine/model_drafter.h"
#include "hearth/engine/mtp_drafter.h"

namespace hearth {

std::string_view finish_reason_name(FinishReason reason) {
  switch (reason) {
    case FinishReason::stop:
      return "stop";
    case FinishReason::length:
      return "length";
    case FinishReason::cancelled:
      return "cancelled";
    case FinishReason::failed:
      return "error";
  }
  return "unknown";
}

struct Engine::Live {
  Sequence sequence;
  TokenRequest request;
  TokenSink sink;
  std::unique_ptr<Drafter> drafter;  // null: it gets no drafts
  Acceptance acceptance;
  std::vector<Guess> guesses;    // with two keys: the drafts, and how they were drawn
  std::optional<int32_t> guess;  // of the next token, whether it is checked as a draft or not
  bool started = false;
  std::optional<FinishReason> finished;
};

int64_t kv_block_bytes(const EngineOptions& options, const Model& model) {
  int64_t bytes = model.kv_spec(options.kv_format).block_bytes();
  if (options.draft_model) bytes += options.draft_model->kv_spec(options.kv_format).block_bytes();
  return bytes;
}

namespace {

EngineOptions resolved(EngineOptions options, const Model& model) {
  options.context = std::min(options.context, model.info().max_position_embeddings);
  if (options.kv_blocks > 0) return options;
  const int64_t block_bytes = kv_block_bytes(options, model);
  options.kv_blocks = options.kv_memory > 0 ? options.kv_memory / block_bytes
                                            : Scheduler::blocks_for(options.context);
  return options;
}

}  // namespace

Engine::Engine(const Model& model, Backend& backend, const EngineOptions& options,
               std::vector<uint8_t> banned)
    : model_(model),
      backend_(backend),
      adapted_(backend),
      options_(resolved(options, model)),
      banned_(std::move(banned)),
      cache_(make_cache()),
      scheduler_(options_.limits, options_.kv_blocks),
      chunk_policy_(options_.limits.batch_tokens_max, options_.step_seconds_max),
      draft_policy_(options_.drafts_always) {
  together_ = make_batch_drafter();
}

Engine::~Engine() = default;

KvCache Engine::make_cache() {
  const KvSpec spec = model_.kv_spec(options_.kv_format);
  auto cache = hearth::make_cache(backend_, spec, options_.kv_blocks);
  if (cache && options_.mtp) {
    CHECK(model_.has_mtp());
    const Shape states = {options_.limits.batch_tokens_max, model_.info().hidden_size};
    auto memory = backend_.cache_memory(states.elements() * 4);
    if (memory) {
      cache->keep_states(states, *std::move(memory));
    } else {
      cache = std::move(memory).status();
    }
  }
  if (cache) return *std::move(cache);
  health_ = std::move(cache).status().at("KV cache");
  return {spec, options_.kv_blocks, nullptr};
}

std::unique_ptr<BatchDrafter> Engine::make_batch_drafter() {
  if (options_.mtp) return std::make_unique<MtpDrafter>(model_, backend_, cache_);
  if (!options_.draft_model) return nullptr;
  const Model& smaller = *options_.draft_model;
  auto cache =
      hearth::make_cache(backend_, smaller.kv_spec(options_.kv_format), options_.kv_blocks);
  if (cache) {
    return std::make_unique<ModelDrafter>(smaller, backend_, *std::move(cache),
                                          model_.info().vocab_size);
  }
  if (health_.is_ok()) health_ = std::move(cache).status().at("KV cache of the draft model");
  return nullptr;
}

Result<int64_t> Engine::submit(TokenRequest request, TokenSink sink) {
  if (!health_.is_ok()) return health_;
  TRY(check_request(request, model_.info().vocab_size, options_.context));
  if (scheduler_.full()) {
    return error(Code::busy, "the queue of {} requests is full", options_.limits.queue_max);
  }
  auto live = std::make_unique<Live>();
  Sequence& s = live->sequence;
  s.id = next_id_++;
  s.priority = request.priority;
  s.scope = request.scope;
  s.scope.adapter = request.adapter ? request.adapter->id() : 0;
  s.tokens = request.prompt;
  s.prompt_length = s.length();
  s.tokens.insert(s.tokens.end(), request.generated.begin(), request.generated.end());
  s.hidden = request.hidden != Hidden::none;
  s.every_row = request.hidden == Hidden::every || (!s.hidden && sink.on_logits);
  const int64_t room = s.hidden ? 0 : options_.context - s.prompt_length;
  s.length_max =
      std::max(s.length(), s.prompt_length + std::clamp<int64_t>(request.max_tokens, 0, room));
  if (!scheduler_.fits(s.length_max)) {
    return error(Code::no_memory, "prompt and answer need {} tokens, the KV cache holds {}",
                 s.length_max, options_.kv_blocks * kKvBlockTokens);
  }
  const auto leader = live_.find(request.shares_prompt_with);
  if (leader != live_.end()) s.leader = &leader->second->sequence;
  live->request = std::move(request);
  live->sink = std::move(sink);
  if (options_.make_drafter && !s.every_row && !s.hidden) live->drafter = options_.make_drafter();
  scheduler_.add(&s);
  const int64_t id = s.id;
  live_.emplace(id, std::move(live));
  return id;
}

void Engine::cancel(int64_t id) {
  std::lock_guard lock(cancel_mutex_);
  cancelled_.insert(id);
}

void Engine::apply_cancellations() {
  std::set<int64_t> ids;
  {
    std::lock_guard lock(cancel_mutex_);
    ids.swap(cancelled_);
  }
  for (int64_t id : ids) {
    if (live_.contains(id)) finish(id, FinishReason::cancelled);
  }
}

void Engine::finish(int64_t id, FinishReason reason) {
  const auto found = live_.find(id);
  const std::unique_ptr<Live> live = std::move(found->second);
  live_.erase(found);
  scheduler_.remove(&live->sequence);
  if (together_) together_->forget(id);
  if (live->sink.on_finish) live->sink.on_finish(reason);
}

// A step that had too little memory has lost nothing but itself.
void Engine::fail(const Scheduler::Plan& plan, Status why) {
  std::vector<int64_t> ids;
  if (why.code() == Code::no_memory || why.code() == Code::corrupt) {
    for (const Sequence* s : plan.owners) ids.push_back(s->id);
  } else {
    health_ = why;
    for (const auto& [id, live] : live_) ids.push_back(id);
  }
  failure_ = std::move(why);
  for (const int64_t id : ids) finish(id, FinishReason::failed);
}

// The ids that may not come next; empty: every one may.
Result<std::span<const uint8_t>> Engine::banned_for(const Live& live) {
  if (!live.request.mask) return std::span<const uint8_t>(banned_);
  const auto vocab = static_cast<size_t>(model_.info().vocab_size);
  masked_.assign(banned_.begin(), banned_.end());
  masked_.resize(vocab, 0);
  const std::span<const int32_t> tokens(live.sequence.tokens);
  TRY(live.request.mask(tokens.subspan(static_cast<size_t>(live.sequence.prompt_length)), masked_));
  return std::span<const uint8_t>(masked_);
}

int32_t Engine::draw(const Live& live, std::span<const float> logits,
                     std::span<const uint8_t> banned, const Guess* guess) {
  const TokenHistory history{live.sequence.tokens, live.sequence.prompt_length};
  const SamplingParams& sampling = live.request.sampling;
  if (live.request.keyed) {
    const auto answer = history.tokens.subspan(static_cast<size_t>(history.prompt_length));
    const std::optional<KeyedPlace> place = live.request.keyed(answer, {});
    if (place && place->draft && guess && !guess->drawn_from.empty()) {
      return sample_checked(logits, sampling, history, banned, *place, *guess);
    }
    if (place) return sample_keyed(logits, sampling, history, banned, *place);
  }
  return sample(logits, sampling, history, banned);
}

// nullopt: the answer ends, by a stop id or because nothing may come.
Result<std::optional<int32_t>> Engine::next_token(const Live& live, std::span<const float> logits,
                                                  const Guess* guess) {
  const Sequence& s = live.sequence;
  const std::span<const int32_t> tokens(s.tokens);
  if (live.request.forced) {
    const auto id = live.request.forced(tokens.subspan(static_cast<size_t>(s.prompt_length)));
    if (id) return id;
  }
  TRY_ASSIGN(const std::span<const uint8_t> banned, banned_for(live));
  if (live.request.mask && std::ranges::find(banned, 0) == banned.end()) {
    return std::optional<int32_t>();
  }
  const int32_t id = draw(live, logits, banned, guess);
  const auto& stops = live.request.stop_ids;
  if (std::find(stops.begin(), stops.end(), id) != stops.end()) {
    return std::optional<int32_t>();
  }
  return std::optional<int32_t>(id);
}

// Gives a sequence its next token and decides whether it goes on.
void Engine::accept(Live& live, std::span<const float> logits, const Guess* guess) {
  Sequence& s = live.sequence;
  if (s.length() >= s.length_max) {
    live.finished = FinishReason::length;  // nothing was asked for, or all of it is there
    return;
  }
  const auto start = std::chrono::steady_clock::now();
  Result<std::optional<int32_t>> next = next_token(live, logits, guess);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  draft_policy_.draw_took(took.count());
  if (!next) {
    if (live.sink.on_error) live.sink.on_error(std::move(next).status());
    live.finished = FinishReason::failed;
    return;
  }
  const std::optional<int32_t> id = *next;
  if (!id) {
    live.finished = FinishReason::stop;
    return;
  }
  s.tokens.push_back(*id);
  if (live.sink.on_token_logits) live.sink.on_token_logits(logits);
  if (live.sink.on_token && !live.sink.on_token(*id)) {
    live.finished = FinishReason::stop;
  } else if (s.length() >= s.length_max && !live.sink.on_logits) {
    live.finished = FinishReason::length;
  }
}

// Guesses for one sequence; false: it is in the middle of its prompt.
bool Engine::draft_for(Live& live) {
  Sequence& s = live.sequence;
  if (s.in_prompt() || s.pending() != 1) return false;
  if (!live.drafter) return true;
  live.drafter->draft(s.tokens, options_.drafts_max, s.drafts);
  live.acceptance.behind(live.drafter->matched());
  if (!s.drafts.empty()) live.guess = s.drafts.front();
  return true;
}

// Gives the running sequences their drafts, as many as pay. None while a prompt is computed: its
// step is long enough. Those that are made together were chosen before.
void Engine::draft() {
  if (!options_.make_drafter && !together_) return;
  candidates_.clear();
  bool decoding = true;
  for (Sequence* s : scheduler_.running()) {
    Live& live = *live_.at(s->id);
    decoding = decoding && draft_for(live);
    candidates_.push_back({live.acceptance, static_cast<int64_t>(s->drafts.size())});
  }
  if (decoding && !together_) draft_policy_.choose(candidates_);
  size_t next = 0;
  for (Sequence* s : scheduler_.running()) {
    const int64_t chosen = decoding ? candidates_[next++].drafts : 0;
    s->drafts.resize(static_cast<size_t>(chosen));
  }
}

// The row of the last token gives the next one. Where that is what the draft said, the draft's row
// was computed behind the right tokens and gives the one after it.
void Engine::take_tokens(Live& live, const Tensor& logits, int64_t first_row) {
  Sequence& s = live.sequence;
  const auto vocab = static_cast<size_t>(model_.info().vocab_size);
  const auto drafts = static_cast<int64_t>(s.drafts.size());
  const int64_t length = s.length();
  int64_t right = 0;  // drafts
  for (bool goes_on = true; goes_on;) {
    const bool drawn = right < std::ssize(live.guesses);  // behind these very tokens
    accept(live, {logits.f32_row(first_row + right), vocab},
           drawn ? &live.guesses[static_cast<size_t>(right)] : nullptr);
    if (s.length() == length + right) break;  // no token came
    const int32_t id = s.tokens.back();
    if (right == 0 && live.guess) live.acceptance.observe(id == *live.guess);
    if (right == drafts) break;
    goes_on = id == s.drafts[static_cast<size_t>(right)];
    if (right > 0) live.acceptance.observe(goes_on, right);
    if (goes_on) ++right;
    goes_on = goes_on && !live.finished;
  }
  live.guess.reset();
  if (drafts == 0) return;
  draft_stats_.drafted += drafts;
  draft_stats_.accepted += right;
  scheduler_.accept_drafts(s, right);
}

// A new token follows when all before it are known.
void Engine::take_logits(Live& live, const Tensor& logits, int64_t first_row, int64_t count) {
  const auto vocab = static_cast<size_t>(model_.info().vocab_size);
  for (int64_t i = 0; i < count && live.sink.on_logits; ++i) {
    live.sink.on_logits({logits.f32_row(first_row + i), vocab});
  }
  const Sequence& s = live.sequence;
  if (count == 0 || s.computed < s.length()) return;
  take_tokens(live, logits, first_row + count - 1 - static_cast<int64_t>(s.drafts.size()));
}

void Engine::take_hidden(Live& live, const Tensor& hidden, int64_t first_row, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    if (!live.sink.on_hidden) break;
    live.sink.on_hidden({hidden.f32_row(first_row + i), static_cast<size_t>(hidden.columns())});
  }
  if (live.sequence.computed == live.sequence.length()) live.finished = FinishReason::stop;
}

// Hands each sequence of a step its rows; those that have finished stand in done_.
void Engine::take_outputs(const Scheduler::Plan& plan, const Outputs& outputs) {
  int64_t next_logits = 0;
  int64_t next_hidden = 0;
  done_.clear();
  for (size_t i = 0; i < plan.owners.size(); ++i) {
    Live& live = *live_.at(plan.owners[i]->id);
    const Sequence& s = live.sequence;
    if (live.sink.on_rows) live.sink.on_rows(plan.batch.sequences[i].rows);
    if (live.sink.on_prompt && s.computed <= s.prompt_length) live.sink.on_prompt(s.computed);
    if (s.hidden) {
      take_hidden(live, outputs.hidden, next_hidden, plan.outputs[i]);
      next_hidden += plan.outputs[i];
    } else {
      take_logits(live, outputs.logits, next_logits, plan.outputs[i]);
      next_logits += plan.outputs[i];
    }
    if (live.finished) done_.emplace_back(live.sequence.id, *live.finished);
  }
}

// With two keys a guess is drawn by its own, where the answer bears the mark.
int32_t Engine::guess_for(Live& live, std::span<const float> logits,
                          std::span<const int32_t> before) {
  const auto answer =
      std::span(live.sequence.tokens).subspan(static_cast<size_t>(live.sequence.prompt_length));
  const std::optional<KeyedPlace> place = live.request.keyed(answer, before);
  if (place && place->draft) {
    live.guesses.push_back(draw_guess(logits, live.request.sampling, banned_, *place->draft));
  } else {
    live.guesses.push_back({greedy(logits, banned_), {}});
  }
  return live.guesses.back().id;
}

// Guesses that are made for all sequences together: the model's own layer goes along with each
// step, a smaller model with those that it guesses for. One that fails is no loss: a device that
// has failed says so in the next step.
void Engine::predict(const Scheduler::Plan& plan) {
  if (!together_) return;
  parts_.resize(plan.owners.size());
  for (size_t i = 0; i < parts_.size(); ++i) {
    parts_[i].rows = &plan.batch.sequences[i];
    parts_[i].sequence = plan.owners[i];
  }
  choose_predictions(plan);
  const auto start = std::chrono::steady_clock::now();
  if (!together_->run(parts_).is_ok()) return;
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  take_predictions(took.count());
}

// How many guesses each sequence of the step gets: as many as pay, none while a prompt is computed.
// Making one for all costs little more than for some, so that where any is made, all learn how
// often theirs are right.
void Engine::choose_predictions(const Scheduler::Plan& plan) {
  candidates_.clear();
  for (size_t i = 0; i < parts_.size(); ++i) {
    const Sequence& s = *plan.owners[i];
    Live& live = *live_.at(s.id);
    live.guesses.clear();
    parts_[i].draw = nullptr;
    if (live.request.dual_key) {
      parts_[i].draw = [this, &live](std::span<const float> row, std::span<const int32_t> before) {
        return guess_for(live, row, before);
      };
    }
    parts_[i].wanted = live.finished || s.every_row || s.hidden ? 0 : options_.drafts_max;
    candidates_.push_back({live.acceptance, parts_[i].wanted});
  }
  const bool decoding = std::ranges::all_of(scheduler_.running(), [this](const Sequence* s) {
    return live_.at(s->id)->finished || (!s->in_prompt() && s->pending() == 1);
  });
  if (decoding) draft_policy_.choose(candidates_);
  const bool pays = std::ranges::any_of(candidates_, [](const auto& c) { return c.drafts > 0; });
  const bool made = decoding && (pays || draft_policy_.wants_a_look());
  for (size_t i = 0; i < parts_.size(); ++i) {
    const int64_t least = std::min<int64_t>(parts_[i].wanted, 1);
    parts_[i].wanted = made ? std::max(candidates_[i].drafts, least) : 0;
  }
}

void Engine::take_predictions(double seconds) {
  size_t rounds = 0;
  for (size_t i = 0; i < parts_.size(); ++i) {
    const std::vector<int32_t>& guesses = parts_[i].guesses;
    rounds = std::max(rounds, guesses.size());
    if (guesses.empty()) continue;
    Live& live = *live_.at(parts_[i].sequence->id);
    live.guess = guesses.front();
    const size_t checked = std::min(guesses.size(), static_cast<size_t>(candidates_[i].drafts));
    live.sequence.drafts.assign(guesses.begin(), guesses.begin() + static_cast<int64_t>(checked));
  }
  if (rounds > 0) {
    draft_policy_.round_took(seconds / static_cast<double>(rounds));
    return;
  }
  const bool generated = std::ranges::all_of(
      parts_, [](const auto& part) { return part.rows->role == Role::generated; });
  if (generated) draft_policy_.following_took(seconds);
}

// Steps without an adapter run on the backend itself.
Outputs Engine::forward(const Scheduler::Plan& plan) {
  deltas_.clear();
  bool any = false;
  for (const Sequence* s : plan.owners) {
    const Adapter* adapter = live_.at(s->id)->request.adapter.get();
    deltas_.push_back(adapter ? &adapter->deltas() : nullptr);
    any = any || adapter;
  }
  if (!any) return model_.forward(backend_, plan.batch, cache_);
  adapted_.set_adapters(plan.batch, deltas_);
  return model_.forward(adapted_, plan.batch, cache_);
}

// What steps take is told to whom it may concern.
Result<Outputs> Engine::compute(const Scheduler::Plan& plan) {
  const auto start = std::chrono::steady_clock::now();
  backend_.begin_forward(plan.batch, cache_);
  Result<Outputs> computed = backend_.end_forward(forward(plan));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  if (!computed) return computed;
  const double seconds = took.count();
  const int64_t decoding = plan.batch.rows() - plan.chunk_rows;
  if (plan.chunk_rows == 0) {
    draft_policy_.step_took(decoding, seconds);
  } else {
    // What answers take alone was measured at other moments: it can't be nearly all of the step.
    chunk_policy_.chunks_took(plan.chunk_rows,
                              std::max(seconds - draft_policy_.known_cost(decoding), seconds / 8));
  }
  return computed;
}

void Engine::step() {
  apply_cancellations();
  draft();
  scheduler_.set_chunk_rows(
      chunk_policy_.rows(draft_policy_.known_cost(scheduler_.decoding_rows())));
  const Scheduler::Plan& plan = scheduler_.plan();
  if (plan.owners.empty()) return;
  for (const Sequence* s : plan.owners) {
    Live& live = *live_.at(s->id);
    if (!live.started && live.sink.on_start) live.sink.on_start(s->cached_tokens);
    live.started = true;
  }
  const Result<Outputs> computed = compute(plan);
  if (!computed) return fail(plan, computed.status());
  scheduler_.commit(plan);
  const int64_t right_before = draft_stats_.accepted;
  take_outputs(plan, *computed);
  if (plan.chunk_rows == 0) {
    const auto sequences = std::ssize(plan.owners);
    draft_policy_.step_brought(sequences, plan.batch.rows() - sequences,
                               draft_stats_.accepted - right_before);
  }
  predict(plan);
  for (const auto& [id, reason] : done_) finish(id, reason);
}

}  // namespace hearth
