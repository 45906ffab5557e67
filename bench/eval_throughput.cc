// What `hearth eval` costs beside the engine alone: tokens a second of the same replies, drawn by
// the same engine at the same batch, without scores and with them, by turns. The second scorer
// stands for a sandbox: it sleeps for 30 ms a reply.
//   cmake --build build --target eval_throughput &&
//   build/bench/eval_throughput [MODEL] [BATCH] [ITEMS] [ROUNDS]
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

#include "hearth/backend/cpu/cpu_backend.h"
#include "hearth/backend/cpu/dispatch.h"
#include "hearth/eval/run.h"
#include "hearth/eval/suite.h"
#include "hearth/host/fit.h"

namespace hearth {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kContext = 1024;
constexpr auto kSlowScore = std::chrono::milliseconds(30);

struct Bench {
  Suite suite;
  std::vector<EvalItem> items;
  const TextModel& model;
  Backend& backend;
  int64_t batch;

  EngineOptions engine_options() const {
    EngineOptions options;
    options.context = kContext;
    options.limits.sequences_max = batch;
    options.kv_blocks = batch * (kContext / 64);
    return options;
  }
  EngineReplies replies() const {
    EngineReplies out;
    out.batch = batch;
    out.max_tokens = suite.max_tokens;
    out.sampling.temperature = suite.temperature;
    return out;
  }
};

// The replies alone: nothing is judged, recorded or kept.
double raw(const Bench& bench) {
  Engine engine(bench.model.model(), bench.backend, bench.engine_options(), bench.model.banned());
  std::vector<ReplyTask> tasks;
  for (int64_t item = 0; item < std::ssize(bench.items); ++item) tasks.push_back({item, 0, 0});
  int64_t tokens = 0;
  const Clock::time_point start = Clock::now();
  const ReplySource source = engine_replies(bench.model, engine, bench.replies());
  const Status made = source(bench.items, tasks, [&](size_t, const MadeReply& reply) {
    tokens += reply.tokens;
    return true;
  });
  CHECK(made.is_ok());
  return static_cast<double>(tokens) / std::chrono::duration<double>(Clock::now() - start).count();
}

double scored(const Bench& bench, bool slow) {
  Suite suite = bench.suite;
  if (slow) {
    suite.judge = [&](const EvalItem& item, std::string_view reply) {
      std::this_thread::sleep_for(kSlowScore);
      return bench.suite.judge(item, reply);
    };
  }
  Engine engine(bench.model.model(), bench.backend, bench.engine_options(), bench.model.banned());
  const std::string path =
      std::filesystem::temp_directory_path() / fmt::format("eval_throughput_{}", ::getpid());
  auto file = RecordFile::open(path, Json::object(), bench.items);
  CHECK(file.has_value());
  EvalSettings settings;
  settings.on_record = [&](const EvalRecord& record) { return file->append(record); };
  const auto result =
      run_suite(suite, bench.items, engine_replies(bench.model, engine, bench.replies()), settings);
  std::filesystem::remove(path);
  CHECK(result.has_value());
  return static_cast<double>(result->new_tokens) / result->seconds;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void measure(const Bench& bench, int rounds) {
  std::vector<double> alone, quick, slow;
  raw(bench);  // warms up
  for (int round = 0; round < rounds; ++round) {
    alone.push_back(raw(bench));
    quick.push_back(scored(bench, false));
    slow.push_back(scored(bench, true));
  }
  const double base = median(alone);
  fmt::print("{} items, batch {}, medians of {}\n", bench.items.size(), bench.batch, rounds);
  fmt::print("engine alone        {:9.1f} tokens/s\n", base);
  fmt::print("eval                {:9.1f} tokens/s  {:.3f} of it\n", median(quick),
             median(quick) / base);
  fmt::print("eval, 30 ms a score {:9.1f} tokens/s  {:.3f} of it\n", median(slow),
             median(slow) / base);
}

int run(const std::string& path, int64_t batch, int64_t limit, int rounds) {
  CpuBackend backend(default_threads(), *cpu::available_tables().front());
  const auto model = TextModel::load(path, backend, {});
  const Suite& suite = *find_suite("arithmetic");
  auto items = suite.load("recipes/mini/heldout/mul.jsonl");
  for (const Status& status : {model.has_value() ? Status::ok() : model.status(),
                               items.has_value() ? Status::ok() : items.status()}) {
    if (status.is_ok()) continue;
    fmt::print(stderr, "{}\n", status.message());
    return 2;
  }
  if (std::ssize(*items) > limit) items->resize(static_cast<size_t>(limit));
  measure({suite, *std::move(items), **model, backend, batch}, rounds);
  return 0;
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) {
  const auto number = [&](int place, int64_t otherwise) {
    return argc > place ? std::max<int64_t>(1, std::atoll(argv[place])) : otherwise;
  };
  return hearth::run(argc > 1 ? argv[1] : "assets/mini", number(2, 16), number(3, 400),
                     static_cast<int>(number(4, 5)));
}
