// Machines described by files, held against the users' guide; the table of the family; and that a
// forecast follows from what was measured by arithmetic alone.
#include <gtest/gtest.h>

#include <algorithm>

#include "hearth/backend/make_backend.h"
#include "hearth/host/family.h"
#include "hearth/host/requirements.h"
#include "hearth/sensors/testing.h"

namespace hearth {
namespace {

using testing_sensors::FakeRoot;

const Check& find(const std::vector<Check>& checks, const char* name, Level level) {
  const auto found = std::find_if(checks.begin(), checks.end(), [&](const Check& c) {
    return c.name == name && c.level == level;
  });
  CHECK(found != checks.end());
  return *found;
}

// Every check that isn't ok says what to do, in both languages; the others say nothing.
void expect_whole(const std::vector<Check>& checks) {
  EXPECT_EQ(checks.size(), 8u);
  for (const Check& check : checks) {
    EXPECT_FALSE(check.found.english.empty() || check.found.chinese.empty()) << check.name;
    EXPECT_FALSE(check.needed.english.empty() || check.needed.chinese.empty()) << check.name;
    EXPECT_EQ(check.advice.english.empty(), check.ok) << check.name;
    EXPECT_EQ(check.advice.chinese.empty(), check.ok) << check.name;
  }
}

TEST(Doctor, RaspberryPi) {
  FakeRoot fake;
  fake.file("/proc/cpuinfo", "processor\t: 0\nModel\t\t: Raspberry Pi 5 Model B Rev 1.0\n")
      .file("/sys/devices/system/cpu/online", "0-3\n")
      .file("/proc/meminfo", "MemTotal: 8245584 kB\nMemAvailable: 7298320 kB\n")
      .file("/proc/self/mountinfo", "22 1 179:2 / / rw - ext4 /dev/mmcblk0p2 rw\n")
      .file("/sys/dev/block/179:2/uevent", "DEVNAME=mmcblk0p2\n");
  const auto machine = read_machine("/home", "", fake.root());
  ASSERT_TRUE(machine.has_value()) << machine.status().message();
  EXPECT_EQ(machine->cpu.board, "Raspberry Pi 5 Model B Rev 1.0");
  const auto checks = check_machine(*machine);
  expect_whole(checks);
  for (const Check& check : checks) EXPECT_FALSE(check.ok) << check.name;
  EXPECT_NE(find(checks, "memory", Level::minimum).advice.english.find("add 23.6 GB"),
            std::string::npos);
  EXPECT_NE(find(checks, "storage", Level::minimum).found.english.find("card"), std::string::npos);
}

Machine workstation() {
  Machine machine;
  machine.cpu.model = "Intel Core i7-12700K";
  machine.cpu.isa.avx2 = machine.cpu.isa.fma = true;
  machine.cpu.cores = machine.cpu.allowed_cores = 12;
  machine.memory.total_bytes = 33'000'000'000;
  DiskInfo disk;
  disk.kind = DiskKind::nvme;
  disk.filesystem = "ext4";
  disk.total_bytes = 983'000'000'000;  // a drive of 1 TB, formatted
  machine.disk = disk;
  Gpu gpu;
  gpu.info.name = "NVIDIA GeForce RTX 4090";
  gpu.info.memory_bytes = 25'757'220'864;
  machine.gpus.push_back(gpu);
  return machine;
}

TEST(Doctor, TheMinimumMachineMeetsTheMinimum) {
  const auto checks = check_machine(workstation());
  expect_whole(checks);
  for (const Check& check : checks) {
    EXPECT_EQ(check.ok, check.level == Level::minimum) << check.name;
  }
}

TEST(Doctor, TheRecommendedMachineMeetsBoth) {
  Machine machine = workstation();
  machine.cpu.cores = machine.cpu.allowed_cores = 64;
  machine.memory.total_bytes = 270'000'000'000;
  machine.gpus[0].info.memory_bytes = 85'899'345'920;
  auto checks = check_machine(machine);
  for (const char* name : {"gpu", "cpu", "memory"}) {
    EXPECT_TRUE(find(checks, name, Level::recommended).ok) << name;
  }
  machine.disk->kind = DiskKind::distributed;
  machine.disk_read_gb_s = 2.5;
  checks = check_machine(machine);
  expect_whole(checks);
  for (const Check& check : checks) EXPECT_TRUE(check.ok) << check.name;
}

TEST(Doctor, SaysWhichLimitHidesTheMachine) {
  Machine machine = workstation();
  machine.cpu.quota_cpus = 4;
  machine.memory.limit_bytes = 16'000'000'000;
  machine.gpus[0].now.fault = GpuFault::lost;
  const auto checks = check_machine(machine);
  expect_whole(checks);
  EXPECT_NE(find(checks, "cpu", Level::minimum).advice.english.find("4 of 12 cores"),
            std::string::npos);
  EXPECT_NE(find(checks, "memory", Level::minimum).advice.english.find("raise the memory limit"),
            std::string::npos);
  EXPECT_NE(find(checks, "gpu", Level::minimum).advice.english.find("reset"), std::string::npos);
}

TEST(Doctor, AVirtualDiskCountsByItsSpeed) {
  Machine machine = workstation();
  machine.disk->kind = DiskKind::virtual_disk;
  EXPECT_FALSE(find(check_machine(machine), "storage", Level::minimum).ok);
  machine.disk_read_gb_s = 1.6;
  EXPECT_TRUE(find(check_machine(machine), "storage", Level::minimum).ok);
}

MachineSpeed known_speed() {
  MachineSpeed speed;
  speed.read_gb_s = 10;
  speed.format = Format::q8_0;
  speed.row_seconds = {1, 2, 4, 10, 80};  // for 1, 8, 16, 64, 512 rows
  speed.grouped = {5, 2, 0, 0, 0, 100, 0.5, 0};
  speed.latent = {4, 3, 7, 0, 0, 50, 0.25, 0};
  return speed;
}

TEST(Forecast, BetweenMeasuredRowsALine) {
  const MachineSpeed speed = known_speed();
  EXPECT_DOUBLE_EQ(speed.seconds_per_gweight(0.1), 1);
  EXPECT_DOUBLE_EQ(speed.seconds_per_gweight(1), 1);
  EXPECT_DOUBLE_EQ(speed.seconds_per_gweight(4.5), 1.5);
  EXPECT_DOUBLE_EQ(speed.seconds_per_gweight(512), 80);
  EXPECT_DOUBLE_EQ(speed.seconds_per_gweight(1024), 160);
  EXPECT_DOUBLE_EQ(speed.gflop_s(512), 12.8);
}

TEST(Forecast, AddsWeightsAndAttention) {
  const MachineSpeed speed = known_speed();
  // A quarter of 1e9 weights of Q8_0, 34 bytes for each 32, for one row and for eight.
  const int64_t bytes = 250'000'000 / 32 * 34;
  const TracedVerb one{"linear_add", {}, {}, {bytes, 0, 2 * 0.25e9}};
  const TracedVerb eight{"linear_add", {}, {}, {bytes, 0, 8 * 2 * 0.25e9}};
  const TracedVerb history{"attend_gqa", {1, 10}, {}, {0, 1'000'000'000, 1e9}, 0, 0, 1};
  const TracedVerb prompt{"attend_gqa", {512, 1000}, {}, {0, 1'000'000, 50e9}};
  EXPECT_NEAR(forecast_step({&one, 1}, speed).seconds, 0.25, 1e-6);
  EXPECT_NEAR(forecast_step({&eight, 1}, speed).seconds, 0.5, 1e-6);
  EXPECT_NEAR(forecast_step({&history, 1}, speed).seconds, 0.2 + 10 * 2e-9, 1e-12);
  EXPECT_NEAR(forecast_step({&prompt, 1}, speed).seconds, 0.5 + 512'000 * 0.5e-9, 1e-12);
  EXPECT_EQ(forecast_step({&prompt, 1}, speed).limited_by, Limit::compute);
  const TracedVerb both[] = {one, history};
  EXPECT_NEAR(forecast_step(both, speed).seconds, 0.45, 1e-6);
}

TEST(Forecast, AddsMapsOfLatents) {
  const MachineSpeed speed = known_speed();
  const int64_t bytes = 250'000'000 / 32 * 34;
  TracedVerb prompt{"attend_mla", {512, 1000}, {}, {bytes, 1'000'000, 50e9}};
  prompt.map_elements = 250'000'000;
  EXPECT_NEAR(forecast_step({&prompt, 1}, speed).seconds, 1 + 512'000 * 0.25e-9, 1e-12);
  TracedVerb generated{"attend_mla", {8, 10}, {}, {bytes, 1'000'000'000, 1e9}, 0, 0, 8};
  generated.map_elements = 250'000'000;
  generated.heads = 16;
  EXPECT_NEAR(forecast_step({&generated, 1}, speed).seconds, 0.25 + 0.25 * (7 + 8 * 3), 1e-6);
  EXPECT_TRUE(attend_latents({&prompt, 1}));
}

// Sixteen heads share a look at a latent; R1 has 128.
TEST(Forecast, CountsHeadsOfLatents) {
  MachineSpeed speed = known_speed();
  speed.threads = 2;
  speed.latent.head_seconds = 0.001;
  speed.latent.pair_seconds = 1e-9;
  TracedVerb generated{"attend_mla", {8, 10}, {}, {0, 1'000'000'000, 1e9}, 0, 0, 8};
  generated.map_elements = 250'000'000;
  generated.heads = 128;
  const double beside = 8 * 0.25 + 0.25 * 7 + 8 * 128 * 0.001;
  EXPECT_NEAR(forecast_step({&generated, 1}, speed).seconds, beside + 0.25 * 8 * 3, 1e-6);
  generated.alone = true;
  EXPECT_NEAR(forecast_step({&generated, 1}, speed).seconds, beside + 2 * 0.25 * 8 * 3, 1e-6);
  generated.segments = 1;  // eight groups of heads: enough for two threads
  EXPECT_NEAR(forecast_step({&generated, 1}, speed).seconds, beside + 2 * 0.25 * 8 * 3, 1e-6);
  const double rest = 0.25 + 0.25 * 7 + 2 * 0.25 * 8 * 3 + 8 * 16 * 0.001;
  generated.heads = 16;
  EXPECT_NEAR(forecast_step({&generated, 1}, speed).seconds, rest + 0.25, 1e-6) << "one thread";
  generated.segments = 3;
  EXPECT_NEAR(forecast_step({&generated, 1}, speed).seconds, rest + 0.25 / 3, 1e-6) << "two, one";
  TracedVerb prompt{"attend_mla", {512, 1000}, {}, {0, 1'000'000, 50e9}};
  prompt.map_elements = 250'000'000;
  prompt.pairs = 2e9;
  prompt.heads = 4;
  speed.latent.prompt_head_seconds = 0.001;
  EXPECT_NEAR(forecast_step({&prompt, 1}, speed).seconds,
              1 + 2 + 512 * 4 * 0.001 + 512'000 * 0.25e-9, 1e-9);
}

TEST(Forecast, AddsWhatIsDoneBesideWeights) {
  MachineSpeed speed = known_speed();
  speed.verb_seconds = 0.5;
  speed.round_seconds = 2;
  speed.norm_seconds = 1;
  speed.expert_seconds = 0.25;
  TracedVerb verb{"moe_ffn", {}, {}, {0, 0, 0}, 3e9};
  EXPECT_NEAR(forecast_step({&verb, 1}, speed).seconds, 6.5, 1e-9);
  verb.experts = 8;
  EXPECT_NEAR(forecast_step({&verb, 1}, speed).seconds, 8.5, 1e-9);
  verb.normed = 4e9;
  EXPECT_NEAR(forecast_step({&verb, 1}, speed).seconds, 12.5, 1e-9);
  speed.threads = 2;
  EXPECT_NEAR(forecast_step({&verb, 1}, speed).seconds, 12.5, 1e-9) << "shared";
  TracedVerb few{"norm_linear", {}, {}, {0, 0, 0}, 0, 1e5};  // by one of two threads
  EXPECT_NEAR(forecast_step({&few, 1}, speed).seconds, 0.5 + 2e-4, 1e-9);
}

TEST(Forecast, ReadsRoutersOnce) {
  MachineSpeed speed = known_speed();
  speed.router_seconds = 3;
  speed.router_row_seconds = 0.5;
  const TracedVerb verb{"route_experts", {8, 1'000'000}, {8, 1000}, {2'000'000'000, 0, 17e9}};
  EXPECT_NEAR(forecast_step({&verb, 1}, speed).seconds, 3 + 8 * 0.5, 1e-9);
}

class Family : public testing::Test {
 protected:
  void SetUp() override {
    BackendOptions on_cpu;
    on_cpu.device = "cpu";
    auto made = make_backend(on_cpu);
    ASSERT_TRUE(made.has_value());
    backend_ = *std::move(made);
    auto opened = Speedometer::open(*backend_, 1);
    ASSERT_TRUE(opened.has_value()) << opened.status().message();
    speedometer_.emplace(*std::move(opened));
  }

  std::unique_ptr<Backend> backend_;
  std::optional<Speedometer> speedometer_;
};

TEST_F(Family, GrowsFromTheSmallestToR1) {
  FamilyOptions options;
  options.available_bytes = 3'000'000'000;
  options.gpu_bytes = 24'000'000'000;
  const auto rows = plan_family(*speedometer_, options);
  ASSERT_TRUE(rows.has_value()) << rows.status().message();
  ASSERT_EQ(rows->size(), 25u);
  for (const FamilyRow& row : *rows) {
    EXPECT_EQ(row.fits, row.peak_bytes <= options.available_bytes) << row.model;
    EXPECT_EQ(row.forecast.has_value(), row.fits) << row.model;
    if (row.forecast) {
      EXPECT_GT(row.forecast->tok_s, 0);
      EXPECT_GT(row.forecast->ttft_ms, 0);
    }
  }
  EXPECT_EQ(rows->front().model, "deepseek-r1-distill-qwen-1.5b");
  EXPECT_TRUE((*rows)[2].fits);  // in 4 bits
  EXPECT_NEAR(static_cast<double>(rows->back().parameters), 671e9, 1e9);
  EXPECT_FALSE(rows->back().fits_gpu);
}

// R1 in 64 GB: the rest in memory, experts from disk as fast as that reads.
TEST_F(Family, LeavesExpertsOnDiskWhereThatHelps) {
  FamilyOptions options;
  options.available_bytes = 64'000'000'000;
  double before = 0;
  for (const double disk_gb_s : {0.02, 4.0}) {  // far apart: the rest is measured anew each time
    options.disk_gb_s = disk_gb_s;
    const auto rows = plan_family(*speedometer_, options);
    ASSERT_TRUE(rows.has_value()) << rows.status().message();
    const FamilyRow& r1 = rows->back();
    EXPECT_EQ(r1.format, Format::iq1_s);
    EXPECT_FALSE(r1.fits);
    ASSERT_TRUE(r1.on_disk);
    EXPECT_GT(r1.forecast->tok_s, before);
    before = r1.forecast->tok_s;
    // 16 GB of bf16 beside the experts would fill a quarter; what it was published in does not fit.
    for (const FamilyRow& row : *rows) {
      EXPECT_TRUE(row.model == "deepseek-r1" || !row.on_disk) << row.model;
    }
  }
}

}  // namespace
}  // namespace hearth
