// See family_table.h.
#include "hearth/cli/family_table.h"

#include <nlohmann/json.hpp>

namespace hearth::cli {

std::string_view limit_text(Limit limit, const Session& session) {
  switch (limit) {
    case Limit::disk:
      return session.say("the disk", "磁盘");
    case Limit::compute:
      return session.say("compute", "计算能力");
    case Limit::memory_bandwidth:
      break;
  }
  return session.say("memory bandwidth", "内存带宽");
}

Json family_json(const std::vector<FamilyRow>& rows, bool gpu_known) {
  Json out = Json::array();
  for (const FamilyRow& row : rows) {
    Json line = {{"model", row.model},
                 {"format", format_info(row.format).name},
                 {"parameters", row.parameters},
                 {"weight_bytes", row.weight_bytes},
                 {"kv_bytes", row.kv_bytes},
                 {"peak_bytes", row.peak_bytes},
                 {"fits", row.fits},
                 {"experts_on_disk", row.on_disk},
                 {"fits_gpu", gpu_known ? Json(row.fits_gpu) : Json()}};
    if (row.forecast) {
      line["ttft_ms"] = row.forecast->ttft_ms;
      line["tok_s"] = row.forecast->tok_s;
      line["limited_by"] = limit_name(row.forecast->limited_by);
    }
    out.push_back(std::move(line));
  }
  return out;
}

void print_family(const std::vector<FamilyRow>& rows, const Session& session) {
  fmt::print("{:<31}{:<10}{:>10}{:>12}{:>10}  {}\n", session.say("model", "模型"),
             session.say("format", "格式"), session.say("memory", "内存"),
             session.say("first token", "首词元"), session.say("tok/s", "词元/秒"),
             session.say("limited by", "受限于"));
  for (const FamilyRow& row : rows) {
    const std::string_view gpu = row.fits_gpu ? session.say("; fits the GPU", "；可放入 GPU") : "";
    fmt::print("{:<31}{:<10}{:>10}", row.model, format_info(row.format).name,
               bytes_text(row.peak_bytes));
    if (!row.forecast) {
      fmt::print("{:>12}{:>10}  {}{}\n", "-", "-",
                 session.say("memory: too large here", "内存不足"), gpu);
      continue;
    }
    const std::string_view disk =
        row.on_disk ? session.say("; experts from disk", "；专家从磁盘读取") : "";
    fmt::print("{:>10.1f} s{:>10.2f}  {}{}{}\n", row.forecast->ttft_ms / 1e3, row.forecast->tok_s,
               limit_text(row.forecast->limited_by, session), disk, gpu);
  }
}

}  // namespace hearth::cli
