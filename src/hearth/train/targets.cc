// See targets.h.
#include "hearth/train/targets.h"

#include <fmt/ranges.h>

#include <algorithm>

namespace hearth::train {
namespace {

constexpr std::string_view kSuffix = ".weight";
constexpr std::string_view kLayers = "model.layers.";

struct Replacement {
  std::string_view missing, present;
};
constexpr Replacement kLatent[] = {
    {"q_proj", "q_b_proj"}, {"k_proj", "kv_b_proj"}, {"v_proj", "kv_b_proj"}};

std::vector<std::string> projections(Model& model) {
  std::vector<std::string> out;
  model.visit_tensors([&](const TensorSpec& spec, Weight&) {
    if (!is_matrix(spec.kind) || !spec.name.starts_with(kLayers)) return;
    out.push_back(spec.name.substr(0, spec.name.size() - kSuffix.size()));
  });
  return out;
}

bool names_any(std::string_view target, const std::vector<std::string>& modules) {
  return std::any_of(modules.begin(), modules.end(),
                     [&](const std::string& m) { return names_module(target, m); });
}

Status unknown(const std::string& name, const std::vector<std::string>& modules) {
  std::vector<std::string> known;
  for (const std::string& m : modules) {
    std::string last = m.substr(m.rfind('.') + 1);
    if (std::find(known.begin(), known.end(), last) == known.end()) known.push_back(last);
  }
  return error(Code::invalid, "--target: expected projections of this model ({}), found `{}`",
               fmt::join(known, ", "), name);
}

}  // namespace

bool names_module(std::string_view target, std::string_view module) {
  if (!module.ends_with(target)) return false;
  return module.size() == target.size() || module[module.size() - target.size() - 1] == '.';
}

Result<Targets> choose_targets(Model& model, const std::vector<std::string>& wanted) {
  const std::vector<std::string> all = projections(model);
  Targets out;
  for (std::string name : wanted) {
    if (!names_any(name, all)) {
      const auto* r = std::find_if(std::begin(kLatent), std::end(kLatent),
                                   [&](const Replacement& x) { return x.missing == name; });
      if (r == std::end(kLatent) || !names_any(r->present, all)) return unknown(name, all);
      out.notices.push_back(
          fmt::format("this model has no {}: {} takes its place", name, r->present));
      name = r->present;
    }
    if (std::find(out.names.begin(), out.names.end(), name) == out.names.end()) {
      out.names.push_back(name);
    }
  }
  for (const std::string& module : all) {
    const auto chosen = [&](const std::string& name) { return names_module(name, module); };
    if (std::any_of(out.names.begin(), out.names.end(), chosen)) out.modules.push_back(module);
  }
  return out;
}

}  // namespace hearth::train
