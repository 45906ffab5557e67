// See roofline.h.
#include "hearth/bench/roofline.h"

#include <algorithm>

#include "hearth/sensors/bandwidth.h"
#include "hearth/sensors/cpu.h"
#include "hearth/sensors/memory.h"

namespace hearth {
namespace {

void keep_better(const Peak& found, Peak& best) {
  if (found.gop_s > best.gop_s) best = found;
}

}  // namespace

Status SpeedLimits::measure_peaks() {
  TRY_ASSIGN(const ArithmeticPeaks found, measure_arithmetic_peaks(threads));
  keep_better(found.f32, peaks.f32);
  keep_better(found.int8, peaks.int8);
  keep_better(found.bf16, peaks.bf16);
  return Status::ok();
}

Status SpeedLimits::measure_bandwidth() {
  TRY_ASSIGN(const MemoryInfo memory, read_memory());
  int64_t cache_bytes = 0;
  if (const auto cpu = read_cpu()) cache_bytes = cpu->last_level_cache_bytes();
  const int64_t buffer =
      bandwidth_buffer_bytes(cache_bytes, threads, memory.usable_available_bytes());
  TRY_ASSIGN(const Bandwidth found, measure_read_bandwidth(threads, buffer, 0.3));
  read_gb_s = std::max(read_gb_s, found.read_gb_s);
  return Status::ok();
}

FormatPeak peak_for(const ArithmeticPeaks& peaks, Format format) {
  if (format_info(format).block_elements > 1) return {"int8", peaks.int8};
  const bool as_bf16 = format == Format::bf16 || format == Format::f8_e4m3;
  if (as_bf16 && peaks.bf16.gop_s > peaks.f32.gop_s) return {"bf16", peaks.bf16};
  return {"f32", peaks.f32};
}

Roofline roofline_of(std::span<const Work> steps, double read_gb_s, double gop_s) {
  Roofline line;
  double by_bytes = 0;
  for (const Work& work : steps) {
    const double bytes =
        static_cast<double>(work.weight_bytes) + static_cast<double>(work.kv_bytes);
    const double read = bytes / (read_gb_s * 1e9);
    const double compute = gop_s > 0 ? work.flops / (gop_s * 1e9) : 0;  // 0: peak not known
    line.bytes += bytes;
    line.operations += work.flops;
    line.seconds += std::max(read, compute);
    if (read > compute) by_bytes += read;
  }
  line.limited_by_bytes = 2 * by_bytes > line.seconds;
  return line;
}

}  // namespace hearth
