// EngineLoop: the one thread that owns the engine. Jobs come in through a bounded queue, pieces of
// text leave through each job's channel; a job whose connection is gone is cancelled before the
// next step. Every admitted job ends exactly once, and is counted then.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "hearth/engine/engine.h"
#include "hearth/engine/text_model.h"
#include "hearth/host/machine_watch.h"
#include "hearth/serve/cost_meter.h"
#include "hearth/serve/generation_job.h"
#include "hearth/serve/metrics.h"

namespace hearth::serve {

struct LoopOptions {
  int64_t sequences_max = 1024;           // waiting and running
  int64_t prompt_tokens_max = 1 << 22;    // of these sequences, together
  double queue_seconds = 300;             // longest wait for the first token
  double request_seconds = 3600;          // longest time from admission to the end
  double probe_seconds = 20;              // an idle engine runs a token this often
  double stuck_seconds = 60;              // without a finished step: not ready any more
  const MachineWatch* machine = nullptr;  // must outlive the loop; null: no heat is looked at
  bool marks_required = false;            // a job without a mark fails, wherever it came from
  CostMeter* costs = nullptr;             // must outlive the loop; null: nobody asks for costs
};

class EngineLoop {
 public:
  // All must outlive this. Until start() nothing runs.
  EngineLoop(const TextModel& model, Engine& engine, Metrics& metrics, const LoopOptions& options);
  ~EngineLoop();

  // Runs one token through the model, then starts the thread. internal: no token came.
  Status start();

  // Any thread. The reason why it was not taken, or nullopt: its channel tells the rest.
  std::optional<ApiError> submit(GenerationJob job);
  // Calls `work` on the engine's thread, once before each step, until it returns true; returns
  // then. False: the loop ended first. Any thread but the engine's; never before start().
  bool run_between_steps(std::function<bool()> work);
  // Ends the thread; what still runs is told to its channel. Called once more by the destructor.
  void stop();
  // Nothing more is taken; what runs goes on.
  void drain() { draining_ = true; }
  bool draining() const { return draining_; }
  int64_t live() const { return live_; }  // sequences waiting and running
  // A forward pass succeeded lately, and requests are taken.
  bool ready() const { return !why_not_ready(); }
  std::optional<ApiError> why_not_ready() const;
  // Seconds until there may be room again.
  int retry_after() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Live;
  struct Choice;
  struct Work {
    std::function<bool()> run;
    std::promise<bool> done;
  };

  MachineLimits machine_limits() const;
  void run();
  void do_work();
  void drop_work();
  std::vector<GenerationJob> take_new();
  void begin(GenerationJob job);
  void begin_choices(Live& live);
  bool begin_choice(Live& live, int64_t index);
  TokenSink sink_of(Choice& choice);
  void give_up_the_abandoned();
  void cancel_choices(Live& live);
  bool take_token(Choice& choice, int32_t id);
  void take_finish(Choice& choice, FinishReason reason);
  void take_embedding(Choice& choice);
  void end(Live& live);
  void share_costs(double seconds);
  void count_sequences();
  void step();
  bool probe();

  const TextModel& model_;
  Engine& engine_;
  Metrics& metrics_;
  const LoopOptions options_;
  std::vector<std::unique_ptr<Live>> jobs_;  // of the engine's thread
  Clock::time_point last_end_;
  bool step_had_prompts_ = false;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<GenerationJob> submitted_;
  std::vector<std::unique_ptr<Work>> work_;  // asked for by run_between_steps
  bool over_ = false;                        // the thread has ended: no work is taken any more
  bool stop_ = false;
  int64_t prompt_tokens_ = 0;  // of live sequences

  std::atomic<int64_t> live_{0};
  std::atomic<bool> draining_{false};
  std::atomic<int64_t> last_step_ms_{0};  // on Clock
  std::atomic<double> seconds_between_ends_{0};
  std::thread thread_;
};

}  // namespace hearth::serve
