// See run_state.h.
#include "hearth/train/run_state.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "hearth/files/json.h"
#include "hearth/files/safetensors/safetensors.h"
#include "hearth/files/safetensors/safetensors_writer.h"

namespace hearth::train {
namespace {

// A tensor of the state and the memory it is saved from and loaded into.
struct StateTensor {
  std::string name;
  std::span<float> values;
};

std::vector<StateTensor> state_tensors(AdamW& optimizer, const Network<float>& network) {
  std::vector<StateTensor> out;
  for (size_t i = 0; i < optimizer.parameters().size(); ++i) {
    Parameter<float>& p = *optimizer.parameters()[i];
    AdamW::Moments& m = optimizer.moments()[i];
    out.push_back({"value." + p.name, p.value});
    out.push_back({"first." + p.name, m.first});
    out.push_back({"second." + p.name, m.second});
  }
  for (Parameter<float>* p : network.balances()) out.push_back({"balance." + p->name, p->value});
  return out;
}

std::string state_path(const std::string& folder) {
  return (std::filesystem::path(folder) / kStateFile).string();
}

std::string_view metadata_of(const Safetensors& file, std::string_view key) {
  for (const auto& [name, value] : file.metadata()) {
    if (name == key) return value;
  }
  return {};
}

// The first key whose value differs between two jobs.
Status same_job(const std::string& found, const std::string& expected) {
  if (found == expected) return Status::ok();
  TRY_ASSIGN(const Json before, parse_json(found));
  TRY_ASSIGN(const Json now, parse_json(expected));
  for (const auto& [key, value] : now.items()) {
    const Json* old = json_find(before, key);
    if (old && *old == value) continue;
    return error(Code::invalid, "--resume: the run was started with {} {}, not {}", key,
                 old ? old->dump() : "unset", value.dump());
  }
  return error(Code::invalid, "--resume: the run was started by another version of hearth");
}

Status load_tensor(const Safetensors& file, const StateTensor& to) {
  const TensorEntry* entry = file.find(to.name);
  const auto count = static_cast<int64_t>(to.values.size());
  if (!entry || entry->format != Format::f32 || entry->tensor.shape.elements() != count) {
    return error(Code::corrupt, "`{}`: expected {} numbers of F32, found {}", to.name, count,
                 entry ? entry->dtype + " " + entry->tensor.shape.to_string() : "none");
  }
  std::copy_n(reinterpret_cast<const float*>(entry->tensor.data), to.values.size(),
              to.values.begin());
  return Status::ok();
}

}  // namespace

Status save_state(const std::string& folder, const std::string& job, AdamW& optimizer,
                  const Network<float>& network) {
  const std::vector<StateTensor> tensors = state_tensors(optimizer, network);
  std::vector<SafetensorsDeclaration> declared;
  for (const StateTensor& t : tensors) {
    declared.push_back({t.name, "F32", {static_cast<int64_t>(t.values.size())}});
  }
  const SafetensorsMetadata metadata = {{"job", job}, {"step", std::to_string(optimizer.steps())}};
  TRY_ASSIGN(auto writer, SafetensorsWriter::create(state_path(folder), declared, metadata));
  for (const StateTensor& t : tensors) TRY(writer.write(std::as_bytes(t.values)));
  return writer.finish();
}

Status load_state(const std::string& folder, const std::string& job, AdamW& optimizer,
                  const Network<float>& network) {
  const std::string path = state_path(folder);
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    return error(Code::not_found, "--resume: expected a run to go on with in {}, found none",
                 folder);
  }
  TRY_ASSIGN(const Safetensors file, Safetensors::open(path));
  TRY(same_job(std::string(metadata_of(file, "job")), job));
  const std::string_view step = metadata_of(file, "step");
  int64_t steps = -1;
  const auto [end, failure] = std::from_chars(step.data(), step.data() + step.size(), steps);
  if (failure != std::errc() || end != step.data() + step.size() || steps < 0) {
    return error(Code::corrupt, "{}: `step`: expected a number, found \"{}\"", path, step);
  }
  for (const StateTensor& t : state_tensors(optimizer, network)) {
    TRY(load_tensor(file, t).at(path));
  }
  optimizer.set_steps(steps);
  return Status::ok();
}

}  // namespace hearth::train
