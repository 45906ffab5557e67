// See results.h. A conversion's plan knows which tensors a directory has and where llama.cpp moved
// their rows; here the values come from the network instead of the file.
#include "hearth/train/results.h"

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "hearth/convert/directory_plan.h"
#include "hearth/files/atomic_file.h"
#include "hearth/files/safetensors/safetensors_writer.h"
#include "hearth/formats/codec.h"

namespace hearth::train {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kAdapterPrefix = "base_model.model.";

std::string path_in(const std::string& folder, const char* name) {
  return (fs::path(folder) / name).string();
}

// Row `row` of Hugging Face's tensor lies at this row of ours, which is the file's. A tensor of two
// parts was joined by the network in Hugging Face's order.
int64_t own_row(const SourceTensor& source, int64_t row) {
  if (!source.origin || source.parts.size() > 1) return row;
  return source.origin(row).row;
}

Recipe recipe_of(Format format) {
  Recipe recipe;
  recipe.mix.base = format;
  recipe.mix.name = format_info(format).name;
  return recipe;
}

Json adapter_config(const AdapterSpec& spec, const std::string& base) {
  return {{"peft_type", "LORA"},
          {"task_type", "CAUSAL_LM"},
          {"base_model_name_or_path", base},
          {"r", spec.rank},
          {"lora_alpha", spec.alpha},
          {"lora_dropout", 0.0},
          {"target_modules", spec.targets.names},
          {"bias", "none"},
          {"fan_in_fan_out", false},
          {"inference_mode", true},
          {"init_lora_weights", true},
          {"modules_to_save", nullptr},
          {"rank_pattern", Json::object()},
          {"alpha_pattern", Json::object()},
          {"use_dora", false},
          {"use_rslora", false}};
}

Status write_adapter_rows(SafetensorsWriter& writer, const Parameter<float>& p,
                          const SourceTensor* source) {
  const auto columns = static_cast<size_t>(p.shape.columns());
  const std::span<const float> values = p.value;
  for (int64_t r = 0; r < p.shape.rows(); ++r) {
    const auto own = static_cast<size_t>(source ? own_row(*source, r) : r);
    TRY(writer.write(std::as_bytes(values.subspan(own * columns, columns))));
  }
  return Status::ok();
}

// The rows of one tensor of the plan from the values of `p`, encoded.
Status write_parameter(AtomicFile& file, const OutputTensor& tensor, const Parameter<float>& p) {
  const int64_t columns = p.shape.columns();
  const SourceTensor& source = tensor.source;
  Buffer row(Tensor::packed_row_bytes(tensor.format, columns));
  const Tensor encoded = Tensor::packed(tensor.format, {1, columns}, row.data());
  std::vector<float> ordered(static_cast<size_t>(columns));
  for (int64_t r = 0; r < p.shape.rows(); ++r) {
    const float* values = p.value.data() + own_row(source, r) * columns;
    for (int64_t i = 0; source.element && i < columns; ++i) {
      ordered[static_cast<size_t>(i)] = values[source.element(i)];
    }
    encode_row(source.element ? ordered.data() : values, encoded, 0);
    TRY(file.write(std::span(row.data(), static_cast<size_t>(row.bytes()))));
  }
  return Status::ok();
}

}  // namespace

Result<OutputPlan> plan_base_rows(const Checkpoint& checkpoint) {
  if (!checkpoint.gguf()) return OutputPlan();
  return plan_directory_weights(checkpoint, recipe_of(Format::f32));
}

Result<DirectoryPlan> plan_model(const Checkpoint& checkpoint) {
  return plan_directory(checkpoint, recipe_of(Format::bf16));
}

Status write_adapter(const std::string& folder, const OutputPlan& base_rows,
                     const AdapterSpec& spec, const std::string& base,
                     const Network<float>& network) {
  std::map<std::string_view, const SourceTensor*> sources;
  for (const OutputTensor& tensor : base_rows.tensors) {
    sources.emplace(tensor.source.name, &tensor.source);
  }
  std::vector<SafetensorsDeclaration> declared;
  for (const Parameter<float>* p : network.learned()) {
    declared.push_back({p->name, "F32", {p->shape[0], p->shape[1]}});
  }
  TRY_ASSIGN(auto writer,
             SafetensorsWriter::create(path_in(folder, "adapter_model.safetensors"), declared));
  for (const Parameter<float>* p : network.learned()) {
    const SourceTensor* source = nullptr;
    if (p->name.ends_with(kAdapterB)) {
      std::string weight = p->name.substr(kAdapterPrefix.size());
      weight.replace(weight.size() - kAdapterB.size(), kAdapterB.size(), ".weight");
      const auto found = sources.find(weight);
      if (found != sources.end()) source = found->second;
    }
    TRY(write_adapter_rows(writer, *p, source));
  }
  TRY(writer.finish());
  const std::string config =
      adapter_config(spec, base).dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  return write_whole(path_in(folder, "adapter_config.json"), config);
}

Status write_model(const std::string& folder, const DirectoryPlan& plan,
                   const Network<float>& network) {
  std::map<std::string_view, const Parameter<float>*> parameters;
  for (const Parameter<float>* p : network.learned()) parameters.emplace(p->name, p);
  for (const Parameter<float>* p : network.balances()) parameters.emplace(p->name, p);
  TRY_ASSIGN(AtomicFile file, AtomicFile::create(path_in(folder, "model.safetensors")));
  TRY(file.write(plan.weights.header));
  for (const OutputTensor& tensor : plan.weights.tensors) {
    const auto found = parameters.find(tensor.source.name);
    CHECK(found != parameters.end());  // both lists are the model's
    TRY(write_parameter(file, tensor, *found->second));
  }
  TRY(file.commit());
  for (const auto& [name, text] : plan.texts) {
    TRY(write_whole(path_in(folder, name.c_str()), text));
  }
  return Status::ok();
}

}  // namespace hearth::train
