// Where a step's time goes, verb by verb, beside what the planner foretells for each: which of its
// probes is wrong, and by how much. A network of a shape with random weights.
//   cmake --build build --target verb_times && build/bench/verb_times SHAPE|CONFIG.json FORMAT
//   [DEPTH]
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "hearth/base/checked_math.h"
#include "hearth/host/speed.h"
#include "random_subject.h"

namespace hearth {
namespace {

// Hands each verb to another backend and takes its time. Not for a device that records steps, nor
// for experts on disk: begin_forward and end_forward are its own.
class ClockedBackend : public Backend {
 public:
  struct Timed {
    std::string_view verb;
    double seconds;
  };

  explicit ClockedBackend(Backend& child) : child_(child) {}
  const std::vector<Timed>& verbs() const { return verbs_; }  // of the last step

  std::string_view name() const override { return "clocked"; }
  void begin_step() override {
    verbs_.clear();
    child_.begin_step();
  }
  Tensor scratch(const Shape& shape) override { return child_.scratch(shape); }
  std::byte* scratch_bytes(int64_t bytes) override { return child_.scratch_bytes(bytes); }
  Arena::Mark scratch_mark() const override { return child_.scratch_mark(); }
  void scratch_release(const Arena::Mark& mark) override { child_.scratch_release(mark); }

  void embed_rows(const Weight& table, std::span<const int32_t> ids, Tensor out) override {
    clock("embed_rows", [&] { child_.embed_rows(table, ids, out); });
  }
  void norm_linear(Tensor x, const Norm& norm, std::span<const LinearOut> outs) override {
    clock("norm_linear", [&] { child_.norm_linear(x, norm, outs); });
  }
  void qk_norm(Tensor x, const Norm& norm, int64_t head_dim) override {
    clock("qk_norm", [&] { child_.qk_norm(x, norm, head_dim); });
  }
  void attend_gqa(const AttendGqa& args, const Batch& batch, KvCache& cache) override {
    clock("attend_gqa", [&] { child_.attend_gqa(args, batch, cache); });
  }
  void attend_mla(const AttendMla& args, const Batch& batch, KvCache& cache) override {
    clock("attend_mla", [&] { child_.attend_mla(args, batch, cache); });
  }
  void linear_add(Tensor x, const Linear& linear, Tensor residual) override {
    clock("linear_add", [&] { child_.linear_add(x, linear, residual); });
  }
  void norm_linear_swiglu(Tensor x, const Norm& norm, const Linear& gate, const Linear& up,
                          Tensor out) override {
    clock("norm_linear_swiglu", [&] { child_.norm_linear_swiglu(x, norm, gate, up, out); });
  }
  void add_low_rank(Tensor x, const Norm& norm, std::span<const LowRankAdd> adds) override {
    clock("add_low_rank", [&] { child_.add_low_rank(x, norm, adds); });
  }
  void swiglu(Tensor gate, Tensor up) override {
    clock("swiglu", [&] { child_.swiglu(gate, up); });
  }
  void route_experts(const RouteExperts& args) override {
    clock("route_experts", [&] { child_.route_experts(args); });
  }
  void moe_ffn(const MoeFfn& args) override {
    clock("moe_ffn", [&] { child_.moe_ffn(args); });
  }
  void gather_rows(Tensor x, std::span<const int64_t> rows, Tensor out) override {
    clock("gather_rows", [&] { child_.gather_rows(x, rows, out); });
  }
  void head_logits(Tensor x, const Norm& norm, const Linear& head, Tensor logits) override {
    clock("head_logits", [&] { child_.head_logits(x, norm, head, logits); });
  }

 private:
  template <typename Verb>
  void clock(std::string_view name, const Verb& verb) {
    const auto start = std::chrono::steady_clock::now();
    verb();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    verbs_.push_back({name, took.count()});
  }

