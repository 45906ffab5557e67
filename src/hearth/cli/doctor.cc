// hearth doctor: this machine on one screen, beside what the users' guide asks for, and which
// models of the R1 family would run on it how fast.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "hearth/cli/family_table.h"
#include "hearth/cli/model_options.h"
#include "hearth/host/machine.h"
#include "hearth/host/requirements.h"

namespace hearth::cli {
namespace {

struct Options {
  std::string folder = ".";
  int64_t context = 4096;
  int threads = 0;
};

struct Examined {
  Machine machine;
  std::vector<FamilyRow> family;
  int threads = 1;
};

Result<Examined> examine(const Options& options) {
  std::error_code failure;
  const auto folder = std::filesystem::canonical(options.folder, failure);
  if (failure) return error(Code::not_found, "--path {}: {}", options.folder, failure.message());
  Examined out;
  TRY_ASSIGN(out.machine, read_machine(folder.string(), "libnvidia-ml.so.1"));
  Machine& machine = out.machine;
  out.threads = options.threads > 0 ? options.threads : machine.cpu.usable_threads();
  TRY(measure_machine(machine, out.threads));
  ModelOptions on_cpu;
  on_cpu.device = "cpu";
  on_cpu.threads = out.threads;
  TRY_ASSIGN(const std::unique_ptr<Backend> backend, open_backend(on_cpu));
  TRY_ASSIGN(Speedometer speedometer, Speedometer::open(*backend, out.threads));
  machine.read_gb_s = speedometer.read_gb_s();
  FamilyOptions family;
  family.context = options.context;
  family.available_bytes = machine.memory.usable_available_bytes();
  family.disk_gb_s = machine.disk_read_gb_s.value_or(0);
  for (const Gpu& gpu : machine.gpus) {
    const int64_t free = gpu.now.memory_free_bytes.value_or(gpu.info.memory_bytes);
    family.gpu_bytes = std::max(family.gpu_bytes, free);
  }
  TRY_ASSIGN(out.family, plan_family(speedometer, family));
  return out;
}

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

Json cpu_json(const Machine& machine, int threads) {
  const CpuInfo& cpu = machine.cpu;
  Json caches = Json::array();
  for (const CpuCache& cache : cpu.caches) {
    caches.push_back({{"level", cache.level},
                      {"type", cache.type},
                      {"bytes", cache.bytes},
                      {"instances", cache.instances}});
  }
  Json nodes = Json::array();
  for (const NumaNode& node : cpu.nodes) {
    nodes.push_back({{"id", node.id}, {"cpus", node.cpus}, {"memory_bytes", node.memory_bytes}});
  }
  return {{"model", cpu.model},
          {"board", cpu.board},
          {"isa", cpu.isa.to_string()},
          {"sockets", cpu.sockets},
          {"cores", cpu.cores},
          {"hardware_threads", cpu.hardware_threads},
          {"usable_threads", threads},
          {"quota_cpus", or_null(cpu.quota_cpus)},
          {"caches", caches},
          {"numa_nodes", nodes},
          {"int8_gop_s", machine.peaks.int8.gop_s},
          {"bf16_gop_s", machine.peaks.bf16.gop_s},
          {"f32_gop_s", machine.peaks.f32.gop_s}};
}

Json memory_json(const Machine& machine) {
  return {{"total_bytes", machine.memory.total_bytes},
          {"available_bytes", machine.memory.usable_available_bytes()},
          {"limit_bytes", or_null(machine.memory.limit_bytes)},
          {"swap_bytes", machine.memory.swap_total_bytes},
          {"read_gb_s", machine.read_gb_s}};
}

Json gpus_json(const Machine& machine) {
  Json gpus = Json::array();
  for (const auto& [info, now] : machine.gpus) {
    gpus.push_back({{"name", info.name},
                    {"driver", machine.gpu_driver},
                    {"memory_bytes", info.memory_bytes},
                    {"memory_free_bytes", or_null(now.memory_free_bytes)},
                    {"temperature_c", or_null(now.temperature_c)},
                    {"power_watts", or_null(now.power_watts)},
                    {"power_limit_watts", or_null(now.power_limit_watts)},
                    {"ecc_uncorrected", or_null(now.ecc_uncorrected)},
                    {"pcie_generation", or_null(now.pcie_generation)},
                    {"pcie_width", or_null(now.pcie_width)},
                    {"answers", now.fault == GpuFault::none}});
  }
  return gpus;
}

Json storage_json(const Machine& machine) {
  if (!machine.disk) return Json();
  const DiskInfo& disk = *machine.disk;
  Json out = {{"path", disk.folder},
              {"filesystem", disk.filesystem},
              {"device", disk.device},
              {"model", disk.model},
              {"kind", disk_kind_name(disk.kind)},
              {"total_bytes", disk.total_bytes},
              {"free_bytes", disk.free_bytes},
              {"read_gb_s", or_null(machine.disk_read_gb_s)}};
  if (!machine.disk_read_gb_s) out["not_measured"] = machine.disk_not_measured;
  return out;
}

Json to_json(const Examined& examined, const Session& session) {
  const auto text = [&](const Phrase& p) { return session.say(p.english, p.chinese); };
  Json checks = Json::array();
  for (const Check& check : check_machine(examined.machine)) {
    checks.push_back({{"name", check.name},
                      {"level", level_name(check.level)},
                      {"ok", check.ok},
                      {"found", text(check.found)},
                      {"needed", text(check.needed)},
                      {"advice", text(check.advice)}});
  }
  return {{"cpu", cpu_json(examined.machine, examined.threads)},
          {"memory", memory_json(examined.machine)},
          {"gpus", gpus_json(examined.machine)},
          {"storage", storage_json(examined.machine)},
          {"checks", checks},
          {"models", family_json(examined.family, !examined.machine.gpus.empty())}};
}

std::string caches_text(const CpuInfo& cpu) {
  std::string text;
  for (const CpuCache& cache : cpu.caches) {
    if (cache.type == "Instruction") continue;
    text += fmt::format("{}L{} {} x {}", text.empty() ? "" : ", ", cache.level, cache.instances,
                        bytes_text(cache.bytes));
  }
  return text;
}

void print_machine(const Examined& examined, const Session& session) {
  const Machine& machine = examined.machine;
  const CpuInfo& cpu = machine.cpu;
  const auto line = [&](std::string_view english, std::string_view chinese,
                        const std::string& text) {
    if (!text.empty()) fmt::print("{}: {}\n", session.say(english, chinese), text);
  };
  line(
      "CPU", "CPU",
      fmt::format("{}, {}", cpu.model,
                  session.chinese ? fmt::format("{} 核心，{} 线程，{} 插槽，使用 {}", cpu.cores,
                                                cpu.hardware_threads, cpu.sockets, examined.threads)
                                  : fmt::format("{} cores, {} threads, {} socket{}, {} used",
                                                cpu.cores, cpu.hardware_threads, cpu.sockets,
                                                cpu.sockets == 1 ? "" : "s", examined.threads)));
  line("board", "主板", cpu.board == cpu.model ? "" : cpu.board);
  line("instructions", "指令集", cpu.isa.to_string());
  line("caches", "缓存", caches_text(cpu));
  if (cpu.nodes.size() > 1) line("NUMA nodes", "NUMA 节点", std::to_string(cpu.nodes.size()));
  line("arithmetic", "算力",
       fmt::format("int8 {:.0f}, bf16 {:.0f}, f32 {:.0f} GOP/s", machine.peaks.int8.gop_s,
                   machine.peaks.bf16.gop_s, machine.peaks.f32.gop_s));
  line("memory", "内存",
       fmt::format("{}, {} {}, {:.1f} GB/s", bytes_text(machine.memory.usable_total_bytes()),
                   bytes_text(machine.memory.usable_available_bytes()), session.say("free", "可用"),
                   machine.read_gb_s));
  for (const auto& [info, now] : machine.gpus) {
    std::string text = fmt::format("{}, {}", info.name, bytes_text(info.memory_bytes));
    if (now.temperature_c) text += fmt::format(", {:.0f} °C", *now.temperature_c);
    if (now.power_watts) text += fmt::format(", {:.0f} W", *now.power_watts);
    line("GPU", "GPU", text);
  }
  if (machine.gpus.empty()) {
    line("GPU", "GPU", fmt::format("{} ({})", session.say("none", "无"), machine.gpu_driver));
  }
}

void print_checks(const Examined& examined, const Session& session) {
  for (const Check& check : check_machine(examined.machine)) {
    const auto text = [&](const Phrase& p) { return session.say(p.english, p.chinese); };
    const bool minimum = check.level == Level::minimum;
    fmt::print("{} {} {}: {}; {} {}\n", check.ok ? "+" : "-", check.name,
               minimum ? session.say("minimum", "最低") : session.say("recommended", "推荐"),
               text(check.found), session.say("needed", "需要"), text(check.needed));
    if (!check.ok) fmt::print("    {}\n", text(check.advice));
  }
}

// A machine that misses a requirement is a successful examination.
Status doctor(const Options& options, const Session& session) {
  TRY_ASSIGN(const Examined examined, examine(options));
  if (session.json) {
    fmt::print("{}\n",
               to_json(examined, session).dump(-1, ' ', false, Json::error_handler_t::replace));
    return Status::ok();
  }
  print_machine(examined, session);
  fmt::print("\n");
  print_checks(examined, session);
  fmt::print("\n");
  print_family(examined.family, session);
  return Status::ok();
}

}  // namespace

void add_doctor(CLI::App& app, Session& session) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = add_verb(app, session, "doctor",
                            std::string(session.say("Examine this machine: what runs, what lacks",
                                                    "检查本机：能运行什么，缺少什么")),
                            "hearth doctor --path /data/models",
                            [options, &session] { return doctor(*options, session); });
  verb->add_option("--path", options->folder, "the folder of the models, whose disk is examined")
      ->capture_default_str();
  verb->add_option("--ctx", options->context, "tokens of the KV cache in the table of models")
      ->check(CLI::Range(1, 1 << 24))
      ->capture_default_str();
  verb->add_option("--threads", options->threads, "compute threads; 0: one for each physical core")
      ->check(CLI::Range(0, 1024));
  add_language(*verb, session);
}

}  // namespace hearth::cli
