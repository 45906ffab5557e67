// See speed_run.h. A repetition rewinds: the same positions of the cache are computed again, so
// the context in front of them is filled once.
#include "hearth/bench/speed_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <random>

#include "hearth/base/checked_math.h"
#include "hearth/engine/scheduler.h"
#include "hearth/host/memory_plan.h"

namespace hearth {
namespace {

constexpr int64_t kWarmUpTokens = 8;  // generated before the clock starts

double seconds_now() {
  using Clock = std::chrono::steady_clock;
  return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
}

int64_t blocks_each(const SpeedTest& test) {
  return ceil_div(test.context(), kKvBlockTokens);
}

// The steps of a test; sequence s has the blocks [s * blocks_each, (s + 1) * blocks_each).
class Steps {
 public:
  Steps(const Model& model, const SpeedTest& test)
      : vocab_(model.info().vocab_size), blocks_(blocks_each(test)) {}

  // Positions [start, start + rows) of one sequence's prompt.
  Batch prompt(int64_t sequence, int64_t start, int64_t rows) {
    Batch batch;
    add(batch, sequence, start, rows, Role::prompt);
    return batch;
  }
  // The next token of all sequences, at `position`.
  Batch generate(int64_t sequences, int64_t position) {
    Batch batch;
    for (int64_t s = 0; s < sequences; ++s) add(batch, s, position, 1, Role::generated);
    return batch;
  }
  // A prompt as the engine cuts it.
  std::vector<Batch> chunks(int64_t sequence, int64_t start, int64_t tokens) {
    const int64_t most = SchedulerLimits{}.batch_tokens_max;
    std::vector<Batch> all;
    for (int64_t done = 0; done < tokens; done += most) {
      all.push_back(prompt(sequence, start + done, std::min(most, tokens - done)));
      if (done + most < tokens) all.back().logits_rows.clear();
    }
    return all;
  }

 private:
  void add(Batch& batch, int64_t sequence, int64_t start, int64_t rows, Role role) {
    SequenceRows part{batch.rows(), rows, start, role, {}};
    for (int64_t b = 0; b < ceil_div(start + rows, kKvBlockTokens); ++b) {
      part.blocks.push_back(static_cast<int32_t>(sequence * blocks_ + b));
    }
    for (int64_t i = 0; i < rows; ++i) {
      batch.tokens.push_back(static_cast<int32_t>(random_() % static_cast<uint64_t>(vocab_)));
    }
    batch.logits_rows.push_back(batch.rows() - 1);
    batch.sequences.push_back(std::move(part));
  }

  int64_t vocab_;
  int64_t blocks_;
  std::mt19937_64 random_{1};
};

class Run {
 public:
  Run(const Model& model, Backend& backend, const SpeedTest& test, KvCache cache)
      : model_(model),
        backend_(backend),
        test_(test),
        steps_(model, test),
        cache_(std::move(cache)) {
    for (int64_t s = 0; s < test.batch; ++s) {
      for (const Batch& chunk : steps_.chunks(s, 0, test.depth)) forward(chunk);
    }
  }

  void warm_up() {
    if (test_.prompt > 0) {
      once();
    } else {
      for (int64_t i = 0; i < std::min(kWarmUpTokens, test_.gen); ++i) generate(i);
    }
  }

  void once() {
    if (test_.prompt > 0) {
      for (const Batch& chunk : steps_.chunks(0, test_.depth, test_.prompt)) forward(chunk);
    } else {
      for (int64_t i = 0; i < test_.gen; ++i) generate(i);
    }
  }

  // The first failure of the device; nothing is computed after it.
  const Status& status() const { return status_; }

 private:
  void generate(int64_t i) { forward(steps_.generate(test_.batch, test_.depth + i)); }

  void forward(const Batch& batch) {
    if (!status_.is_ok()) return;
    backend_.begin_forward(batch, cache_);
    auto outputs = backend_.end_forward(model_.forward(backend_, batch, cache_));
    if (!outputs) status_ = std::move(outputs).status();
  }