  Backend& child_;
  std::vector<Timed> verbs_;
};

// `sequences` with `rows` rows each behind `start` positions.
Batch batch_of(int64_t sequences, int64_t start, int64_t rows, Role role, int64_t vocab) {
  Batch batch;
  const int64_t each = ceil_div(start + rows, kKvBlockTokens);
  for (int64_t s = 0; s < sequences; ++s) {
    SequenceRows part{batch.rows(), rows, start, role, {}};
    for (int64_t b = 0; b < each; ++b) part.blocks.push_back(static_cast<int32_t>(s * each + b));
    for (int64_t i = 0; i < rows; ++i) {
      batch.tokens.push_back(static_cast<int32_t>((7919 * batch.rows() + 13) % vocab));
    }
    batch.logits_rows.push_back(batch.rows() - 1);
    batch.sequences.push_back(std::move(part));
  }
  return batch;
}

struct Line {
  int64_t times = 0;
  double measured = 0, foretold = 0;  // seconds of all
};

void show(const std::string& name, const Line& line) {
  fmt::print("  {:<20}{:>4} x {:>9.1f} us {:>9.1f} us foretold  {:+.0f} %\n", name, line.times,
             1e6 * line.measured, 1e6 * line.foretold, 100 * (line.foretold / line.measured - 1));
}

// Medians of each verb's times in the step's repetitions.
void compare(const RandomSubject& subject, const MachineSpeed& speed, const Batch& batch,
             const std::string& name) {
  constexpr int kRepeats = 31;
  const Model& model = *subject.loaded.model;
  const KvSpec kv = model.kv_spec(Format::f16);
  const std::vector<TracedVerb> traced = trace_step(model, kv, batch).verbs;
  ClockedBackend clocked(*subject.backend);
  int64_t blocks = 0;
  for (const SequenceRows& rows : batch.sequences) blocks += std::ssize(rows.blocks);
  auto cache = make_cache(*subject.backend, kv, blocks);
  CHECK(cache.has_value());
  std::vector<std::vector<double>> seconds(traced.size());
  std::vector<double> whole;
  for (int i = 0; i < kRepeats; ++i) {
    const auto start = std::chrono::steady_clock::now();
    clocked.begin_forward(batch, *cache);
    CHECK(clocked.end_forward(model.forward(clocked, batch, *cache)).has_value());
    whole.push_back(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    CHECK_EQ(std::ssize(clocked.verbs()), std::ssize(traced));
    for (size_t v = 0; v < traced.size(); ++v) seconds[v].push_back(clocked.verbs()[v].seconds);
  }
  const auto median = [](std::vector<double>& values) {
    std::ranges::nth_element(values, values.begin() + kRepeats / 2);
    return values[kRepeats / 2];
  };
  std::map<std::string, Line> lines;
  for (size_t v = 0; v < traced.size(); ++v) {
    CHECK(clocked.verbs()[v].verb == traced[v].verb);
    Line& line = lines[std::string(traced[v].verb)];
    ++line.times;
    line.measured += median(seconds[v]);
    line.foretold += forecast_step({&traced[v], 1}, speed).seconds;
  }
  fmt::print("{}\n", name);
  for (const auto& [verb, line] : lines) show(verb, line);
  show("step", {1, median(whole), forecast_step(traced, speed).seconds});
}

int run_all(const std::string& shape, const std::string& format_name, int64_t depth) {
  const auto subject = random_subject(shape, format_name);
  if (!subject) return 2;
  const Model& model = *subject->loaded.model;
  const int64_t vocab = model.info().vocab_size;
  const Batch one = batch_of(1, depth + 16, 1, Role::generated, vocab);
  const KvSpec kv = model.kv_spec(Format::f16);
  CpuBackend kernels(default_threads(), *cpu::available_tables().front());
  auto speedometer = Speedometer::open(kernels, default_threads());
  CHECK(speedometer.has_value());
  const auto speed = speedometer->measure(*format_by_name(format_name),
                                          subject->loaded.weight_bytes, kv.kv_heads == 0);
  CHECK(speed.has_value());
  compare(*subject, *speed, one, "one generated token");
  compare(*subject, *speed, batch_of(8, depth + 16, 1, Role::generated, vocab),
          "eight generated tokens");
  compare(*subject, *speed, batch_of(1, depth, 256, Role::prompt, vocab), "a prompt of 256");
  return 0;
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) {
  return hearth::run_all(argc > 1 ? argv[1] : "deepseek-r1-distill-qwen-1.5b",
                         argc > 2 ? argv[2] : "q4_k", argc > 3 ? std::atoll(argv[3]) : 0);
}
