// See plan_notices.h.
#include "hearth/convert/plan_notices.h"

#include <algorithm>
#include <charconv>

namespace hearth {
namespace {

constexpr std::string_view kLayers = "model.layers.";

// The n of "model.layers.n.", else -1.
int64_t layer_of(const std::string& name) {
  int64_t layer = -1;
  if (name.starts_with(kLayers)) {
    std::from_chars(name.data() + kLayers.size(), name.data() + name.size(), layer);
  }
  return layer;
}

// The weight that a part of a quantised module belongs to: "x.weight" of "x.weight.absmax",
// "x.weight_scale_inv" and "x.qzeros".
std::string weight_of(const std::string& name) {
  constexpr std::string_view kWeight = ".weight";
  const size_t inside = name.find(".weight.");
  if (inside != name.npos) return name.substr(0, inside + kWeight.size());
  const size_t dot = name.rfind('.');
  return dot == name.npos ? name : name.substr(0, dot) + std::string(kWeight);
}

}  // namespace

void PlanNotices::fell_back(const std::string& tensor, Format wanted, Format stored) {
  Group& group = fallbacks_[{wanted, stored}];
  if (group.count++ == 0) group.first = tensor;
}

void PlanNotices::requantised(Format stored) {
  ++requantised_[stored];
}

void PlanNotices::unused(const Checkpoint& checkpoint, const std::set<std::string>& used,
                         int64_t layers) {
  const bool keeps_prediction = std::ranges::any_of(
      used, [layers](const std::string& name) { return layer_of(name) >= layers; });
  for (const TensorEntry& entry : checkpoint.tensors()) {
    const std::string& name = entry.name;
    if (used.contains(name) || used.contains(weight_of(name))) continue;
    const bool prediction = layer_of(name) >= layers;
    if (prediction && keeps_prediction) continue;  // its copies of the embedding and the head
    Group& group = prediction ? predictions_ : unused_;
    if (group.count++ == 0) group.first = entry.name;
  }
}

std::vector<std::string> PlanNotices::lines() const {
  std::vector<std::string> lines;
  for (const auto& [formats, group] : fallbacks_) {
    lines.push_back(fmt::format(
        "{} matrices are stored in {}: their rows don't fill the {} elements of a {} block (`{}`)",
        group.count, format_info(formats.second).name, format_info(formats.first).block_elements,
        format_info(formats.first).name, group.first));
  }
  for (const auto& [format, count] : requantised_) {
    lines.push_back(fmt::format(
        "{} tensors of the input are quantised already ({}): the errors of both formats add up",
        count, format_info(format).name));
  }
  if (predictions_.count > 0) {
    lines.push_back(
        fmt::format("{} tensors of multi-token-prediction layers are left aside (`{}`); `hearth "
                    "quantize --mtp` keeps them",
                    predictions_.count, predictions_.first));
  }
  if (unused_.count > 0) {
    lines.push_back(fmt::format("{} tensors have no place in the output and are left out (`{}`)",
                                unused_.count, unused_.first));
  }
  return lines;
}

}  // namespace hearth
