// See requirements.h.
#include "hearth/host/requirements.h"

#include <algorithm>

#include "hearth/host/memory_plan.h"

namespace hearth {
namespace {

// A new drive of 1 TB leaves less than that to its file system.
constexpr double kFormatted = 0.9;
// The slowest that drives sold as NVMe read in a row: what a drive that hides its kind must reach.
constexpr double kNvmeGbS = 1.5;

Phrase both(std::string text) {
  return {text, text};
}

const Gpu* largest_gpu(const Machine& machine) {
  const auto best = std::max_element(
      machine.gpus.begin(), machine.gpus.end(),
      [](const Gpu& a, const Gpu& b) { return a.info.memory_bytes < b.info.memory_bytes; });
  return best == machine.gpus.end() ? nullptr : &*best;
}

Check check_gpu(const Machine& machine, const Requirements& need) {
  Check check{"gpu", need.level, false, {"none", "无"}, {}, {}};
  const std::string bytes = bytes_text(need.gpu_bytes);
  check.needed = both(need.gpu_example.empty() ? bytes : std::string(need.gpu_example));
  const Gpu* gpu = largest_gpu(machine);
  if (gpu == nullptr) {
    check.advice = {
        fmt::format("models run on the CPU; a GPU with {} would hold what the table below marks "
                    "as too slow or too large here",
                    bytes),
        fmt::format("模型将在 CPU 上运行；下表中过慢或过大的模型需要 {} 显存的 GPU", bytes)};
    return check;
  }
  check.found = both(fmt::format("{}, {}", gpu->info.name, bytes_text(gpu->info.memory_bytes)));
  check.ok = gpu->info.memory_bytes >= need.gpu_bytes && gpu->now.fault == GpuFault::none;
  if (gpu->now.fault != GpuFault::none) {
    check.advice = {"the GPU answers nothing: reset it or restart the machine",
                    "GPU 无响应：请重置 GPU 或重启机器"};
  } else if (!check.ok) {
    check.advice = {
        fmt::format("a model, its cache and its activations must fit in {}: choose a smaller one, "
                    "or fewer bits",
                    bytes_text(gpu->info.memory_bytes)),
        fmt::format("模型、缓存与激活必须放入 {}：请选择更小的模型或更低的位数",
                    bytes_text(gpu->info.memory_bytes))};
  }
  return check;
}

bool has_wide_vectors(const IsaFeatures& isa) {
  return (isa.avx2 && isa.fma) || isa.neon;
}

Check check_cpu(const Machine& machine, const Requirements& need) {
  const CpuInfo& cpu = machine.cpu;
  const int usable = cpu.usable_threads();
  Check check{"cpu", need.level, false, {}, {}, {}};
  check.found = {fmt::format("{} cores ({})", usable, cpu.model),
                 fmt::format("{} 个核心（{}）", usable, cpu.model)};
  check.needed = {fmt::format("{} cores with AVX2 or NEON, as {}", need.cores, need.cpu_example),
                  fmt::format("{} 个核心，支持 AVX2 或 NEON，如 {}", need.cores, need.cpu_example)};
  check.ok = usable >= need.cores && has_wide_vectors(cpu.isa);
  if (check.ok) return check;
  if (!has_wide_vectors(cpu.isa)) {
    check.advice = {
        "this CPU multiplies one number at a time: any x86-64 since 2013 or 64-bit Arm "
        "CPU is several times as fast",
        "此 CPU 没有向量指令：2013 年后的 x86-64 或 64 位 Arm CPU 会快数倍"};
  } else if (usable < cpu.cores) {
    check.advice = {fmt::format("{} of {} cores may be used: raise the CPU limit of the container "
                                "or service",
                                usable, cpu.cores),
                    fmt::format("{1} 个核心中只允许使用 {0} 个：请提高容器或服务的 CPU 限制",
                                usable, cpu.cores)};
  } else {
    check.advice = {
        "prompts are read slowly: the time to the first token shrinks with each core. "
        "For generating, memory bandwidth counts more than cores",
        "读取提示词较慢：首个词元的时间随核心数减少；生成速度主要取决于内存带宽"};
  }
  return check;
}

Check check_memory(const Machine& machine, const Requirements& need) {
  const int64_t total = machine.memory.usable_total_bytes();
  Check check{"memory",
              need.level,
              total >= need.memory_bytes,
              both(bytes_text(total)),
              both(bytes_text(need.memory_bytes)),
              {}};
  if (check.ok) return check;
  if (machine.memory.total_bytes >= need.memory_bytes) {
    check.advice = {fmt::format("the machine has {}: raise the memory limit of the container or "
                                "service",
                                bytes_text(machine.memory.total_bytes)),
                    fmt::format("机器共有 {}：请提高容器或服务的内存限制",
                                bytes_text(machine.memory.total_bytes))};
  } else {
    const std::string missing = bytes_text(need.memory_bytes - total);
    check.advice = {fmt::format("add {}, in equal modules on all channels: bandwidth decides the "
                                "speed",
                                missing),
                    fmt::format("增加 {} 内存，各通道使用相同的内存条：带宽决定速度", missing)};
  }
  return check;
}

bool reads_as_nvme(const Machine& machine) {
  return machine.disk->kind == DiskKind::nvme || machine.disk_read_gb_s.value_or(0) >= kNvmeGbS;
}

std::string disk_text(const Machine& machine) {
  const DiskInfo& disk = *machine.disk;
  std::string text = fmt::format("{} {}, {}", disk.model.empty() ? disk.filesystem : disk.model,
                                 disk_kind_name(disk.kind), bytes_text(disk.total_bytes));
  if (machine.disk_read_gb_s) text += fmt::format(", {:.2f} GB/s", *machine.disk_read_gb_s);
  return text;
}

Phrase disk_advice(const Machine& machine, const Requirements& need) {
  if (need.disk_bytes == 0) {
    return {
        "one machine needs none; several replicas read their weights from one store (NFS, "
        "CephFS)",
        "单机不需要；多个副本可从同一存储（NFS、CephFS）读取权重"};
  }
  if (!reads_as_nvme(machine)) {
    return {"weights are read once, at the start: an NVMe drive shortens that to seconds",
            "权重只在启动时读取一次：NVMe 硬盘可将其缩短到数秒"};
  }
  return {"room for a few models only: R1 itself takes 400 GB in 4 bits, 690 GB as published",
          "只能存放少量模型：R1 本身 4 位需 400 GB，原始格式需 690 GB"};
}

Check check_storage(const Machine& machine, const Requirements& need) {
  Check check{"storage", need.level, false, {"unknown", "未知"}, {}, {}};
  check.needed = need.disk_bytes == 0 ? Phrase{"distributed storage", "分布式存储"}
                                      : both(fmt::format("NVMe, {}", bytes_text(need.disk_bytes)));
  if (!machine.disk) {
    check.advice = {"the system names no mount for this folder", "系统未给出此文件夹的挂载点"};
    return check;
  }
  check.found = both(disk_text(machine));
  const auto room = static_cast<double>(machine.disk->total_bytes);
  const bool large = room >= kFormatted * static_cast<double>(need.disk_bytes);
  check.ok = need.disk_bytes == 0 ? machine.disk->kind == DiskKind::distributed
                                  : large && reads_as_nvme(machine);
  if (!check.ok) check.advice = disk_advice(machine, need);
  return check;
}

}  // namespace

std::string_view level_name(Level level) {
  return level == Level::minimum ? "minimum" : "recommended";
}

std::vector<Check> check_machine(const Machine& machine) {
  std::vector<Check> checks;
  for (const Requirements& need : kRequirements) {
    checks.push_back(check_gpu(machine, need));
    checks.push_back(check_cpu(machine, need));
    checks.push_back(check_memory(machine, need));
    checks.push_back(check_storage(machine, need));
  }
  return checks;
}

}  // namespace hearth
