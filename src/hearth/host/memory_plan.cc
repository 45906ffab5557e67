// See memory_plan.h. Slots are filled with tensors that have formats and shapes but no memory, then
// the forward pass runs on the trace backend.
#include "hearth/host/memory_plan.h"

#include <algorithm>
#include <array>
#include <functional>
#include <utility>

#include "hearth/base/checked_math.h"
#include "hearth/files/outside_bytes.h"
#include "hearth/models/load.h"
#include "hearth/models/load_format.h"
#include "hearth/models/stored_tensor.h"

namespace hearth {
namespace {

constexpr int64_t kBatchMax = 1 << 16;

// What `check_fits` proposes, best quality first.
constexpr Format kSmaller[] = {Format::q8_0, Format::q6_k, Format::q4_k, Format::q4_0};

// Stands for memory that the plan only counts: shapes are read, pointers never followed.
alignas(64) std::byte nowhere[64];

Weight imagined(Format format, const Shape& shape) {
  Weight weight;
  weight.tensor = Tensor::packed(format, shape, nowhere);
  if (format == Format::f8_e4m3) weight.tensor.scales = reinterpret_cast<const float*>(nowhere);
  return weight;
}

// A weight as the loader would find it.
struct Stored {
  Weight weight;
  int64_t foreign_bytes = 0;  // > 0: packed by another tool, always copied
};

using StoredOf = std::function<Result<std::optional<Stored>>(const TensorSpec&)>;

// Fills a model's slots and adds up what they take, under the chosen dtype and the smaller ones.
class WeightPlanner {
 public:
  WeightPlanner(const PlanOptions& options, MemoryPlan& plan, const StoredOf& stored)
      : options_(options), plan_(plan), stored_(stored) {
    plan_.weights.dtype = options.dtype;
    for (Format format : kSmaller) plan_.smaller.push_back({format, 0, 0, 0});
  }

  void visit(const TensorSpec& spec, Weight& slot) {
    if (status_.is_ok()) status_ = try_visit(spec, slot);
  }

  // Tells `finish` what the network makes of its weights.
  Status finish(Model& model) {
    if (!status_.is_ok()) return status_;
    for (HeldWeights& held : plan_.smaller) TRY(derive(model, held));
    TRY(derive(model, plan_.weights));
    const auto largest = std::max_element(bytes_by_format_.begin(), bytes_by_format_.end());
    plan_.main_format = static_cast<Format>(largest - bytes_by_format_.begin());
    return Status::ok();
  }

 private:
  Status try_visit(const TensorSpec& spec, Weight& slot) {
    TRY_ASSIGN(const std::optional<Stored> stored, stored_(spec));
    if (!stored) return Status::ok();
    const Tensor& tensor = stored->weight.tensor;
    TRY(add(plan_.parameters, tensor.shape.elements()));
    if (options_.experts_from_disk && spec.expert >= 0 && stored->foreign_bytes == 0) {
      slot = stored->weight;
      TRY(leave(tensor));
      return add(bytes_by_format_[static_cast<size_t>(tensor.format)], slot.bytes());
    }
    for (HeldWeights& held : plan_.smaller) TRY(hold(spec, *stored, held));
    TRY(hold(spec, *stored, plan_.weights));
    slot = held_weight(spec, *stored, options_.dtype);
    return add(bytes_by_format_[static_cast<size_t>(slot.tensor.format)], slot.bytes());
  }

  Status derive(Model& model, HeldWeights& held) {
    model.visit_tensors([&](const TensorSpec& spec, Weight& slot) {
      if (spec.kind != TensorKind::latent || !status_.is_ok()) return;
      auto stored = stored_(spec);
      if (!stored) {
        status_ = std::move(stored).status();
      } else if (*stored) {
        slot = held_weight(spec, **stored, held.dtype);
      }
    });
    TRY(status_);
    TraceBackend trace;
    TRY(model.finish_load(trace));
    held.latent_bytes = trace.latent_bytes();
    return Status::ok();
  }

