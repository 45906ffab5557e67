// Engine: the loop that turns requests into tokens with one model. Requests are batched together in
// every step; each gets the same tokens it would get alone.
//
// Threads: all members are called by one thread, but `cancel`, which any may call.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "hearth/backend/backend.h"
#include "hearth/engine/sampler.h"
#include "hearth/engine/scheduler.h"
#include "hearth/models/model.h"

namespace hearth {

enum class FinishReason : uint8_t { stop, length, cancelled };

// stop | length | cancelled, as the OpenAI API says them.
std::string_view finish_reason_name(FinishReason reason);

struct TokenRequest {
  std::vector<int32_t> prompt;  // at least one id, all below the vocabulary's size
  int64_t max_tokens = 256;     // of the answer; cut to what the context leaves
  SamplingParams sampling;
  std::vector<int32_t> stop_ids;  // end-of-sequence ids: end the answer and are not part of it
};

// What a request tells its owner, from inside step().
struct TokenSink {
  std::function<bool(int32_t id)> on_token;     // false: enough, finish with `stop`
  std::function<void(FinishReason)> on_finish;  // last call
  // Optional: logits [vocab] of each prompt position in order, then of each generated token.
  std::function<void(std::span<const float>)> on_logits;
};

struct EngineOptions {
  SchedulerLimits limits;
  int64_t context = 4096;  // longest sequence
  int64_t kv_blocks = 0;   // blocks of 64 tokens; 0: one sequence of `context`
  Format kv_format = Format::f16;
};

class Engine {
 public:
  // `banned` [vocab]: ids that are never sampled. Model and backend must outlive the engine.
  Engine(const Model& model, Backend& backend, const EngineOptions& options,
         std::vector<uint8_t> banned);
  ~Engine();

  // invalid: empty prompt, id out of range, prompt longer than the context, sampling parameters.
  Result<int64_t> submit(TokenRequest request, TokenSink sink);
  void cancel(int64_t id);
  bool idle() const { return live_.empty(); }
  // Computes one step; calls sinks.
  void step();

  int64_t context() const { return options_.context; }

 private:
  struct Live;
  void take_logits(Live& live, const Tensor& logits, int64_t& next_row, const SequenceRows& rows);
  void accept(Live& live, std::span<const float> logits);
  void finish(int64_t id, FinishReason reason);
  void apply_cancellations();

  const Model& model_;
  Backend& backend_;
  EngineOptions options_;
  std::vector<uint8_t> banned_;
  KvCache cache_;
  Scheduler scheduler_;
  std::map<int64_t, std::unique_ptr<Live>> live_;
  int64_t next_id_ = 1;
  std::mutex cancel_mutex_;
  std::set<int64_t> cancelled_;
};

}  // namespace hearth