  const Model& model_;
  Backend& backend_;
  const SpeedTest& test_;
  Steps steps_;
  KvCache cache_;
  Status status_;
};

}  // namespace

std::string SpeedTest::name() const {
  std::string name = prompt > 0 ? fmt::format("pp{}", prompt) : fmt::format("tg{}", gen);
  if (depth > 0) name += fmt::format("@{}", depth);
  if (batch > 1) name += fmt::format(" b{}", batch);
  return name;
}

std::vector<SpeedTest> speed_tests(const std::vector<int64_t>& prompts,
                                   const std::vector<int64_t>& gens,
                                   const std::vector<int64_t>& depths,
                                   const std::vector<int64_t>& batches) {
  std::vector<SpeedTest> tests;
  for (const int64_t prompt : prompts) {
    for (const int64_t depth : depths) {
      if (prompt > 0) tests.push_back({prompt, 0, depth, 1});
    }
  }
  for (const int64_t gen : gens) {
    for (const int64_t depth : depths) {
      for (const int64_t batch : batches) {
        if (gen > 0) tests.push_back({0, gen, depth, batch});
      }
    }
  }
  return tests;
}

Result<SpeedResult> run_speed_test(const Model& model, Backend& backend, const SpeedTest& test,
                                   Format kv_format, int repeat, RaplCounter* energy) {
  TRY_ASSIGN(KvCache cache,
             make_cache(backend, model.kv_spec(kv_format), blocks_each(test) * test.batch));
  Run run(model, backend, test, std::move(cache));
  run.warm_up();
  std::vector<double> tok_s;
  const double joules_before = energy ? energy->joules() : 0;
  double joules = 0;
  for (int i = 0; i < repeat; ++i) {
    const double begin = seconds_now();
    run.once();
    const double elapsed = std::max(seconds_now() - begin, 1e-9);
    tok_s.push_back(static_cast<double>(test.tokens()) / elapsed);
    if (energy) joules = energy->joules() - joules_before;
  }
  if (!run.status().is_ok()) return run.status();
  SpeedResult out{spread_of(std::move(tok_s)), std::nullopt};
  if (energy) out.joules_per_token = joules / static_cast<double>(test.tokens() * repeat);
  return out;
}

std::vector<Work> trace_speed_test(const Model& model, const SpeedTest& test, Format kv_format) {
  Steps steps(model, test);
  const KvSpec kv = model.kv_spec(kv_format);
  std::vector<Work> works;
  if (test.prompt > 0) {
    for (const Batch& chunk : steps.chunks(0, test.depth, test.prompt)) {
      works.push_back(trace_step(model, kv, chunk).work);
    }
    return works;
  }
  const Batch middle = steps.generate(test.batch, test.depth + test.gen / 2);
  works.assign(static_cast<size_t>(test.gen), trace_step(model, kv, middle).work);
  return works;
}

TestForetold foretell_test(const Model& model, const SpeedTest& test, Format kv_format,
                           const MachineSpeed& speed) {
  Steps steps(model, test);
  const KvSpec kv = model.kv_spec(kv_format);
  TestForetold out;
  const auto add = [&](const Batch& batch, int64_t times) {
    const TracedSteps traced = trace_step(model, kv, batch);
    out.seconds += static_cast<double>(times) * forecast_step(traced.verbs, speed).seconds;
    out.scratch_bytes = std::max(out.scratch_bytes, traced.scratch_bytes);
  };
  if (test.prompt > 0) {
    for (const Batch& chunk : steps.chunks(0, test.depth, test.prompt)) add(chunk, 1);
  } else {
    add(steps.generate(test.batch, test.depth + test.gen / 2), test.gen);
  }
  // What comes before is no part of the time; of its chunks the first is as full as any.
  const std::vector<Batch> before = steps.chunks(0, 0, test.depth);
  if (!before.empty()) add(before.front(), 0);
  return out;
}

int64_t kv_bytes_of(const Model& model, const SpeedTest& test, Format kv_format) {
  return model.kv_spec(kv_format).block_bytes() * blocks_each(test) * test.batch;
}

}  // namespace hearth