  static Weight held_weight(const TensorSpec& spec, const Stored& stored,
                            std::optional<Format> dtype) {
    const HeldFormat how = held_as(spec, stored, dtype);
    return how.copied ? imagined(how.format, stored.weight.tensor.shape) : stored.weight;
  }

  // A matrix of an expert that stays on disk; its three follow each other.
  Status leave(const Tensor& tensor) {
    ExpertsOnDisk& experts = plan_.experts;
    TRY(add(experts.stored_bytes, Weight{tensor, nullptr, nullptr}.bytes()));
    TRY(add(expert_bytes_, held_matrix_bytes(tensor)));
    room_max_ = std::max(room_max_, read_room_bytes(tensor));
    if (++expert_parts_ % 3 != 0) return Status::ok();
    const int64_t one = cached_expert_bytes(std::exchange(expert_bytes_, 0));
    ++experts.count;
    experts.largest_bytes = std::max(experts.largest_bytes, one);
    experts.room_bytes = room_max_ * ExpertCacheOptions().readers;
    return add(experts.held_bytes, one);
  }

  static HeldFormat held_as(const TensorSpec& spec, const Stored& stored,
                            std::optional<Format> dtype) {
    const Tensor& tensor = stored.weight.tensor;
    HeldFormat how = held_format(spec.kind, tensor.format, tensor.columns(), dtype);
    how.copied = how.copied || stored.foreign_bytes > 0;
    return how;
  }

  static Status hold(const TensorSpec& spec, const Stored& stored, HeldWeights& sum) {
    const HeldFormat how = held_as(spec, stored, sum.dtype);
    const int64_t bytes = stored.foreign_bytes > 0 ? stored.foreign_bytes : stored.weight.bytes();
    if (!how.copied) {
      TRY(add(sum.mapped_bytes, bytes));
      return add(sum.bytes, bytes);
    }
    sum.conversion_bytes = std::max(sum.conversion_bytes, bytes);
    return add(sum.bytes, imagined(how.format, stored.weight.tensor.shape).bytes());
  }

  static Status add(int64_t& sum, int64_t bytes) {
    const auto total = checked_add(sum, bytes);
    if (!total) return error(Code::invalid, "the config describes more than 2^63 bytes of weights");
    sum = *total;
    return Status::ok();
  }

