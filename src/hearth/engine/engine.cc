// See engine.h. A step: plan, forward, commit, sample.
#include "hearth/engine/engine.h"

#include <algorithm>
#include <optional>

namespace hearth {

std::string_view finish_reason_name(FinishReason reason) {
  switch (reason) {
    case FinishReason::stop:
      return "stop";
    case FinishReason::length:
      return "length";
    case FinishReason::cancelled:
      return "cancelled";
  }
  return "unknown";
}

struct Engine::Live {
  Sequence sequence;
  TokenRequest request;
  TokenSink sink;
  std::optional<FinishReason> finished;
};

namespace {

EngineOptions resolved(EngineOptions options, const Model& model) {
  options.context = std::min(options.context, model.info().max_position_embeddings);
  if (options.kv_blocks == 0) options.kv_blocks = Scheduler::blocks_for(options.context);
  return options;
}

}  // namespace

Engine::Engine(const Model& model, Backend& backend, const EngineOptions& options,
               std::vector<uint8_t> banned)
    : model_(model),
      backend_(backend),
      options_(resolved(options, model)),
      banned_(std::move(banned)),
      cache_(model.kv_spec(options_.kv_format), options_.kv_blocks),
      scheduler_(options_.limits, options_.kv_blocks) {}

Engine::~Engine() = default;

Result<int64_t> Engine::submit(TokenRequest request, TokenSink sink) {
  const auto length = static_cast<int64_t>(request.prompt.size());
  if (length == 0) return error(Code::invalid, "prompt: expected at least one token, found none");
  if (length >= options_.context) {
    return error(Code::invalid, "prompt: expected fewer than {} tokens (the context), found {}",
                 options_.context, length);
  }
  for (int32_t id : request.prompt) {
    if (id < 0 || id >= model_.info().vocab_size) {
      return error(Code::invalid, "prompt: expected token ids in [0, {}), found {}",
                   model_.info().vocab_size, id);
    }
  }
  TRY(check_sampling(request.sampling));
  auto live = std::make_unique<Live>();
  Sequence& s = live->sequence;
  s.id = next_id_++;
  s.tokens = request.prompt;
  s.prompt_length = length;
  request.max_tokens = std::clamp<int64_t>(request.max_tokens, 0, options_.context - length);
  s.length_max = length + request.max_tokens;
  s.tokens.reserve(static_cast<size_t>(s.length_max));
  s.all_logits = static_cast<bool>(sink.on_logits);
  if (!scheduler_.fits(s.length_max)) {
    return error(Code::no_memory, "prompt and answer need {} tokens, the KV cache holds {}",
                 s.length_max, options_.kv_blocks * kKvBlockTokens);
  }
  live->request = std::move(request);
  live->sink = std::move(sink);
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
  if (live->sink.on_finish) live->sink.on_finish(reason);
}

// Samples the next token of a sequence and decides whether it goes on.
void Engine::accept(Live& live, std::span<const float> logits) {
  Sequence& s = live.sequence;
  if (static_cast<int64_t>(s.tokens.size()) >= s.length_max) {
    live.finished = FinishReason::length;  // nothing was asked for, or all of it is there
    return;
  }
  const int32_t id = sample(logits, live.request.sampling, {s.tokens, s.prompt_length}, banned_);
  const auto& stops = live.request.stop_ids;
  if (std::find(stops.begin(), stops.end(), id) != stops.end()) {
    live.finished = FinishReason::stop;
    return;
  }
  s.tokens.push_back(id);
  if (live.sink.on_token && !live.sink.on_token(id)) {
    live.finished = FinishReason::stop;
  } else if (static_cast<int64_t>(s.tokens.size()) >= s.length_max && !live.sink.on_logits) {
    live.finished = FinishReason::length;
  }
}

void Engine::take_logits(Live& live, const Tensor& logits, int64_t& next_row,
                         const SequenceRows& rows) {
  const auto vocab = static_cast<size_t>(model_.info().vocab_size);
  const bool complete = rows.end() == static_cast<int64_t>(live.sequence.tokens.size());
  const int64_t count = live.sequence.all_logits ? rows.rows : (complete ? 1 : 0);
  for (int64_t i = 0; i < count; ++i) {
    const std::span<const float> row(logits.f32_row(next_row++), vocab);
    if (live.sink.on_logits) live.sink.on_logits(row);
    if (complete && i == count - 1) accept(live, row);
  }
}

void Engine::step() {
  apply_cancellations();
  const Scheduler::Plan& plan = scheduler_.plan();
  if (plan.owners.empty()) return;
  backend_.begin_step();
  const Tensor logits = model_.forward(backend_, plan.batch, cache_);
  scheduler_.commit(plan);
  int64_t next_row = 0;
  std::vector<std::pair<int64_t, FinishReason>> done;
  for (size_t i = 0; i < plan.owners.size(); ++i) {
    Live& live = *live_.at(plan.owners[i]->id);
    // commit has moved `computed`; the rows of this step are still described by the plan.
    take_logits(live, logits, next_row, plan.batch.sequences[i]);
    if (live.finished) done.emplace_back(live.sequence.id, *live.finished);
  }
  for (const auto& [id, reason] : done) finish(id, reason);
}

}  // namespace hearth
