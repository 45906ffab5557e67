// hearth bench: how fast a model, or a shape with random weights, is on this machine, beside what
// the machine's memory and arithmetic allow, measured in the same run.
#include <fmt/ranges.h>
#include <malloc.h>  // malloc_trim

#include "hearth/backend/make_backend.h"
#include "hearth/base/checked_math.h"
#include "hearth/base/huge_memory.h"
#include "hearth/bench/report.h"
#include "hearth/cli/expert_cache_json.h"
#include "hearth/cli/model_options.h"
#include "hearth/cli/progress.h"
#include "hearth/cli/store_options.h"
#include "hearth/files/atomic_file.h"
#include "hearth/host/fit.h"
#include "hearth/host/speed.h"
#include "hearth/models/shapes.h"
#include "hearth/models/tiny/random_model.h"
#include "hearth/models/tiny/tiny.h"
#include "hearth/sensors/cpu.h"
#include "hearth/sensors/memory.h"

namespace hearth::cli {
namespace {

struct Options {
  ModelOptions model;
  std::string shape;  // name, or a config.json
  int64_t layers = 0;
  std::vector<int64_t> prompts = {512};
  std::vector<int64_t> gens = {128};
  std::vector<int64_t> depths = {0};
  std::vector<int64_t> batches = {1};
  int repeat = 5;
  bool csv = false;
  std::string svg;
};

// A network that is ready to be timed.
struct Subject {
  OpenedModel opened;
  SpeedSetting setting;
  int64_t base_bytes = 0;             // of the process before it
  int64_t load_peak_bytes = 0;        // foretold: beside them, while a file was loaded
  int64_t resident_bytes = 0;         // foretold: weights, and what experts on disk take
  std::optional<MachineSpeed> speed;  // absent: this device isn't foretold
  ExpertsOnDisk experts;
  double disk_gb_s = 0;  // of them
};

// Readings of the machine, and a peak of memory that leaves out what they took themselves.
class Machine {
 public:
  explicit Machine(int threads) { limits_.threads = threads; }

  Status measure() {
    TRY(limits_.measure_peaks());
    TRY(limits_.measure_bandwidth());
    can_forget_ = forget_peak_memory();
    return Status::ok();
  }
  // From now on, of the device's memory: the host's limits say nothing of it.
  void take_device(const DeviceMemory& device) {
    on_device_ = true;
    limits_.read_gb_s = device.read_gb_s;
    limits_.peaks = {};
  }
  // Between tests: the bandwidth of a shared machine changes by the minute.
  Status measure_again() {
    if (!can_forget_ || on_device_) return note_peak();
    return apart([this] { return limits_.measure_bandwidth(); });
  }
  // What `work` takes is left out of the peak, where the kernel can forget, and what it gave back
  // doesn't stay with the allocator: a server that does no such work wouldn't hold it either.
  template <typename Work>
  Status apart(const Work& work) {
    TRY(note_peak());
    TRY(work());
    ::malloc_trim(0);
    if (can_forget_) forget_peak_memory();
    return Status::ok();
  }
  const SpeedLimits& limits() const { return limits_; }
  int64_t peak_bytes() const { return peak_bytes_; }

 private:
  Status note_peak() {
    TRY_ASSIGN(const ProcessMemory memory, read_process_memory());
    peak_bytes_ = std::max(peak_bytes_, memory.peak_resident_bytes);
    return Status::ok();
  }

