// Engine: the loop that turns requests into tokens with one model. Requests are batched together in
// every step; each gets the same tokens it would get alone, whatever waits, stops or shares blocks.
//
// Threads: all members are called by one thread, but `cancel`, which any may call.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

#include "hearth/backend/adapted/adapted_backend.h"
#include "hearth/backend/backend.h"
#include "hearth/engine/batch_drafter.h"
#include "hearth/engine/chunk_policy.h"
#include "hearth/engine/draft_policy.h"
#include "hearth/engine/drafter.h"
#include "hearth/engine/dual_key.h"
#include "hearth/engine/keyed_sampler.h"
#include "hearth/engine/sampler.h"
#include "hearth/engine/scheduler.h"
#include "hearth/models/adapters/adapter.h"
#include "hearth/models/model.h"

namespace hearth {

enum class FinishReason : uint8_t { stop, length, cancelled, failed };

// stop | length | cancelled | error; the first two as the OpenAI API says them.
std::string_view finish_reason_name(FinishReason reason);

// Marks the ids that may not come next, beside those banned for all: a grammar's say. `answer` is
// what was generated so far, `banned` [vocab]. When nothing is left the answer ends with `stop`;
// where it can't say, the answer has failed.
using TokenMask = std::function<Status(std::span<const int32_t> answer, std::span<uint8_t> banned)>;

// The id that must come next, whatever the model and the mask say; nullopt: they decide. Asked
// before each token; `answer` is what was generated so far.
using ForcedToken = std::function<std::optional<int32_t>(std::span<const int32_t> answer)>;

// The place behind `answer` and then `guesses`, where the next token is drawn by a key; nullopt: by
// the seed, as ever. Asked before each token that is drawn; `answer` is what was generated so far,
// `guesses` are not certain and mostly none.
using KeyedDraw = std::function<std::optional<KeyedPlace>(std::span<const int32_t> answer,
                                                          std::span<const int32_t> guesses)>;

// Which positions' hidden states a request wants, instead of an answer.
enum class Hidden : uint8_t { none, last, every };

struct TokenRequest {
  std::vector<int32_t> prompt;   // at least one id, all below the vocabulary's size
  Hidden hidden = Hidden::none;  // else the request ends, with `stop`, when its prompt is computed
  int64_t max_tokens = 256;      // of the answer; cut to what the context leaves
  SamplingParams sampling;
  std::vector<int32_t> stop_ids;  // end-of-sequence ids: end the answer and are not part of it
  // The beginning of the answer, from an earlier run of this request that broke off: the rest comes
  // as it would have then. Part of the answer's length; not told to the sink again.
  std::vector<int32_t> generated;
  TokenMask mask;      // may be empty
  ForcedToken forced;  // may be empty; an id that it gives must be below the vocabulary's size
  KeyedDraw keyed;     // may be empty
  // Its places have a key for guesses: those of a network are drawn by it, and kept or not by
  // chance. Then the tokens depend on how many guesses were made (dual_key.h).
  bool dual_key = false;
  // Of this engine's model, or null: the bare model. Held until the request ends, so that whoever
  // unloads it waits for nobody. Requests with different ones run in one step.
  std::shared_ptr<const Adapter> adapter;
  int32_t priority = 0;  // higher ones go first, and make lower ones wait
  PrefixScope scope;     // who may share cached blocks with it; its adapter is set by the engine
  // An earlier request with the same prompt (a choice of the same `n`): waits for its prompt, to
  // share the blocks. 0, or one that has ended: waits for nobody.
  int64_t shares_prompt_with = 0;
};

// What a request tells its owner, from inside step(). All may be empty.
struct TokenSink {
  std::function<bool(int32_t id)> on_token;     // false: enough, finish with `stop`
  std::function<void(FinishReason)> on_finish;  // last call
  std::function<void(Status)> on_error;         // before that, where this answer alone has failed
  // Logits [vocab] of each prompt position in order, then of each generated token. Asking for them
  // has the whole prompt computed: nothing is taken from the prefix cache.
  std::function<void(std::span<const float>)> on_logits;
  // Once, before its first step: how many tokens of the prompt the prefix cache had.
  std::function<void(int64_t cached_tokens)> on_start;
  // After a step was computed: how many of its tokens were this request's.
  std::function<void(int64_t rows)> on_rows;
  // After each step of its prompt: how many tokens of it are computed, those of the cache included.
  std::function<void(int64_t computed)> on_prompt;
  // Logits [vocab] that the token of the following on_token was drawn from, as the model gave them.
  std::function<void(std::span<const float>)> on_token_logits;
  // States [hidden_size] behind the model's final norm, of the positions that `hidden` names, in
  // order. Asking for every one has the whole prompt computed, as on_logits does.
  std::function<void(std::span<const float>)> on_hidden;
};

struct EngineOptions {
  SchedulerLimits limits;
  int64_t context = 4096;  // longest sequence
  int64_t kv_blocks = 0;   // blocks of 64 tokens; 0: as many as kv_memory holds
  int64_t kv_memory = 0;   // bytes; 0: one sequence of `context`
  Format kv_format = Format::f16;
  std::function<std::unique_ptr<Drafter>()> make_drafter;  // for each request; empty: no drafts
  bool mtp = false;  // guesses come from the model's own layer, which it must have, instead
  // Or from this smaller one with the same vocabulary, on the same backend; outlives the engine.
  const Model* draft_model = nullptr;
  // What a step may take in which some sequences generate while prompts are computed, as far as
  // ChunkPolicy can have it; 0: no bound.
  double step_seconds_max = 0;
  int64_t drafts_max = 8;      // guesses for one sequence in a step
  bool drafts_always = false;  // all of them run, whatever they cost: to test and to measure
};

// Of 64 tokens of one sequence, in all caches that the engine holds.
int64_t kv_block_bytes(const EngineOptions& options, const Model& model);

class Engine {
 public:
  // `banned` [vocab]: ids that are never sampled. Model and backend must outlive the engine.
  Engine(const Model& model, Backend& backend, const EngineOptions& options,
         std::vector<uint8_t> banned);
  ~Engine();

