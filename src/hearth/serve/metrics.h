// Metrics: what Prometheus reads at /metrics. Names follow vLLM's under `hearth_`, so that its
// dashboards need only another prefix. Every admitted request is counted once more when it ends:
// admitted = completed + failed + cancelled + running + waiting, at any moment.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "hearth/backend/expert_cache.h"
#include "hearth/engine/draft_policy.h"
#include "hearth/engine/scheduler.h"
#include "hearth/host/governor.h"
#include "hearth/serve/answer_channel.h"
#include "hearth/serve/memory_budget.h"

namespace hearth::serve {

// Thread-safe.
class Metrics {
 public:
  explicit Metrics(const std::string& model_name);
  ~Metrics();

  void admitted();
  void completed(const Usage& usage, double seconds);
  void failed(std::string_view type, const Usage& usage);
  void cancelled(std::string_view reason, const Usage& usage);
  void choice_finished(std::string_view reason);

  void queued(double seconds_since_arrival);  // its first step begins
  void first_token(double seconds_since_arrival);
  void next_token(double seconds_since_last);
  // `prompts`: among its rows were some of prompts.
  void step(int64_t sequences, double seconds, bool prompts);
  // `waiting`: choices that were taken and don't run.
  void in_engine(const SchedulerStats& stats, int64_t waiting);
  void drafts(const DraftStats& stats);
  void experts(const ExpertCacheStats& stats);  // of a model whose routed experts are on disk

  void adapters(int64_t loaded, int64_t bytes);
  void memory(const MemoryBudget& budget);  // as stated at the start

  void response(int status);            // every HTTP answer
  void rpc(std::string_view code);      // every gRPC call's status
  void rejected(std::string_view why);  // requests that were never admitted
  void connections(int64_t open);
  void calls(int64_t open);                 // gRPC
  void audit_event(bool kept);              // an event for the audit log
  void machine(const MachineState& state);  // before text(): readings are of the moment
  void personal_data(std::string_view type, std::string_view mode, int64_t count);

  std::string text() const;  // Prometheus' text format

 private:
  struct Series;
  std::unique_ptr<Series> series_;
};

}  // namespace hearth::serve
