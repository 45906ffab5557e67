// hearth plan: what a model will take and how fast it will be, before anything of it is loaded.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "hearth/cli/family_table.h"
#include "hearth/cli/model_options.h"
#include "hearth/cli/remote_heads.h"
#include "hearth/cli/store_options.h"
#include "hearth/host/fit.h"
#include "hearth/host/gpu_card.h"
#include "hearth/host/machine.h"
#include "hearth/host/memory_plan.h"
#include "hearth/host/speed.h"
#include "hearth/sensors/cpu.h"
#include "hearth/sensors/disk.h"
#include "hearth/sensors/memory.h"

namespace hearth::cli {
namespace {

struct Options {
  ModelOptions model;
  std::string config;  // a config.json alone, instead of a model
  bool heads = false;  // of a model that is not here
  TransferFlags transfer;
  int64_t batch = 1;
  bool all = false;  // of the R1 family
  std::string gpu;   // a card's name
  // For a GPU of --gpu-memory bytes, or for a card; else, of what the largest one has free.
  bool on_gpu() const { return model.gpu_memory > 0 || model.device == "cuda" || !gpu.empty(); }
};

// What only the CPU's kernels are foretold by.
struct Foretold {
  MachineSpeed speed;
  SpeedForecast forecast;
};

struct Planned {
  MemoryPlan plan;
  std::string device;  // cpu or cuda
  std::string model;   // of the CPU or the GPU
  int threads = 0;     // of the CPU
  int64_t total_bytes = 0;
  int64_t available_bytes = 0;
  std::optional<Foretold> foretold;
  std::optional<GpuLimits> limits;  // of a card that is known
};

// Where the model is: in this place, or elsewhere.
struct Place {
  std::string path;  // "": not here
  const Session& session;
};

Result<MemoryPlan> plan_of(const Options& options, const Place& place, int64_t available) {
  PlanOptions plan;
  TRY_ASSIGN(plan.dtype, dtype_of(options.model));
  plan.context = options.model.context;
  plan.batch = options.batch;
  plan.kv_format = kv_format_of(options.model);
  plan.mtp = options.model.wants_mtp() && !options.on_gpu();
  plan.expert_memory = options.model.expert_memory;
  plan.experts_may_stay = !options.on_gpu();
  if (options.heads) {  // they are gone before anything is measured
    TRY_ASSIGN(const RemoteHeads heads,
               RemoteHeads::fetch(options.model.model, options.transfer, place.session));
    TRY_ASSIGN(const Checkpoint checkpoint, Checkpoint::open(heads.path()));
    return plan_within(checkpoint, plan, available);
  }
  if (!place.path.empty()) {
    TRY_ASSIGN(const Checkpoint checkpoint, Checkpoint::open(place.path));
    return plan_within(checkpoint, plan, available);
  }
  TRY_ASSIGN(const Json config, read_json_file(options.config));
  auto planned = plan_within(config, plan, available);
  if (!planned) return std::move(planned).status().at(options.config);
  return planned;
}

// Of the disk that the model's files are on; of a model that is not here, of this folder's.
Result<double> measure_disk(const Place& place) {
  constexpr int64_t kTestBytes = 256 << 20;
  if (!place.path.empty()) return measure_model_read(place.path);
  std::error_code ignored;
  return measure_disk_read(std::filesystem::current_path(ignored).string(), kTestBytes);
}

Status plan_for_cpu(const Options& options, const Place& place, Planned& out) {
  TRY_ASSIGN(const CpuInfo cpu, read_cpu());
  TRY_ASSIGN(const MemoryInfo memory, read_memory());
  out.device = "cpu";
  out.model = cpu.model;
  out.total_bytes = memory.usable_total_bytes();
  out.available_bytes = memory.usable_available_bytes();
  if (options.model.memory > 0) {  // on a machine that is planned, it may be more than is here
    out.total_bytes = out.available_bytes = options.model.memory;
  }
  TRY_ASSIGN(out.plan, plan_of(options, place, out.available_bytes));
  out.threads = options.model.threads > 0 ? options.model.threads : cpu.usable_threads();
  ModelOptions measured = options.model;
  measured.threads = out.threads;
  TRY_ASSIGN(const std::unique_ptr<Backend> backend, open_backend(measured));
  TRY_ASSIGN(Speedometer speedometer, Speedometer::open(*backend, out.threads));
  Foretold foretold;
  TRY_ASSIGN(foretold.speed,
             speedometer.measure(out.plan.main_format, out.plan.decode.work.weight_bytes,
                                 attend_latents(out.plan.decode.verbs)));
  if (out.plan.experts.count > 0) {
    const auto disk = measure_disk(place);
    if (disk) foretold.speed.disk_gb_s = *disk;
    foretold.speed.expert_miss_rate = out.plan.experts.miss_rate();
    if (!disk) fmt::print(stderr, "note: the disk is not counted: {}\n", disk.status().message());
  }
  foretold.forecast = forecast(out.plan, foretold.speed);
  out.foretold = foretold;
  return Status::ok();
}

// A card's memory, but for what its driver and a display take.
constexpr int64_t kTakenOnACard = int64_t{1} << 30;

// Memory, and what the card's data sheet allows; before a GPU is bought, too.
Status plan_for_gpu(const Options& options, const Place& place, Planned& out) {
  out.device = "cuda";
  TRY_ASSIGN(out.plan, plan_of(options, place, INT64_MAX));
  // A GPU's kernels keep rounded and partial copies, which the trace of the CPU's doesn't know.
  out.plan.activation_bytes *= 2;
  out.model = "--gpu-memory";
  out.total_bytes = out.available_bytes = options.model.gpu_memory;
  if (!options.gpu.empty()) {
    auto card = gpu_card_named(options.gpu);
    if (!card) return std::move(card).status().at("--gpu");
    out.model = (*card)->name;
    out.limits = limits_on(**card, out.plan);
    if (options.model.gpu_memory == 0) {
      out.total_bytes = (*card)->memory_bytes;
      out.available_bytes = out.total_bytes - kTakenOnACard;
    }
    return Status::ok();
  }
  if (options.model.gpu_memory > 0) return Status::ok();
  TRY_ASSIGN(const Machine machine, read_machine("/", "libnvidia-ml.so.1"));
  for (const Gpu& gpu : machine.gpus) {
    const int64_t free = gpu.now.memory_free_bytes.value_or(gpu.info.memory_bytes);
    if (free < out.available_bytes) continue;
    out.model = gpu.info.name;
    out.total_bytes = gpu.info.memory_bytes;
    out.available_bytes = free;
  }
  if (const GpuCard* card = find_gpu_card(out.model)) out.limits = limits_on(*card, out.plan);
  if (!machine.gpus.empty()) return Status::ok();
  return error(Code::not_found, "--device cuda: no GPU ({}); --gpu-memory 24GiB plans for one",
               machine.gpu_driver);
}

Result<Planned> make_plan(const Options& options, const Session& session) {
  if (options.model.model.empty() == options.config.empty()) {
    return error(Code::invalid, "expected one of --model, --config and --all");
  }
  if (options.heads && options.model.model.empty()) {
    return error(Code::invalid, "--heads: expected --model and the name of one that is elsewhere");
  }
  Place place{"", session};
  if (!options.heads && options.config.empty()) {
    TRY_ASSIGN(place.path, resolve_model(options.model.model, session));
  }
  Planned out;
  TRY(options.on_gpu() ? plan_for_gpu(options, place, out) : plan_for_cpu(options, place, out));
  return out;
}

Json experts_json(const Planned& p) {
  const ExpertsOnDisk& experts = p.plan.experts;
  if (experts.count == 0) return nullptr;
  const double disk = p.foretold ? p.foretold->speed.disk_gb_s : 0;
  return {{"count", experts.count},
          {"stored_bytes", experts.stored_bytes},
          {"cache_bytes", experts.cache_bytes},
          {"cache_bytes_least", p.plan.expert_memory_least()},
          {"room_bytes", experts.room_bytes},
          {"miss_rate", experts.miss_rate()},
          {"disk_bytes_per_token", p.plan.disk_bytes(p.plan.decode) / p.plan.decode.rows},
          {"disk_gb_s", disk > 0 ? Json(disk) : Json(nullptr)}};
}

Json to_json(const Planned& p) {
  const MemoryPlan& plan = p.plan;
  const Status fits = check_fits(plan, p.available_bytes);
  Json device = {{"name", p.device},
                 {"model", p.model},
                 {"total_bytes", p.total_bytes},
                 {"available_bytes", p.available_bytes},
                 {"planned_bytes", plan.peak_bytes()}};
  if (p.foretold) {
    const MachineSpeed& speed = p.foretold->speed;
    device["threads"] = p.threads;
    device["bandwidth_gb_s"] = speed.read_gb_s;
    device["prompt_gflop_s"] = speed.gflop_s(kMeasuredRows.back());
    device["decode_gflop_s"] = speed.gflop_s(1);
  }
  Json out = {{"devices", {device}},
              {"architecture", plan.architecture},
              {"parameters", plan.parameters},
              {"mtp", plan.mtp},
              {"format", format_info(plan.main_format).name},
              {"ctx", plan.context},
              {"batch", plan.batch},
              {"weight_bytes", plan.weights.bytes},
              {"latent_bytes", plan.weights.latent_bytes},
              {"experts_on_disk", experts_json(p)},
              {"kv_bytes", plan.kv_bytes},
              {"activation_bytes", plan.activation_bytes},
              {"peak_bytes", plan.peak_bytes()},
              {"fits", fits.is_ok()},
              {"prompt_tokens", plan.prompt_tokens},
              {"bytes_per_token", plan.decode.work.weight_bytes + plan.decode.work.kv_bytes},
              {"flops_per_token", plan.decode.work.flops / static_cast<double>(plan.decode.rows)},
              {"ttft_ms", nullptr},
              {"tok_s", nullptr},
              {"limited_by", nullptr},
              {"ttft_ms_least", nullptr},
              {"tok_s_most", nullptr}};
  if (p.foretold) {
    out["ttft_ms"] = p.foretold->forecast.ttft_ms;
    out["tok_s"] = p.foretold->forecast.tok_s;
    out["limited_by"] = limit_name(p.foretold->forecast.limited_by);
  }
  if (p.limits) {
    out["ttft_ms_least"] = p.limits->ttft_ms_least;
    out["tok_s_most"] = p.limits->tok_s_most;
    out["limited_by"] = limit_name(p.limits->by_memory ? Limit::memory_bandwidth : Limit::compute);
  }
  if (!fits.is_ok()) out["message"] = fits.message();
  return out;
}

std::string count_text(int64_t n) {
  const auto count = static_cast<double>(n);
  return n >= 1'000'000'000 ? fmt::format("{:.2f} B", count / 1e9)
                            : fmt::format("{:.2f} M", count / 1e6);
}

void print_experts(const Planned& p, const Session& session) {
  const ExpertsOnDisk& experts = p.plan.experts;
  fmt::print("{}: {} {}, {} {} (+ {} {})\n", session.say("routed experts", "路由专家"),
             bytes_text(experts.stored_bytes), session.say("on disk", "在磁盘上"),
             session.say("cache", "缓存"), bytes_text(experts.cache_bytes),
             bytes_text(experts.room_bytes), session.say("for reading", "用于读取"));
  const double disk = p.foretold ? p.foretold->speed.disk_gb_s : 0;
  fmt::print("{}: {:.2f} GB/s, {} {}, {:.0f} % {}\n", session.say("disk", "磁盘"), disk,
             bytes_text(p.plan.disk_bytes(p.plan.decode) / p.plan.decode.rows),
             session.say("a token", "每词元"), 100 * experts.miss_rate(),
             session.say("of chosen experts read, if all are chosen equally often",
                         "的被选专家需读取（假设各专家被选概率相同）"));
}

void print_table(const Planned& p, const Session& session) {
  const MemoryPlan& plan = p.plan;
  const auto line = [&](std::string_view english, std::string_view chinese, std::string text) {
    fmt::print("{}: {}\n", session.say(english, chinese), text);
  };
  std::string model =
      fmt::format("{}, {} {}, {}", plan.architecture, count_text(plan.parameters),
                  session.say("parameters", "参数"), format_info(plan.main_format).name);
  if (plan.mtp) model += session.say(", its MTP layer counted", "，含 MTP 层");
  line("model", "模型", model);
  std::string device = fmt::format("{}, {}", p.device, p.model);
  if (p.foretold) {
    const MachineSpeed& speed = p.foretold->speed;
    device += fmt::format(", {} threads, {:.1f} GB/s, {:.0f} GFLOP/s", p.threads, speed.read_gb_s,
                          speed.gflop_s(kMeasuredRows.back()));
  }
  line("device", "设备", device);
  line("weights", "权重", bytes_text(plan.weights.bytes));
  if (plan.weights.latent_bytes > 0) {
    line("MLA's maps", "MLA 映射", bytes_text(plan.weights.latent_bytes));
  }
  if (plan.experts.count > 0) print_experts(p, session);
  line("KV cache", "KV 缓存",
       fmt::format("{} ({} x {} tokens)", bytes_text(plan.kv_bytes), plan.batch, plan.context));
  line("activations", "激活", bytes_text(plan.activation_bytes));
  line("peak", "峰值",
       fmt::format("{} / {}", bytes_text(plan.peak_bytes()), bytes_text(p.available_bytes)));
  if (p.limits) {
    line("first token", "首个词元",
         fmt::format("{} {:.0f} ms ({} prompt tokens)", session.say("at least", "至少"),
                     p.limits->ttft_ms_least, plan.prompt_tokens));
    line("speed", "速度",
         fmt::format(
             "{} {:.1f} tok/s, {} {}", session.say("at most", "至多"), p.limits->tok_s_most,
             session.say("limited by", "受限于"),
             limit_text(p.limits->by_memory ? Limit::memory_bandwidth : Limit::compute, session)));
  }
  if (!p.foretold) return;
  const SpeedForecast& forecast = p.foretold->forecast;
  line("first token", "首个词元",
       fmt::format("{:.0f} ms ({} prompt tokens)", forecast.ttft_ms, plan.prompt_tokens));
  line("speed", "速度",
       fmt::format("{:.2f} tok/s, {} {}", forecast.tok_s, session.say("limited by", "受限于"),
                   limit_text(forecast.limited_by, session)));
}

Status plan_all(const Options& options, const Session& session) {
  ModelOptions on_cpu = options.model;
  on_cpu.device = "cpu";
  if (on_cpu.threads == 0) on_cpu.threads = default_threads();
  TRY_ASSIGN(const std::unique_ptr<Backend> backend, open_backend(on_cpu));
  TRY_ASSIGN(Speedometer speedometer, Speedometer::open(*backend, on_cpu.threads));
  TRY_ASSIGN(const MemoryInfo memory, read_memory());
  FamilyOptions family;
  family.context = options.model.context;
  family.batch = options.batch;
  family.available_bytes =
      options.model.memory > 0 ? options.model.memory : memory.usable_available_bytes();
  family.gpu_bytes = options.model.gpu_memory;
  std::error_code ignored;
  const auto disk = measure_disk_read(std::filesystem::current_path(ignored).string(), 256 << 20);
  if (disk) family.disk_gb_s = *disk;
  TRY_ASSIGN(const std::vector<FamilyRow> rows, plan_family(speedometer, family));
  if (session.json) {
    const Json out = {{"available_bytes", family.available_bytes},
                      {"bandwidth_gb_s", speedometer.read_gb_s()},
                      {"models", family_json(rows, family.gpu_bytes > 0)}};
    fmt::print("{}\n", out.dump());
  } else {
    print_family(rows, session);
  }
  return Status::ok();
}

// A model that does not fit is a successful plan: the line that says so goes to standard error.
Status plan(const Options& options, const Session& session) {
  if (options.all) return plan_all(options, session);
  TRY_ASSIGN(const Planned planned, make_plan(options, session));
  if (session.json) {
    fmt::print("{}\n", to_json(planned).dump(-1, ' ', false, Json::error_handler_t::replace));
  } else {
    print_table(planned, session);
  }
  const Status fits = check_fits(planned.plan, planned.available_bytes);
  if (!fits.is_ok()) fmt::print(stderr, "note: {}\n", fits.message());
  return Status::ok();
}

}  // namespace

void add_plan(CLI::App& app, Session& session) {
  auto options = std::make_shared<Options>();
  CLI::App* verb =
      add_verb(app, session, "plan",
               std::string(session.say("Foretell memory and speed before loading",
                                       "在加载之前预测内存和速度")),
               "hearth plan --model DeepSeek-R1-Distill-Qwen-7B/ --ctx 8192\n"
               "  hearth plan --model deepseek-r1:14b --heads --dtype q8_0 --gpu \"RTX 4090\"\n"
               "  hearth plan --model deepseek-r1:671b --heads",
               [options, &session] { return plan(*options, session); });
  options->model.declare(*verb, false);
  options->model.declare_draft(*verb);
  verb->add_option("--config", options->config, "a config.json, for a model that is not here")
      ->configurable(false)
      ->excludes(verb->get_option("--model"));
  verb->add_flag("--heads", options->heads,
                 "of a model that is not here, by the heads of its files: --model as `hearth pull` "
                 "takes it");
  verb->add_option(
          "--gpu", options->gpu,
          "for an NVIDIA card by its name (\"RTX 4090\"): whether it fits, and how fast it "
          "can be at most")
      ->configurable(false);
  declare_transfer(*verb, options->transfer);
  verb->add_flag("--all", options->all,
                 "every model of the R1 family in its usual formats, on the CPU");
  verb->add_option("--batch", options->batch, "sequences at once")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
}

}  // namespace hearth::cli
