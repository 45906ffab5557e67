// See gguf_plan.h. A Hugging Face directory goes through the model's own tensor list and layout; a
// GGUF file keeps its names, arrangement and metadata, whatever the architecture.
#include "hearth/convert/gguf_plan.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "hearth/base/checked_math.h"
#include "hearth/convert/adapter_merge.h"
#include "hearth/convert/plan_notices.h"
#include "hearth/files/gguf/gguf_writer.h"
#include "hearth/models/gguf_keys.h"
#include "hearth/models/gguf_layout.h"
#include "hearth/models/load.h"
#include "hearth/models/stored_tensor.h"
#include "hearth/text/template/template_source.h"
#include "hearth/text/tokenizer/gguf_vocabulary_writer.h"

namespace hearth {
namespace {

class PlanBuilder {
 public:
  PlanBuilder(const Recipe& recipe, const MixModel& model) : recipe_(recipe), model_(model) {}

  GgufHeader& header() { return header_; }
  PlanNotices& notices() { return notices_; }

  // In `kept`, else in the format that the recipe's mix has for it.
  Status add(SourceTensor source, std::optional<Format> kept = {}) {
    const int64_t columns = source.shape.columns();
    const Format wanted =
        kept.value_or(mix_format_wanted(recipe_.mix, model_, source.name, source.kind));
    const Format format =
        kept.value_or(mix_format(recipe_.mix, model_, source.name, source.kind, columns));
    const GgmlType* type = ggml_type_by_format(format);
    CHECK(type != nullptr);  // no mix has F8_E4M3, the one format that GGUF lacks
    if (format != wanted) notices_.fell_back(source.name, wanted, format);
    const Format stored = source.parts[0].tensor.format;
    const bool again = stored != format || source.parts[0].foreign != nullptr;
    if (format_info(stored).block_elements > 1 && again) notices_.requantised(stored);
    std::vector<int64_t> sizes;
    for (int i = 0; i < source.shape.rank(); ++i) sizes.push_back(source.shape[i]);
    TRY(header_.declare(source.name, type->name, sizes));
    plan_.parameters += source.shape.elements();
    plan_.tensors.push_back({std::move(source), format, 0, header_.tensor_bytes().back()});
    return Status::ok();
  }

  OutputPlan take() {
    if (recipe_.importance) write_importance_keys();
    plan_.header = header_.encode();
    plan_.file_bytes = static_cast<int64_t>(plan_.header.size());
    for (OutputTensor& tensor : plan_.tensors) {
      tensor.offset = plan_.file_bytes;
      plan_.file_bytes += round_up(tensor.bytes, kGgufAlignment);
    }
    for (std::string& line : notices_.lines()) plan_.notices.push_back(std::move(line));
    return std::move(plan_);
  }

 private:
  void write_importance_keys() {
    const Imatrix& imatrix = *recipe_.importance;
    header_.set_string("quantize.imatrix.file", recipe_.importance_file);
    if (!imatrix.dataset().empty()) {
      header_.set_string("quantize.imatrix.dataset", imatrix.dataset());
    }
    header_.set_u32("quantize.imatrix.entries_count",
                    static_cast<uint32_t>(imatrix.entries().size()));
    header_.set_u32("quantize.imatrix.chunks_count", imatrix.chunks());
  }

