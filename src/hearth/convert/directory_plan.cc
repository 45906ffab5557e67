// See directory_plan.h. Tensors of a GGUF file are read through llama.cpp's arrangement backwards:
// experts out of their stacks, rotary rows back in halves, kv_b out of its two parts.
#include "hearth/convert/directory_plan.h"

#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "hearth/convert/adapter_merge.h"
#include "hearth/convert/plan_notices.h"
#include "hearth/files/safetensors/safetensors.h"
#include "hearth/files/safetensors/safetensors_writer.h"
#include "hearth/models/gguf_layout.h"
#include "hearth/models/hf_config.h"
#include "hearth/models/load.h"
#include "hearth/models/stored_tensor.h"
#include "hearth/text/template/template_source.h"
#include "hearth/text/tokenizer/tokenizer_json_writer.h"

namespace hearth {
namespace {

// Beside the weights, what a directory may bring along.
constexpr const char* kTexts[] = {
    "tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "special_tokens_map.json",
    "LICENSE",        "generation_config.json"};

bool is_plain_float(Format format) {
  return format == Format::f32 || format == Format::f16 || format == Format::bf16;
}

// Vectors and routers stay as they are; a GGUF file has them in F32.
Format format_of(const SourceTensor& source, Format wanted) {
  if (source.kind != TensorKind::vector && source.kind != TensorKind::router) return wanted;
  const Format stored = source.parts[0].tensor.format;
  return is_plain_float(stored) ? stored : Format::f32;
}

// Row j of kv_b: of each head first the keys, which k_b [heads, rank, nope] has transposed, then
// the values of v_b [heads, v, rank].
SourceTensor joined_kv_b(const Tensor& k_b, const Tensor& v_b) {
  SourceTensor source;
  source.parts = {{k_b, nullptr, nullptr}, {v_b, nullptr, nullptr}};
  const int64_t rank = k_b.shape[1];
  const int64_t nope = k_b.shape[2];
  const int64_t v = v_b.shape[1];
  source.origin = [rank, nope, v](int64_t row) {
    const int64_t head = row / (nope + v);
    const int64_t i = row % (nope + v);
    if (i < nope) return RowOrigin{0, head * rank, true, i};
    return RowOrigin{1, head * v + i - nope};
  };
  return source;
}

// Where llama.cpp put each row (or element) of a rotary tensor.
std::shared_ptr<const std::vector<int64_t>> places_of(const GgufTensor& layout) {
  const int64_t n = layout.shape[0];
  auto places = std::make_shared<std::vector<int64_t>>(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) {
    (*places)[static_cast<size_t>(layout.element_origin(i))] = i;
  }
  return places;
}

class Sources {
 public:
  Sources(const StoredTensors& tensors, CheckpointKind kind, Model& model,
          std::vector<GgufTensor> layout, AdapterMerge& merge)
      : tensors_(tensors), kind_(kind), merge_(merge) {
    for (GgufTensor& tensor : layout) layout_.emplace(tensor.name, std::move(tensor));
    model.visit_tensors([this](const TensorSpec& spec, Weight&) {
      if (status_.is_ok() && !spec.name.empty()) status_ = add(spec);
    });
  }

  Result<std::vector<SourceTensor>> take() {
    if (!status_.is_ok()) return status_;
    return std::move(sources_);
  }

 private:
  Status add(const TensorSpec& spec) {
    TRY_ASSIGN(const std::optional<StoredMatrix> stored, tensors_.find(spec));
    SourceTensor source;
    if (stored) {
      source.parts = {merge_.merged(stored_name(spec, kind_), *stored)};
      if (kind_ == CheckpointKind::gguf) unrotate(spec, source);
    } else {
      TRY_ASSIGN(source, kv_b_of(spec));
    }
    source.name = spec.name;
    source.shape = spec.shape;
    source.kind = spec.kind;
    sources_.push_back(std::move(source));
    return Status::ok();
  }

  void unrotate(const TensorSpec& spec, SourceTensor& source) const {
    const auto at = layout_.find(spec.gguf_name);
    if (at == layout_.end() || at->second.rows != GgufTensor::Rows::rotary) return;
    const auto places = places_of(at->second);
    const auto place = [places](int64_t i) { return (*places)[static_cast<size_t>(i)]; };
    if (spec.shape.rank() == 1) {
      source.element = place;
    } else {
      source.origin = [place](int64_t row) { return RowOrigin{0, place(row)}; };
    }
  }

  Result<SourceTensor> kv_b_of(const TensorSpec& spec) const {
    std::string k_b = spec.gguf_name;
    const size_t at = k_b.find("attn_kv_b");
    CHECK(at != k_b.npos);  // the only optional tensor that directories have
    std::string v_b = k_b;
    k_b.replace(at, 9, "attn_k_b");
    v_b.replace(at, 9, "attn_v_b");
    const auto part = [&](const std::string& name) -> Result<Tensor> {
      const auto layout = layout_.find(name);
      TensorSpec wanted{"", name, {}};
      if (layout != layout_.end()) wanted.shape = layout->second.shape;
      TRY_ASSIGN(const std::optional<StoredMatrix> stored, tensors_.find(wanted));
      return stored->tensor;
    };
    TRY_ASSIGN(const Tensor keys, part(k_b));
    TRY_ASSIGN(const Tensor values, part(v_b));
    return joined_kv_b(keys, values);
  }