  SpeedLimits limits_;
  bool can_forget_ = false;
  bool on_device_ = false;
  int64_t peak_bytes_ = 0;
};

PlanOptions plan_options_of(const Options& options, const std::vector<SpeedTest>& tests) {
  PlanOptions plan;
  plan.context = 1;
  for (const SpeedTest& test : tests) {
    plan.context = std::max(plan.context, test.context());
    plan.batch = std::max(plan.batch, test.batch);
  }
  plan.kv_format = kv_format_of(options.model);
  return plan;
}

// Copies are packed into huge pages, where the system grants them, and what is mapped stays as it
// is. Of more than one slab of them the earlier ends are left out.
int64_t held_bytes(const HeldWeights& weights) {
  return weights.mapped_bytes +
         round_up(weights.resident_bytes() - weights.mapped_bytes, HugeMemory::kPage);
}

Result<Subject> open_file(const Options& options, PlanOptions plan, const Session& session) {
  Subject subject;
  TRY_ASSIGN(plan.dtype, dtype_of(options.model));
  TRY_ASSIGN(const std::string path, resolve_model(options.model.model, session));
  plan.expert_memory = options.model.expert_memory;
  plan.experts_may_stay = experts_may_stay(options.model);
  TRY_ASSIGN(const MemoryPlan planned, fit_model(path, plan, options.model.memory));
  ModelOptions model = options.model;
  model.context = plan.context;
  if (planned.experts.count > 0) model.expert_memory = planned.experts.cache_bytes;
  TRY_ASSIGN(subject.opened, open_model(model, session));
  subject.setting.model = options.model.model;
  subject.setting.format = planned.main_format;
  subject.load_peak_bytes = held_bytes(planned.weights) + planned.weights.conversion_bytes;
  subject.resident_bytes =
      held_bytes(planned.weights) + planned.experts.cache_bytes + planned.experts.room_bytes;
  subject.experts = planned.experts;
  if (planned.experts.count > 0) {
    TRY_ASSIGN(subject.disk_gb_s, measure_model_read(path));
  }
  return subject;
}

Result<Format> shape_format(const Options& options) {
  if (options.model.dtype == "auto" || options.model.dtype == "int8") return Format::q8_0;
  if (const auto format = format_by_name(options.model.dtype)) return *format;
  std::vector<std::string_view> names;
  for (const FormatInfo& info : kFormats) names.push_back(info.name);
  return error(Code::invalid, "--format: expected one of {}, found {}", fmt::join(names, ", "),
               options.model.dtype);
}

struct PlannedShape {
  Json config;
  MemoryPlan memory;
};

// A shape's first `layers` layers, and the memory that they will take in `format`.
Result<PlannedShape> plan_shape(const std::string& shape, int64_t layers, Format format,
                                PlanOptions plan) {
  PlannedShape planned;
  if (shape.ends_with(".json")) {
    TRY_ASSIGN(planned.config, read_json_file(shape));
  } else {
    TRY_ASSIGN(planned.config, shape_config(shape, layers));
  }
  Json& config = planned.config;
  config.erase("quantization_config");
  config["torch_dtype"] = "bfloat16";
  if (format == Format::f8_e4m3) {
    config["quantization_config"] = {{"quant_method", "fp8"}};
  } else {
    plan.dtype = format;
  }
  TRY_ASSIGN(planned.memory, plan_memory(config, plan));
  return planned;
}

// no_memory, with the number of layers that would fit.
Status check_shape_fits(const Options& options, const PlannedShape& planned, Format format,
                        const PlanOptions& plan) {
  TRY_ASSIGN(const MemoryInfo memory, read_memory());
  const int64_t available = memory.usable_available_bytes();
  if (planned.memory.peak_bytes() <= available) return Status::ok();
  TRY_ASSIGN(const int64_t layers, json_int(planned.config, "num_hidden_layers", 1, 512));
  int64_t fits = 0;
  for (int64_t beyond = options.shape.ends_with(".json") ? 0 : layers; beyond - fits > 1;) {
    const int64_t middle = (fits + beyond) / 2;
    TRY_ASSIGN(const PlannedShape slice, plan_shape(options.shape, middle, format, plan));
    (slice.memory.peak_bytes() <= available ? fits : beyond) = middle;
  }
  return error(
      Code::no_memory, "{}: needs {} of memory, {} are available; {}", options.shape,
      bytes_text(planned.memory.peak_bytes()), bytes_text(available),
      fits > 0 ? fmt::format("--layers {} would fit", fits) : "choose a smaller shape or --format");
}

Result<Subject> open_shape(const Options& options, const PlanOptions& plan,
                           const Session& session) {
  Subject subject;
  RandomModelOptions random;
  TRY_ASSIGN(random.format, shape_format(options));
  TRY_ASSIGN(const PlannedShape planned,
             plan_shape(options.shape, options.layers, random.format, plan));
  TRY(check_shape_fits(options, planned, random.format, plan));
  TRY_ASSIGN(subject.opened.backend, open_backend(options.model));
  Progress progress(session.say("making random weights", "生成随机权重"));
  random.progress = [&](int64_t done, int64_t total) { progress.update(done, total); };
  random.threads = options.model.threads;
  TRY_ASSIGN(subject.opened.loaded,
             make_random_model(planned.config, *subject.opened.backend, random));
  subject.setting.model = options.shape;
  subject.setting.format = planned.memory.main_format;
  subject.resident_bytes = held_bytes(planned.memory.weights);
  return subject;
}

Status check_lengths(const std::vector<SpeedTest>& tests, const Model& model) {
  for (const SpeedTest& test : tests) {
    if (test.context() <= model.info().max_position_embeddings) continue;
    return error(Code::invalid, "{}: expected at most {} tokens (the model's context), found {}",
                 test.name(), model.info().max_position_embeddings, test.context());
  }
  return Status::ok();
}

void print(const Json& line, bool first, const Options& options, const Session& session) {
  if (session.json) {
    fmt::print("{}\n", line.dump(-1, ' ', false, Json::error_handler_t::replace));
  } else if (options.csv) {
    fmt::print("{}{}\n", first ? csv_header(line) + "\n" : "", csv_row(line));
  } else {
    if (first) {
      fmt::print("{}, {}, {} threads, {}\n{}\n", line["model"].get<std::string>(),
                 line["format"].get<std::string>(), line["threads"].get<int>(),
                 line["cpu"].get<std::string>(), table_header());
    }
    fmt::print("{}\n", table_row(line));
  }
  std::fflush(stdout);
}

bool is_foretold(const Backend& backend) {
  return backend.name() != "cuda" && backend.name() != "reference";
}

// The kernels' speed, where they are the CPU's. By a backend of their own: what they take goes with
// it, and is not the model's.
Status measure_kernels(Subject& subject, const ModelOptions& options, int64_t weight_bytes) {
  if (!is_foretold(*subject.opened.backend)) return Status::ok();
  TRY_ASSIGN(const std::unique_ptr<Backend> backend, open_backend(options));
  TRY_ASSIGN(Speedometer speedometer, Speedometer::open(*backend, options.threads));
  const bool latents = subject.opened.loaded.model->kv_spec(Format::f16).kv_heads == 0;
  TRY_ASSIGN(MachineSpeed speed,
             speedometer.measure(subject.setting.format, weight_bytes, latents));
  speed.disk_gb_s = subject.disk_gb_s;
  speed.expert_miss_rate = subject.experts.miss_rate();
  subject.speed = speed;
  return Status::ok();
}

// Code comes into memory as it is run, and measuring leaves something behind: what the process
// takes before it loads anything is foretold with it. So everything is run once before, for some
// seconds, which kind of attention the model has being unknown yet.
Status warm_up(const ModelOptions& options) {
  TRY_ASSIGN(const std::unique_ptr<Backend> backend, open_backend(options));
  if (!is_foretold(*backend)) return Status::ok();
  TRY_ASSIGN(Speedometer speedometer, Speedometer::open(*backend, options.threads));
  const auto speed = speedometer.measure(Format::q8_0, /*weight_bytes=*/1, /*latents=*/true);
  if (!speed) return speed.status();
  RandomModelOptions random;
  random.format = Format::q8_0;
  for (const char* architecture : {"deepseek_v3", "qwen2"}) {
    TRY_ASSIGN(const Json config, tiny_config(architecture));
    TRY_ASSIGN(const LoadedModel tiny, make_random_model(config, *backend, random));
    SpeedTest test;
    test.prompt = 16;
    const auto ran = run_speed_test(*tiny.model, *backend, test, Format::f16, 1, nullptr);
    if (!ran) return ran.status();
  }
  return Status::ok();
}

// Foretold of the tests so far.
struct MemoryForetold {
  int64_t peak_bytes;
  int64_t scratch_bytes;  // the CPU keeps what it took, in huge pages
};

// Said on standard error before the test runs, so that nobody can fit it afterwards.
std::optional<SpeedForetold> foretell(const Subject& subject, const SpeedTest& test,
                                      MemoryForetold& memory) {
  if (!subject.speed) return std::nullopt;
  const Model& model = *subject.opened.loaded.model;
  const Format kv_format = subject.setting.kv_format;
  const TestForetold of_test = foretell_test(model, test, kv_format, *subject.speed);
  memory.scratch_bytes =
      std::max(memory.scratch_bytes, round_up(of_test.scratch_bytes, HugeMemory::kPage));
  const int64_t running = subject.base_bytes + subject.resident_bytes + memory.scratch_bytes +
                          kv_bytes_of(model, test, kv_format);
  memory.peak_bytes = std::max(memory.peak_bytes, running);
  SpeedForetold out;
  out.tok_s = static_cast<double>(test.tokens()) / std::max(of_test.seconds, 1e-9);
  out.peak_bytes = memory.peak_bytes;
  fmt::print(stderr, "predicted: {} {:.2f} tok/s, peak {}\n", test.name(), out.tok_s,
             bytes_text(out.peak_bytes));
  return out;
}

// Of all runs so far, where routed experts come from disk.
void add_expert_cache(Json& line, const Backend& backend) {
  const ExpertCacheStats stats = backend.expert_cache_stats();
  if (!stats.active()) return;
  line["expert_cache"] = expert_cache_json(stats);
}

Status run_tests(const Subject& subject, const std::vector<SpeedTest>& tests,
                 const Options& options, const Session& session, Machine& machine) {
  const Model& model = *subject.opened.loaded.model;
  const Format kv_format = subject.setting.kv_format;
  AtomicFile plot;
  if (!options.svg.empty()) {  // now, so that a wrong path costs no measurement
    TRY_ASSIGN(plot, AtomicFile::create(options.svg));
  }
  std::vector<Json> lines;
  auto energy = RaplCounter::open();  // many machines have none, or let root alone read it
  // The CPUs' counters don't see what a GPU takes.
  const bool counted = energy && subject.opened.backend->name() != "cuda";
  MemoryForetold memory{subject.base_bytes + subject.load_peak_bytes, 0};
  for (const SpeedTest& test : tests) {
    SpeedMeasurement measured{test, {}, trace_speed_test(model, test, kv_format), 0, {}, {}};
    measured.foretold = foretell(subject, test, memory);
    TRY_ASSIGN(const SpeedResult result,
               run_speed_test(model, *subject.opened.backend, test, kv_format, options.repeat,
                              counted ? &*energy : nullptr));
    measured.tok_s = result.tok_s;
    measured.joules_per_token = result.joules_per_token;
    TRY(machine.measure_again());
    measured.peak_rss_bytes = machine.peak_bytes();
    lines.push_back(speed_line(subject.setting, measured, machine.limits()));
    add_expert_cache(lines.back(), *subject.opened.backend);
    print(lines.back(), lines.size() == 1, options, session);
  }
  if (options.svg.empty()) return Status::ok();
  TRY(plot.write(speed_plot(lines)));
  return plot.commit();
}

Status bench(const Options& given, const Session& session) {
  Options options = given;
  if (options.model.model.empty() == options.shape.empty()) {
    return error(Code::invalid, "expected one of --model and --shape; shapes: {}",
                 fmt::join(shape_names(), ", "));
  }
  if (options.layers > 0 && (options.shape.empty() || options.shape.ends_with(".json"))) {
    return error(Code::invalid, "--layers: expected a --shape by name");
  }
  const std::vector<SpeedTest> tests =
      speed_tests(options.prompts, options.gens, options.depths, options.batches);
  if (tests.empty()) return error(Code::invalid, "expected --prompt or --gen above 0");
  if (options.model.threads == 0) options.model.threads = default_threads();
  const PlanOptions plan = plan_options_of(options, tests);
  Machine machine(options.model.threads);
  TRY(machine.measure());
  TRY(machine.apart([&] { return warm_up(options.model); }));
  TRY_ASSIGN(const ProcessMemory before, read_process_memory());
  Subject subject;
  if (options.shape.empty()) {
    TRY_ASSIGN(subject, open_file(options, plan, session));
  } else {  // random weights are made as no model is loaded
    TRY(machine.apart([&]() -> Status {
      TRY_ASSIGN(subject, open_shape(options, plan, session));
      return Status::ok();
    }));
  }
  TRY(check_lengths(tests, *subject.opened.loaded.model));
  SpeedSetting& setting = subject.setting;
  setting.device = subject.opened.backend->name();
  TRY_ASSIGN(const auto device, measure_device(*subject.opened.backend));
  if (device) machine.take_device(*device);
  if (const auto cpu = read_cpu()) setting.cpu = device ? device->name : cpu->model;
  setting.kv_format = plan.kv_format;
  setting.threads = options.model.threads;
  setting.repeat = options.repeat;
  setting.weight_bytes = subject.opened.loaded.weight_bytes;
  subject.base_bytes = before.resident_bytes;
  TRY(machine.apart([&] { return measure_kernels(subject, options.model, setting.weight_bytes); }));
  return run_tests(subject, tests, options, session, machine);
}

}  // namespace

void add_bench(CLI::App& app, Session& session) {
  auto options = std::make_shared<Options>();
  CLI::App* verb =
      add_verb(app, session, "bench",
               std::string(session.say("Measure speed beside the machine's limits",
                                       "测量速度，并与机器的极限对比")),
               "hearth bench --shape deepseek-r1-distill-qwen-1.5b --format q4_0 --depth 0,4096",
               [options, &session] { return bench(*options, session); });
  verb->add_option("--model", options->model.model, "Hugging Face directory, GGUF file, or a name");
  verb->add_option("--shape", options->shape,
                   fmt::format("random weights of a shape: {}, or a config.json",
                               fmt::join(shape_names(), ", ")))
      ->excludes(verb->get_option("--model"));
  verb->add_option("--layers", options->layers, "of a shape, only its first layers; 0: all")
      ->check(CLI::Range(0, 512));
  verb->add_option("--format", options->model.dtype,
                   "of the weights; auto: as stored, q8_0 for a shape")
      ->capture_default_str();
  options->model.declare_kv_format(*verb);
  const auto list = [&](const char* flag, std::vector<int64_t>& values, int64_t least, int64_t most,
                        const char* what) {
    verb->add_option(flag, values, what)
        ->delimiter(',')
        ->check(CLI::Range(least, most))
        ->capture_default_str();
  };
  list("--prompt", options->prompts, 0, 1 << 20, "prompt tokens to read; may be a list: 128,512");
  list("--gen", options->gens, 0, 1 << 20, "tokens to generate; may be a list");
  list("--depth", options->depths, 0, 1 << 20, "tokens of context before; may be a list");
  list("--batch", options->batches, 1, 1024, "sequences that generate together; may be a list");
  verb->add_option("--repeat", options->repeat, "runs of each test; the median counts")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  options->model.declare_device(*verb);
  verb->add_option("--threads", options->model.threads,
                   "compute threads; 0: one for each physical core")
      ->check(CLI::Range(0, 1024));
  verb->add_flag("--csv", options->csv, "comma-separated values, with a header");
  verb->add_option("--svg", options->svg, "plot tokens/s over depth and batch into this file");
}

}  // namespace hearth::cli
