// One measurement of `hearth bench`: a prompt is read, or tokens are generated, behind a context
// that was really computed, by the steps that the engine would run. Sampling is left out, as in
// llama-bench: ids are random.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hearth/backend/trace/trace_backend.h"
#include "hearth/bench/spread.h"
#include "hearth/host/speed.h"
#include "hearth/models/model.h"
#include "hearth/sensors/rapl.h"

namespace hearth {

struct SpeedTest {
  int64_t prompt = 0;  // tokens of a prompt that is read; 0: tokens are generated
  int64_t gen = 0;     // tokens that each sequence generates
  int64_t depth = 0;   // tokens that each sequence has in its cache before
  int64_t batch = 1;   // sequences

  int64_t tokens() const { return (prompt > 0 ? prompt : gen) * batch; }  // measured
  int64_t context() const { return depth + (prompt > 0 ? prompt : gen); }
  std::string name() const;  // "pp512", "tg128", "tg32@4096", "tg128 b8"
};

// Every prompt behind every depth, then every number of generated tokens behind every depth and in
// every batch; zeros are left out. A prompt is always one sequence.
std::vector<SpeedTest> speed_tests(const std::vector<int64_t>& prompts,
                                   const std::vector<int64_t>& gens,
                                   const std::vector<int64_t>& depths,
                                   const std::vector<int64_t>& batches);

struct SpeedResult {
  Spread tok_s;                            // all sequences together
  std::optional<double> joules_per_token;  // of all runs; absent without a counter
};

// `repeat` runs after one that warms up, which neither clock nor counter sees. Must fit the model's
// context.  no_memory: the backend has no room for the cache.  internal: its device failed.
Result<SpeedResult> run_speed_test(const Model& model, Backend& backend, const SpeedTest& test,
                                   Format kv_format, int repeat, RaplCounter* energy = nullptr);

// What each step of the test reads and computes; a generated token stands for all, in the middle of
// their way.
std::vector<Work> trace_speed_test(const Model& model, const SpeedTest& test, Format kv_format);

// What the test will take on such a machine.
struct TestForetold {
  double seconds = 0;
  int64_t scratch_bytes = 0;  // of its fullest step
};
TestForetold foretell_test(const Model& model, const SpeedTest& test, Format kv_format,
                           const MachineSpeed& speed);

// Bytes of the KV cache that the test needs.
int64_t kv_bytes_of(const Model& model, const SpeedTest& test, Format kv_format);

}  // namespace hearth
