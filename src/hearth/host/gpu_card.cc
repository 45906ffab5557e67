// See gpu_card.h. Dense rates: data sheets print twice as much, for sparse matrices.
#include "hearth/host/gpu_card.h"

#include <algorithm>
#include <string>
#include <vector>

#include "hearth/backend/quantized_bytes.h"

namespace hearth {
namespace {

constexpr int64_t kGiB = int64_t{1} << 30;

constexpr GpuCard kCards[] = {
    {"RTX 3060", 12 * kGiB, 360, 25.5, 102},   {"RTX 3090", 24 * kGiB, 936, 71, 284},
    {"RTX 4060 Ti", 16 * kGiB, 288, 44, 177},  {"RTX 4090", 24 * kGiB, 1008, 165, 661},
    {"RTX 4090 D", 24 * kGiB, 1008, 147, 588}, {"RTX 5090", 32 * kGiB, 1792, 209, 838},
    {"A10", 24 * kGiB, 600, 125, 250},         {"L4", 24 * kGiB, 300, 121, 242},
    {"L20", 48 * kGiB, 864, 119, 239},         {"L40S", 48 * kGiB, 864, 362, 733},
    {"A100", 80 * kGiB, 2039, 312, 624},       {"A800", 80 * kGiB, 2039, 312, 624},
    {"H20", 96 * kGiB, 4000, 148, 296},        {"H100", 80 * kGiB, 3352, 989, 1979},
    {"H800", 80 * kGiB, 3352, 989, 1979},      {"H200", 141 * kGiB, 4800, 989, 1979},
};

// What a letter, a digit and anything else are to a name.
int kind_of(char c) {
  if (c >= '0' && c <= '9') return 2;
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ? 1 : 0;
}

// Runs of letters and of digits, in lower case: "NVIDIA A100-SXM4" is nvidia, a, 100, sxm, 4.
std::vector<std::string> words_of(std::string_view name) {
  std::vector<std::string> words;
  int before = 0;
  for (const char c : name) {
    const int kind = kind_of(c);
    if (kind != 0 && kind != before) words.emplace_back();
    if (kind != 0) words.back() += kind == 1 ? static_cast<char>(c | 0x20) : c;
    before = kind;
  }
  return words;
}

// A word behind a name that makes it another card's.
bool makes_another(std::string_view word) {
  return word == "ti" || word == "super" || word == "d" || word == "laptop" || word == "max";
}

double seconds_of(const GpuCard& card, const Work& work, bool in_eight_bits) {
  const double rate = 1e12 * (in_eight_bits ? card.int8_top_s : card.bf16_tflop_s);
  const auto bytes = static_cast<double>(work.weight_bytes) + static_cast<double>(work.kv_bytes);
  return std::max(bytes / (1e9 * card.memory_gb_s), work.flops / rate);
}

}  // namespace

std::span<const GpuCard> gpu_cards() {
  return kCards;
}

// The name whose words stand in a row in the given one, and no other card's: an "RTX 3060 Ti" is no
// "RTX 3060".
const GpuCard* find_gpu_card(std::string_view name) {
  const std::vector<std::string> given = words_of(name);
  for (const GpuCard& card : kCards) {
    const std::vector<std::string> wanted = words_of(card.name);
    const auto found = std::search(given.begin(), given.end(), wanted.begin(), wanted.end());
    if (found == given.end()) continue;
    const auto behind = found + std::ssize(wanted);
    if (behind == given.end() || !makes_another(*behind)) return &card;
  }
  return nullptr;
}

Result<const GpuCard*> gpu_card_named(std::string_view name) {
  if (const GpuCard* card = find_gpu_card(name)) return card;
  std::string known;
  for (const GpuCard& card : kCards) {
    known += known.empty() ? "" : ", ";
    known += card.name;
  }
  return error(Code::invalid, "expected one of {}; found {}", known, name);
}

GpuLimits limits_on(const GpuCard& card, const MemoryPlan& plan) {
  const bool in_eight_bits = has_integer_kernels(plan.main_format);
  GpuLimits out;
  const double step = seconds_of(card, plan.decode.work, in_eight_bits);
  out.tok_s_most = static_cast<double>(plan.decode.rows) / std::max(step, 1e-12);
  out.ttft_ms_least = 1e3 * seconds_of(card, plan.prompt.work, in_eight_bits);
  Work bytes = plan.decode.work;
  bytes.flops = 0;
  out.by_memory = seconds_of(card, bytes, in_eight_bits) >= step;
  return out;
}

}  // namespace hearth
