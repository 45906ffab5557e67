// See learner.h.
#include "hearth/train/learner.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "hearth/base/sha256.h"
#include "hearth/sensors/memory.h"
#include "hearth/train/memory.h"
#include "hearth/train/random.h"
#include "hearth/train/results.h"
#include "hearth/train/run_state.h"

namespace hearth::train {
namespace {

namespace fs = std::filesystem;

// Files that make a folder a model or an adapter.
constexpr const char* kResults[] = {"config.json", "adapter_config.json",
                                    "adapter_model.safetensors", "model.safetensors",
                                    "model.safetensors.index.json"};

// Names, shapes and first rows of the weights: tells another base of the same shape.
std::string fingerprint(Model& model) {
  Sha256 hash;
  model.visit_tensors([&](const TensorSpec& spec, Weight& slot) {
    if (!slot.present()) return;
    const Tensor& t = slot.tensor;
    hash.update(
        fmt::format("{} {} {} ", spec.name, t.shape.to_string(), format_info(t.format).name));
    hash.update(std::span<const std::byte>(t.data, static_cast<size_t>(t.row_bytes)));
  });
  return hash.hex();
}

}  // namespace

Status check_is_new(const std::string& folder) {
  std::error_code ignored;
  if (fs::exists(fs::path(folder) / kStateFile, ignored)) {
    return error(Code::invalid,
                 "--out {}: expected a new folder, found a run that --resume would go on with",
                 folder);
  }
  for (const char* name : kResults) {
    if (!fs::exists(fs::path(folder) / name, ignored)) continue;
    return error(Code::invalid, "--out {}: expected a new folder, found one that holds {}", folder,
                 name);
  }
  return Status::ok();
}

std::vector<uint8_t> held_out_by(uint64_t seed, double share, int64_t count) {
  auto wanted = static_cast<int64_t>(std::llround(share * static_cast<double>(count)));
  if (share > 0) wanted = std::max<int64_t>(1, wanted);
  std::vector<uint8_t> out(static_cast<size_t>(count));
  const std::vector<int64_t> order = random_order(random_key(seed, "validation"), count);
  for (int64_t i = 0; i < std::min(wanted, count); ++i) {
    out[static_cast<size_t>(order[static_cast<size_t>(i)])] = 1;
  }
  return out;
}

Result<std::unique_ptr<Learner>> Learner::create(TextModel& model, const LearnerOptions& options,
                                                 const Notice& notice) {
  std::unique_ptr<Learner> learner(new Learner(model, options));
  TRY(learner->choose(notice));
  TRY_ASSIGN(learner->network_, Network<float>::build(model.model(), learner->network_options_));
  learner->optimizer_.emplace(learner->network_->learned(), options.adamw);
  return learner;
}

// What learns, and what will be written of it.
Status Learner::choose(const Notice& notice) {
  network_options_.checkpoints = options_.checkpoints;
  if (options_.method == Method::lora) {
    TRY_ASSIGN(Targets targets, choose_targets(model_.model(), options_.targets));
    for (const std::string& line : targets.notices) {
      if (notice) notice(line);
    }
    network_options_.adapter =
        AdapterSpec{std::move(targets), options_.rank, options_.alpha, options_.seed};
    TRY_ASSIGN(results_.weights, plan_base_rows(model_.checkpoint()));
  } else {
    network_options_.balance_alpha = options_.balance_alpha;
    TRY_ASSIGN(results_, plan_model(model_.checkpoint()));
  }
  const auto memory = read_memory();
  if (!memory) return Status::ok();  // a machine whose memory can't be read refuses nothing
  return check_fits(learned_weights(model_.model(), network_options_.adapter),
                    !network_options_.adapter, memory->usable_available_bytes());
}

int64_t Learner::parameters() const {
  int64_t count = 0;
  for (const Parameter<float>* p : network_->learned()) {
    count += static_cast<int64_t>(p->value.size());
  }
  return count;
}

Json Learner::job() const {
  const LearnerOptions& o = options_;
  Json job = {{"--method", o.method == Method::lora ? "lora" : "full"},
              {"--lr", o.learning_rate},
              {"--schedule", schedule_name(o.schedule)},
              {"--warmup", o.warmup},
              {"--seed", o.seed},
              {"--weight-decay", o.adamw.weight_decay},
              {"--clip", o.adamw.clip}};
  if (o.method == Method::lora) {
    job.update(Json{{"--rank", o.rank}, {"--alpha", o.alpha}, {"--target", o.targets}});
  }
  job["--model"] = fingerprint(model_.model());
  return job;
}

Status Learner::open(const std::string& folder, const std::string& job, bool resume) {
  folder_ = folder;
  job_ = job;
  std::error_code failed;
  fs::create_directories(folder_, failed);
  if (failed) return error(Code::invalid, "--out {}: {}", folder_, failed.message());
  return resume ? load_state(folder_, job_, *optimizer_, *network_) : Status::ok();
}

Result<LearnerStep> Learner::step(Compute& compute, int64_t total, double loss) {
  LearnerStep out;
  const int64_t number = steps() + 1;
  const auto warmup = static_cast<int64_t>(std::ceil(options_.warmup * static_cast<double>(total)));
  out.learning_rate =
      learning_rate(options_.schedule, options_.learning_rate, steps(), warmup, total);
  out.gradient_norm = optimizer_->step(compute, out.learning_rate);
  if (!std::isfinite(loss) || !std::isfinite(out.gradient_norm)) {
    return error(Code::internal,
                 "step {}: the loss is {} and the gradient {}; try a smaller --lr than {}", number,
                 loss, out.gradient_norm, options_.learning_rate);
  }
  out.max_violation =
      network_->end_step(options_.method == Method::full ? options_.balance_rate : 0);
  return out;
}

Status Learner::save(bool finished) {
  TRY(save_state(folder_, job_, *optimizer_, *network_));
  if (options_.method == Method::lora) return write_adapter_to(folder_);
  return finished ? write_model(folder_, results_, *network_) : Status::ok();
}

Status Learner::write_adapter_to(const std::string& folder) const {
  return write_adapter(folder, results_.weights, *network_options_.adapter, model_.path(),
                       *network_);
}

}  // namespace hearth::train