  const StoredTensors& tensors_;
  CheckpointKind kind_;  // gguf: rearranged as llama.cpp does
  AdapterMerge& merge_;
  std::map<std::string, GgufTensor> layout_;  // of a GGUF file
  std::vector<SourceTensor> sources_;
  Status status_;
};

// Larger elements first, so that every tensor lies at a multiple of its element.
Result<OutputPlan> plan_weights(std::vector<SourceTensor> sources, Format wanted) {
  OutputPlan plan;
  for (SourceTensor& source : sources) {
    const Format format = format_of(source, wanted);
    const int64_t bytes =
        Tensor::packed_row_bytes(format, source.shape.columns()) * source.shape.rows();
    plan.parameters += source.shape.elements();
    plan.tensors.push_back({std::move(source), format, 0, bytes});
  }
  std::ranges::stable_sort(plan.tensors, std::ranges::greater(),
                           [](const OutputTensor& t) { return format_info(t.format).block_bytes; });
  std::vector<SafetensorsDeclaration> declared;
  for (const OutputTensor& tensor : plan.tensors) {
    std::vector<int64_t> sizes;
    for (int i = 0; i < tensor.source.shape.rank(); ++i) sizes.push_back(tensor.source.shape[i]);
    declared.push_back(
        {tensor.source.name, std::string(*safetensors_type_name(tensor.format)), std::move(sizes)});
  }
  TRY_ASSIGN(plan.header, encode_safetensors_header(declared, {{"format", "pt"}}, nullptr));
  plan.file_bytes = static_cast<int64_t>(plan.header.size());
  for (OutputTensor& tensor : plan.tensors) {
    tensor.offset = plan.file_bytes;
    plan.file_bytes += tensor.bytes;
  }
  return plan;
}

std::string text_of(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

// Of the weights that are written, and of nothing that is not.
std::string config_text(Json config, Format format) {
  config.erase("quantization_config");
  if (json_find(config, "num_nextn_predict_layers")) config["num_nextn_predict_layers"] = 0;
  const char* dtype = format == Format::f32   ? "float32"
                      : format == Format::f16 ? "float16"
                                              : "bfloat16";
  config[config.contains("dtype") ? "dtype" : "torch_dtype"] = dtype;
  return text_of(config);
}

Status add_texts(const Checkpoint& checkpoint, DirectoryPlan& plan) {
  const Gguf* gguf = checkpoint.gguf();
  if (!gguf) {
    for (const char* name : kTexts) {
      if (!checkpoint.has(name)) continue;
      TRY_ASSIGN(std::string text, checkpoint.text(name));
      plan.texts.emplace_back(name, std::move(text));
    }
    return Status::ok();
  }
  TRY_ASSIGN(const VocabularyData data, vocabulary_from_gguf(*gguf));
  TRY_ASSIGN(const std::string chat, chat_template_source(checkpoint));
  TRY_ASSIGN(std::string text, tokenizer_json(data));
  plan.texts.emplace_back("tokenizer.json", std::move(text));
  plan.texts.emplace_back("tokenizer_config.json", text_of(tokenizer_config_json(data, chat)));
  return Status::ok();
}

struct Planned {
  OutputPlan weights;
  Json config;  // Hugging Face's, of the checkpoint as it is
};

Result<Planned> plan(const Checkpoint& checkpoint, const Recipe& recipe) {
  const Format format = recipe.mix.base;
  if (!is_plain_float(format)) {
    return error(Code::invalid,
                 "format: a Hugging Face directory holds f32, f16 or bf16, not {}; name the output "
                 "NAME.gguf",
                 recipe.mix.name);
  }
  Planned out;
  std::vector<std::string> lines;
  TRY_ASSIGN(const std::unique_ptr<Model> model, make_model(checkpoint, lines));
  std::vector<GgufTensor> layout;
  if (const Gguf* gguf = checkpoint.gguf()) {
    std::vector<std::string> repeated;  // make_model has told them
    TRY_ASSIGN(out.config, hf_config(*gguf, repeated));
    TRY_ASSIGN(layout, gguf_layout(*model, out.config));
  } else {
    out.config = *checkpoint.config();
  }
  TRY_ASSIGN(const StoredTensors tensors, StoredTensors::of(checkpoint));
  AdapterMerge merge;
  if (!recipe.adapter.empty()) {
    TRY_ASSIGN(merge, AdapterMerge::open(recipe.adapter, checkpoint, *model));
  }
  TRY_ASSIGN(std::vector<SourceTensor> sources,
             Sources(tensors, checkpoint.kind(), *model, std::move(layout), merge).take());
  TRY(merge.complete());
  PlanNotices notices;
  if (!checkpoint.gguf()) {
    std::set<std::string> used;
    for (const SourceTensor& source : sources) used.insert(source.name);
    notices.unused(checkpoint, used, model->info().num_hidden_layers);
  }
  TRY_ASSIGN(out.weights, plan_weights(std::move(sources), format));
  out.weights.notices = std::move(lines);
  for (std::string& line : notices.lines()) out.weights.notices.push_back(std::move(line));
  return out;
}

Result<DirectoryPlan> plan_with_texts(const Checkpoint& checkpoint, const Recipe& recipe) {
  TRY_ASSIGN(Planned planned, plan(checkpoint, recipe));
  DirectoryPlan out;
  out.weights = std::move(planned.weights);
  TRY(add_texts(checkpoint, out));
  out.texts.emplace_back("config.json", config_text(std::move(planned.config), recipe.mix.base));
  return out;
}

}  // namespace

Result<DirectoryPlan> plan_directory(const Checkpoint& checkpoint, const Recipe& recipe) {
  auto planned = plan_with_texts(checkpoint, recipe);
  if (!planned) return std::move(planned).status().at(checkpoint.path());
  return planned;
}

Result<OutputPlan> plan_directory_weights(const Checkpoint& checkpoint, const Recipe& recipe) {
  auto planned = plan(checkpoint, recipe);
  if (!planned) return std::move(planned).status().at(checkpoint.path());
  return std::move(planned->weights);
}

}  // namespace hearth