  const Recipe& recipe_;
  MixModel model_;
  GgufHeader header_;
  OutputPlan plan_;
  PlanNotices notices_;
};

Result<MixModel> mix_model(const Json& config, const Recipe& recipe) {
  MixModel model;
  model.importance = recipe.importance != nullptr;
  TRY_ASSIGN(model.layers, json_int(config, "num_hidden_layers", 1, 1 << 16));
  TRY_ASSIGN(model.tied, json_bool_or(config, "tie_word_embeddings", false));
  TRY_ASSIGN(const int64_t heads, json_int(config, "num_attention_heads", 1, 1 << 16));
  TRY_ASSIGN(const int64_t keys, json_int_or(config, "num_key_value_heads", heads, 1, 1 << 16));
  // All heads of MLA share one latent, which is what its GGUF files say, too.
  model.heads_per_key = json_find(config, "kv_lora_rank") ? heads : heads / keys;
  return model;
}

MixModel mix_model(const Gguf& gguf, const Recipe& recipe) {
  const auto number = [&](const std::string& arch, const char* key) -> int64_t {
    const auto value = gguf.get_u32(fmt::format("{}.{}", arch, key));
    return value ? *value : 0;
  };
  const auto name = gguf.get_string("general.architecture");
  const std::string arch(name ? *name : "");
  MixModel model;
  model.importance = recipe.importance != nullptr;
  model.layers = number(arch, "block_count");
  const int64_t heads = number(arch, "attention.head_count");
  const int64_t keys = number(arch, "attention.head_count_kv");
  model.heads_per_key = keys > 0 ? heads / keys : 1;
  model.tied = gguf.find("output.weight") == nullptr;
  return model;
}

Status write_text(const Checkpoint& checkpoint, int64_t vocab_size, GgufHeader& header) {
  TRY_ASSIGN(const std::string json, checkpoint.text("tokenizer.json"));
  std::string config;
  if (checkpoint.has("tokenizer_config.json")) {
    TRY_ASSIGN(config, checkpoint.text("tokenizer_config.json"));
  }
  TRY_ASSIGN(const VocabularyData data, vocabulary_from_tokenizer_json(json, config));
  TRY(write_gguf_vocabulary(data, vocab_size, header).at(checkpoint.path()));
  TRY_ASSIGN(const std::string chat, chat_template_source(checkpoint));
  if (!chat.empty()) header.set_string("tokenizer.chat_template", chat);
  return Status::ok();
}

// A tensor as llama.cpp arranges it, out of those of the directory.
Result<SourceTensor> source_of(const StoredTensors& tensors, AdapterMerge& merge, GgufTensor from) {
  auto layout = std::make_shared<const GgufTensor>(std::move(from));
  SourceTensor source;
  source.name = layout->name;
  source.shape = layout->shape;
  source.kind = layout->kind;
  for (const TensorSpec& spec : layout->sources) {
    TRY_ASSIGN(const std::optional<StoredMatrix> stored, tensors.find(spec));
    if (!stored) {
      return error(Code::corrupt, "`{}`: expected {}, found no such tensor", spec.name,
                   spec.shape.to_string());
    }
    source.parts.push_back(merge.merged(spec.name, *stored));
  }
  if (layout->rows == GgufTensor::Rows::rotary && layout->shape.rank() == 1) {
    source.element = [layout](int64_t i) { return layout->element_origin(i); };
  } else if (layout->rows != GgufTensor::Rows::same || layout->shape.rank() == 3) {
    source.origin = [layout](int64_t row) {
      const GgufTensor::Origin o = layout->origin(row);
      const auto part = static_cast<size_t>(o.source - layout->sources.data());
      return RowOrigin{part, o.row, o.transposed, o.column};
    };
  }
  return source;
}

SourceTensor rope_factors(const std::vector<float>& factors) {
  auto buffer = std::make_shared<Buffer>(static_cast<int64_t>(factors.size()) * 4);
  SourceTensor source;
  source.name = "rope_freqs.weight";
  source.shape = {static_cast<int64_t>(factors.size())};
  source.kind = TensorKind::vector;
  const Tensor values = Tensor::packed(Format::f32, source.shape, buffer->data());
  std::ranges::copy(factors, values.f32().begin());
  source.parts = {{values, std::move(buffer), nullptr}};
  return source;
}

Result<OutputPlan> plan_from_directory(const Checkpoint& checkpoint, const Recipe& recipe) {
  const Json& config = *checkpoint.config();
  std::vector<std::string> lines;
  TRY_ASSIGN(const std::unique_ptr<Model> model, make_model(checkpoint, lines));
  TRY_ASSIGN(const MixModel mix, mix_model(config, recipe));
  TRY_ASSIGN(std::vector<GgufTensor> layout, gguf_layout(*model, config));
  TRY_ASSIGN(const std::vector<float> factors, gguf_rope_factors(config));
  PlanBuilder builder(recipe, mix);
  std::filesystem::path folder = std::filesystem::absolute(checkpoint.path()).lexically_normal();
  if (folder.filename().empty()) folder = folder.parent_path();
  TRY(write_gguf_keys(config, folder.filename().string(), recipe.mix.file_type, builder.header()));
  TRY(write_text(checkpoint, model->info().vocab_size, builder.header()));
  TRY_ASSIGN(const StoredTensors tensors, StoredTensors::of(checkpoint));
  AdapterMerge merge;
  if (!recipe.adapter.empty()) {
    TRY_ASSIGN(merge, AdapterMerge::open(recipe.adapter, checkpoint, *model));
  }
  std::set<std::string> used;
  if (!factors.empty()) TRY(builder.add(rope_factors(factors)));
  for (GgufTensor& tensor : layout) {
    for (const TensorSpec& source : tensor.sources) used.insert(source.name);
    TRY_ASSIGN(SourceTensor source, source_of(tensors, merge, std::move(tensor)));
    TRY(builder.add(std::move(source)));
  }
  TRY(merge.complete());
  builder.notices().unused(checkpoint, used, model->info().num_hidden_layers);
  return builder.take();
}

TensorKind kind_of(const TensorEntry& entry) {
  const std::string_view name = entry.name;
  const bool weight = name.ends_with(".weight") && name.find("_norm") == name.npos;
  if (!weight || entry.tensor.shape.rank() < 2) return TensorKind::vector;
  if (name.find("ffn_gate_inp") != name.npos) return TensorKind::router;
  return name == "token_embd.weight" ? TensorKind::embedding : TensorKind::matrix;
}

// Of the parts of a split file one is made; the rest describes how the input was quantised.
bool is_dropped(std::string_view key) {
  return key.starts_with("split.") || key.starts_with("quantize.imatrix.") ||
         key == "general.alignment";
}

// In its order, so that a file comes out the same whichever way its values came.
void copy_metadata(const Gguf& gguf, std::optional<uint32_t> file_type, GgufHeader& header) {
  constexpr std::string_view kFileType = "general.file_type";
  constexpr std::string_view kVersion = "general.quantization_version";
  for (const GgufValue& value : gguf.metadata()) {
    if (value.key == kFileType && file_type) {
      header.set_u32(kFileType, *file_type);
    } else if (!is_dropped(value.key)) {
      header.copy(value);
    }
  }
  if (!gguf.find_value(kFileType) && file_type) header.set_u32(kFileType, *file_type);
  if (!gguf.find_value(kVersion)) header.set_u32(kVersion, 2);
}

Result<OutputPlan> plan_from_gguf(const Checkpoint& checkpoint, const Recipe& recipe) {
  const Gguf& gguf = *checkpoint.gguf();
  PlanBuilder builder(recipe, mix_model(gguf, recipe));
  const std::optional<uint32_t> file_type(recipe.mix.file_type);
  copy_metadata(gguf, recipe.as_stored ? std::nullopt : file_type, builder.header());
  AdapterMerge merge;
  if (!recipe.adapter.empty()) {
    std::vector<std::string> lines;
    TRY_ASSIGN(const std::unique_ptr<Model> model, make_model(checkpoint, lines));
    TRY_ASSIGN(merge, AdapterMerge::open(recipe.adapter, checkpoint, *model));
  }
  for (const TensorEntry& entry : gguf.tensors()) {
    if (!entry.format) {
      return error(Code::unsupported, "`{}`: format {} is not supported", entry.name, entry.dtype);
    }
    SourceTensor source;
    source.name = entry.name;
    source.shape = entry.tensor.shape;
    source.kind = kind_of(entry);
    source.parts = {merge.merged(entry.name, {entry.tensor, nullptr, nullptr})};
    TRY(builder.add(std::move(source), recipe.as_stored ? entry.format : std::nullopt));
  }
  TRY(merge.complete());
  return builder.take();
}

}  // namespace

Result<OutputPlan> plan_gguf(const Checkpoint& checkpoint, const Recipe& recipe) {
  auto plan = checkpoint.kind() == CheckpointKind::gguf ? plan_from_gguf(checkpoint, recipe)
                                                        : plan_from_directory(checkpoint, recipe);
  if (!plan) return std::move(plan).status().at(checkpoint.path());
  return plan;
}

}  // namespace hearth