  // invalid: empty prompt, id out of range, prompt longer than the context, sampling parameters.
  // no_memory: longer than the whole KV cache, or the device has no room for the cache at all.
  // busy: the queue is full.  internal: the device has failed.
  Result<int64_t> submit(TokenRequest request, TokenSink sink);
  void cancel(int64_t id);
  bool idle() const { return live_.empty(); }
  // Computes one step; calls sinks. Where the device fails, every request ends as `failed`; where
  // it has too little memory for a step (no_memory), or an expert could not be read from disk
  // (corrupt), those that were in it.
  void step();
  // What the device failed of, if it did; it stays so.
  const Status& health() const { return health_; }
  // Why the last requests that ended as `failed` did.
  const Status& failure() const { return failure_; }

  // See Scheduler::set_share. Changes no token.
  void set_share(double share) { scheduler_.set_share(share); }

  int64_t context() const { return options_.context; }
  SchedulerStats stats() const { return scheduler_.stats(); }
  DraftStats draft_stats() const {
    DraftStats stats = draft_policy_.forecasts();
    stats.drafted = draft_stats_.drafted;
    stats.accepted = draft_stats_.accepted;
    return stats;
  }
  ExpertCacheStats expert_cache_stats() const { return backend_.expert_cache_stats(); }

 private:
  struct Live;
  void draft();
  bool draft_for(Live& live);
  void predict(const Scheduler::Plan& plan);
  void choose_predictions(const Scheduler::Plan& plan);
  void take_predictions(double seconds);
  void take_tokens(Live& live, const Tensor& logits, int64_t first_row);
  void take_logits(Live& live, const Tensor& logits, int64_t first_row, int64_t count);
  void take_hidden(Live& live, const Tensor& hidden, int64_t first_row, int64_t count);
  void take_outputs(const Scheduler::Plan& plan, const Outputs& outputs);
  void accept(Live& live, std::span<const float> logits, const Guess* guess);
  Result<std::optional<int32_t>> next_token(const Live& live, std::span<const float> logits,
                                            const Guess* guess);
  int32_t guess_for(Live& live, std::span<const float> logits, std::span<const int32_t> before);
  static int32_t draw(const Live& live, std::span<const float> logits,
                      std::span<const uint8_t> banned, const Guess* guess);
  Result<std::span<const uint8_t>> banned_for(const Live& live);
  void finish(int64_t id, FinishReason reason);
  void apply_cancellations();
  void fail(const Scheduler::Plan& plan, Status why);
  Outputs forward(const Scheduler::Plan& plan);
  Result<Outputs> compute(const Scheduler::Plan& plan);
  KvCache make_cache();
  std::unique_ptr<BatchDrafter> make_batch_drafter();

  const Model& model_;
  Backend& backend_;
  AdaptedBackend adapted_;  // of backend_, for steps with adapters
  EngineOptions options_;
  std::vector<uint8_t> banned_;
  std::vector<uint8_t> masked_;  // banned_ and what a sequence's mask adds
  Status health_;                // first failure of the device; nothing is computed after it
  Status failure_;
  KvCache cache_;
  Scheduler scheduler_;
  ChunkPolicy chunk_policy_;
  DraftPolicy draft_policy_;
  DraftStats draft_stats_;
  std::vector<DraftPolicy::Candidate> candidates_;  // of one step; kept for its memory
  std::unique_ptr<BatchDrafter> together_;          // null: guesses are made one by one
  std::vector<BatchDrafter::Part> parts_;           // of one step, in the order of its owners
  std::map<int64_t, std::unique_ptr<Live>> live_;
  std::vector<const AdapterDeltas*> deltas_;            // of the step's sequences
  std::vector<std::pair<int64_t, FinishReason>> done_;  // in this step
  int64_t next_id_ = 1;
  std::mutex cancel_mutex_;
  std::set<int64_t> cancelled_;
};

}  // namespace hearth