  const PlanOptions& options_;
  MemoryPlan& plan_;
  const StoredOf& stored_;
  Status status_;
  int64_t expert_parts_ = 0;
  int64_t expert_bytes_ = 0;  // of the one whose matrices are being visited
  int64_t room_max_ = 0;
  std::array<int64_t, kFormats.size()> bytes_by_format_{};
};

// A step of `sequences` with `rows` rows each at position `start`; the last row of each wants
// logits.
Batch step_of(int64_t sequences, int64_t rows, int64_t start, Role role) {
  Batch batch;
  batch.tokens.assign(static_cast<size_t>(sequences * rows), 0);
  for (int64_t i = 0; i < sequences; ++i) {
    batch.sequences.push_back({i * rows, rows, start, role, {}});
    batch.logits_rows.push_back(i * rows + rows - 1);
  }
  return batch;
}

// The step that takes most scratch: as many rows as the limits let in, one logit row a sequence.
Batch fullest_step(const MemoryPlan& plan, const PlanOptions& options) {
  const int64_t each = std::max<int64_t>(1, plan.context - 1);
  const int64_t wanted =
      plan.batch > options.batch_tokens_max / each ? options.batch_tokens_max : plan.batch * each;
  Batch batch = step_of(1, std::min(wanted, options.batch_tokens_max), 0, Role::prompt);
  batch.logits_rows.resize(static_cast<size_t>(std::min(plan.batch, batch.rows())), 0);
  return batch;
}

TracedSteps trace_prompt(const Model& model, const KvSpec& kv, const PlanOptions& options,
                         int64_t tokens) {
  TracedSteps all;
  for (int64_t start = 0; start < tokens; start += options.batch_tokens_max) {
    const int64_t rows = std::min(options.batch_tokens_max, tokens - start);
    const TracedSteps one = trace_step(model, kv, step_of(1, rows, start, Role::prompt));
    all.rows += one.rows;
    all.scratch_bytes = std::max(all.scratch_bytes, one.scratch_bytes);
    all.work += one.work;
    all.verbs.insert(all.verbs.end(), one.verbs.begin(), one.verbs.end());
  }
  return all;
}

Status check_options(const PlanOptions& options) {
  for (const auto& [name, value] : {std::pair{"context", options.context},
                                    {"batch", options.batch},
                                    {"batch_tokens_max", options.batch_tokens_max},
                                    {"prompt_tokens", options.prompt_tokens}}) {
    const int64_t most = std::string_view(name) == "context" ? int64_t{1} << 30 : kBatchMax;
    if (value < 1 || value > most) {
      return error(Code::invalid, "{}: expected [1, {}], found {}", name, most, value);
    }
  }
  return Status::ok();
}

Result<MemoryPlan> plan_model(Model& model, const PlanOptions& options, const StoredOf& stored) {
  TRY(check_options(options));
  MemoryPlan plan;
  WeightPlanner planner(options, plan, stored);
  model.visit_tensors([&](const TensorSpec& spec, Weight& slot) { planner.visit(spec, slot); });
  TRY(planner.finish(model));
  if (plan.experts.count > 0) plan.experts.cache_bytes = options.expert_memory;
  plan.architecture = model.info().architecture;
  plan.context = std::min(options.context, model.info().max_position_embeddings);
  plan.batch = options.batch;
  plan.prompt_tokens = std::min(options.prompt_tokens, std::max<int64_t>(1, plan.context - 1));

  const KvSpec kv = model.kv_spec(options.kv_format);
  TRY(kv.check());
  plan.kv_block_bytes = kv.block_bytes();
  const auto bytes = checked_mul(plan.kv_block_bytes, ceil_div(plan.context, kKvBlockTokens));
  const auto all = bytes ? checked_mul(*bytes, plan.batch) : std::nullopt;
  if (!all) return error(Code::invalid, "the KV cache of this context exceeds 2^63 bytes");
  plan.kv_bytes = *all;

  plan.prompt = trace_prompt(model, kv, options, plan.prompt_tokens);
  plan.decode = trace_step(model, kv, step_of(plan.batch, 1, plan.prompt_tokens, Role::generated));
  plan.activation_bytes = trace_step(model, kv, fullest_step(plan, options)).scratch_bytes;
  if (plan.batch <= options.batch_tokens_max) {
    plan.activation_bytes = std::max(plan.activation_bytes, plan.decode.scratch_bytes);
  }
  plan.mtp = model.has_mtp();
  if (plan.mtp) {
    const int64_t scratch = trace_mtp(model, kv, fullest_step(plan, options)).scratch_bytes;
    plan.activation_bytes = std::max(plan.activation_bytes, scratch) +
                            mtp_states_bytes(model, options.batch_tokens_max);
  }
  return plan;
}

ModelHints hints_of(const PlanOptions& options) {
  ModelHints hints;
  hints.mtp = options.mtp;
  return hints;
}

// How a published checkpoint of this config stores its matrices.
struct ConfigFormat {
  Format format = Format::bf16;
  bool fp8 = false;  // linear weights as F8_E4M3 with scales
};

Result<ConfigFormat> format_of(const Json& config) {
  ConfigFormat out;
  const char* key = json_find(config, "torch_dtype") ? "torch_dtype" : "dtype";
  TRY_ASSIGN(const std::string dtype, json_string_or(config, key, "bfloat16"));
  if (dtype == "float32") {
    out.format = Format::f32;
  } else if (dtype == "float16") {
    out.format = Format::f16;
  } else if (dtype != "bfloat16") {
    return error(Code::unsupported, "`{}`: expected float32, float16 or bfloat16, found `{}`", key,
                 excerpt(dtype));
  }
  if (!json_find(config, "quantization_config")) return out;
  TRY_ASSIGN(const Json* quantization, json_object(config, "quantization_config"));
  TRY_ASSIGN(const std::string method, json_string(*quantization, "quant_method"));
  if (method != "fp8") {
    return error(Code::unsupported, "`quantization_config.quant_method`: expected fp8, found `{}`",
                 excerpt(method));
  }
  out.fp8 = true;
  return out;
}

}  // namespace

TracedSteps trace_step(const Model& model, const KvSpec& kv, const Batch& batch) {
  TraceBackend trace;
  KvCache cache(kv, 0);  // no blocks: only its shape is asked for
  trace.begin_step();
  model.forward(trace, batch, cache);
  return {batch.rows(), trace.scratch_used_max(), trace.work(), trace.verbs()};
}

TracedSteps trace_mtp(const Model& model, const KvSpec& kv, const Batch& batch) {
  TraceBackend trace;
  KvCache cache(kv, 0);
  cache.keep_states({batch.rows(), model.info().hidden_size}, {std::shared_ptr<void>(), nowhere});
  trace.begin_step();
  model.forward_mtp(trace, batch, std::vector<int64_t>(batch.tokens.size()), cache);
  return {batch.rows(), trace.scratch_used_max(), trace.work(), trace.verbs()};
}

int64_t mtp_states_bytes(const Model& model, int64_t rows) {
  return model.has_mtp() ? rows * model.info().hidden_size * 4 : 0;
}

int64_t HeldWeights::resident_bytes() const {
  return checked_add(bytes, latent_bytes).value_or(INT64_MAX);
}

int64_t MemoryPlan::peak_bytes(const HeldWeights& held, int64_t kv) const {
  const int64_t beside =
      std::max(held.conversion_bytes, checked_add(kv, activation_bytes).value_or(INT64_MAX));
  const int64_t resident = checked_add(held.resident_bytes(), beside).value_or(INT64_MAX);
  return checked_add(resident, experts.cache_bytes + experts.room_bytes).value_or(INT64_MAX);
}

Result<MemoryPlan> plan_memory(const Checkpoint& checkpoint, const PlanOptions& options) {
  std::vector<std::string> notices;
  TRY_ASSIGN(const std::unique_ptr<Model> model,
             make_model(checkpoint, notices, hints_of(options)));
  auto tensors = StoredTensors::of(checkpoint);
  if (!tensors) return std::move(tensors).status().at(checkpoint.path());
  const StoredOf stored = [&](const TensorSpec& spec) -> Result<std::optional<Stored>> {
    TRY_ASSIGN(const std::optional<StoredMatrix> found, tensors->find(spec));
    if (!found) return std::optional<Stored>();
    if (!found->foreign) return std::optional(Stored{{found->tensor, found->owner, nullptr}, 0});
    return std::optional(Stored{imagined(found->tensor.format, found->tensor.shape),
                                found->foreign->stored_bytes()});
  };
  auto plan = plan_model(*model, options, stored);
  if (!plan) return std::move(plan).status().at(checkpoint.path());
  return plan;
}

Result<MemoryPlan> plan_memory(const Json& config, const PlanOptions& options) {
  TRY_ASSIGN(const std::unique_ptr<Model> model, make_model(config, hints_of(options)));
  TRY_ASSIGN(const ConfigFormat format, format_of(config));
  const StoredOf stored = [&](const TensorSpec& spec) -> Result<std::optional<Stored>> {
    if (spec.name.empty()) return std::optional<Stored>();
    const bool fp8 = format.fp8 && is_fp8_linear(spec);
    Format as = fp8 ? Format::f8_e4m3 : format.format;
    // Experts on disk are not converted while they are read: of a file that was quantised before.
    if (options.experts_from_disk && spec.expert >= 0) {
      as = held_format(spec.kind, as, spec.shape.columns(), options.dtype).format;
    }
    return std::optional(Stored{imagined(as, spec.shape), 0});
  };
  return plan_model(*model, options, stored);
}

}  // namespace hearth
