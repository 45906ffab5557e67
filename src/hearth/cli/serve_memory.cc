// See serve_memory.h.
#include "hearth/cli/serve_memory.h"

#include <algorithm>

#include "hearth/base/checked_math.h"
#include "hearth/engine/model_drafter.h"
#include "hearth/host/memory_plan.h"
#include "hearth/sensors/memory.h"

namespace hearth::cli {
namespace {

// The end of a context: `rows` of as few prompts as have them, or one row of each of `rows`
// answers.
Batch fullest_step(const EngineOptions& settings, int64_t rows, Role role) {
  const int64_t parts = role == Role::prompt ? ceil_div(rows, settings.context) : rows;
  Batch batch;
  batch.tokens.assign(static_cast<size_t>(rows), 0);
  for (int64_t i = 0; i < parts; ++i) {
    const int64_t first = rows * i / parts;
    const int64_t each = rows * (i + 1) / parts - first;
    batch.sequences.push_back({first, each, settings.context - each, role, {}});
  }
  return batch;
}

int64_t guesses_max(const EngineOptions& settings) {
  const bool guesses = settings.make_drafter || settings.mtp || settings.draft_model;
  return guesses ? settings.drafts_max : 0;
}

// Every sequence ends its prompt in this step, and every row of it is to be embedded: more than one
// step can ever want.
int64_t prompt_scratch(const Model& model, const KvSpec& kv, const EngineOptions& settings) {
  const SchedulerLimits& limits = settings.limits;
  const int64_t rows = std::min(limits.batch_tokens_max, limits.sequences_max * settings.context);
  // The step that takes a prompt in may carry guesses for those that decode.
  const int64_t each = 1 + guesses_max(settings);
  const int64_t wanted = std::min(limits.sequences_max * each, rows);
  Batch batch = fullest_step(settings, rows, Role::prompt);
  batch.logits_rows.assign(static_cast<size_t>(wanted), 0);
  for (int64_t i = 0; i < rows; ++i) batch.hidden_rows.push_back(i);
  const int64_t scratch = trace_step(model, kv, batch).scratch_bytes;
  if (!settings.mtp) return scratch;
  const int64_t guessing = trace_mtp(model, kv, batch).scratch_bytes;
  return std::max(scratch, guessing) + mtp_states_bytes(model, limits.batch_tokens_max);
}

// Every sequence has a row, and one for each guess of what follows it.
int64_t decode_scratch(const Model& model, const KvSpec& kv, const EngineOptions& settings) {
  const SchedulerLimits& limits = settings.limits;
  const int64_t each = 1 + guesses_max(settings);
  const int64_t rows = std::min(limits.sequences_max * each, limits.batch_tokens_max);
  Batch batch = fullest_step(settings, rows, Role::generated);
  for (int64_t i = 0; i < rows; ++i) batch.logits_rows.push_back(i);
  return trace_step(model, kv, batch).scratch_bytes;
}

// The smaller model catches up with all sequences, and guesses for each.
int64_t draft_scratch(const Model& model, const EngineOptions& settings) {
  const int64_t sequences = settings.limits.sequences_max;
  int64_t scratch = 0;
  for (const Role role : {Role::prompt, Role::generated}) {
    Batch batch = fullest_step(settings, ModelDrafter::kFollowRowsOfAll + sequences, role);
    batch.logits_rows.assign(static_cast<size_t>(sequences), 0);
    const TracedSteps step = trace_step(model, model.kv_spec(settings.kv_format), batch);
    scratch = std::max(scratch, step.scratch_bytes);
  }
  return scratch;
}

// A device holds weights itself. Pages of the model's files come and go, and count as
// weights.
int64_t process_bytes(const OpenedText& opened, int64_t mapped_before) {
  const auto memory = read_process_memory();
  if (!memory) return 0;
  int64_t mapped = 0;
  int64_t owned = 0;
  for (const auto* text : {opened.model.get(), opened.draft_model.get()}) {
    if (!text) continue;
    mapped += text->loaded().mapped_bytes;
    owned += text->loaded().weight_bytes - text->loaded().mapped_bytes;
  }
  if (opened.backend->name() == "cuda") owned = 0;
  const int64_t files = std::max(mapped_before, memory->mapped_bytes - mapped);
  return std::max<int64_t>(0, memory->resident_bytes - memory->mapped_bytes - owned) + files;
}

constexpr int64_t kMegabyte = 1'000'000;

}  // namespace

Status set_kv_blocks(EngineOptions& settings, int64_t megabytes, int64_t block_bytes,
                     int64_t to_come) {
  if (megabytes == 0) {
    settings.kv_blocks =
        affordable_kv_blocks(settings.limits.sequences_max, block_bytes, settings.context, to_come);
    return Status::ok();
  }
  const int64_t least = Scheduler::blocks_for(settings.context);
  settings.kv_blocks = megabytes * kMegabyte / block_bytes;
  if (settings.kv_blocks >= least) return Status::ok();
  return error(Code::no_memory, "--kv-memory: a context of {} tokens needs {} MB, found {}",
               settings.context, least * block_bytes / kMegabyte + 1, megabytes);
}

serve::MemoryBudget serve_budget(const OpenedText& opened, const EngineOptions& settings,
                                 int64_t mapped_before) {
  const Model& model = opened.model->model();
  const KvSpec kv = model.kv_spec(settings.kv_format);
  serve::MemoryBudget out;
  out.weights = opened.model->loaded().weight_bytes;
  out.experts = opened.backend->expert_cache_stats().budget_bytes;
  out.kv_cache = kv_block_bytes(settings, model) * settings.kv_blocks;
  out.scratch = std::max(prompt_scratch(model, kv, settings), decode_scratch(model, kv, settings));
  if (settings.draft_model) {
    out.weights += opened.draft_model->loaded().weight_bytes;
    out.scratch = std::max(out.scratch, draft_scratch(*settings.draft_model, settings));
  }
  out.process = process_bytes(opened, mapped_before);
  return out;
}

int64_t mapped_now() {
  const auto memory = read_process_memory();
  return memory ? memory->mapped_bytes : 0;
}

Status check_serve_budget(const serve::MemoryBudget& budget, bool cache_held,
                          std::string_view backend) {
  const auto memory = read_memory();
  if (!memory || backend == "cuda") return Status::ok();
  return serve::check_room(budget, memory->usable_available_bytes(), cache_held);
}

}  // namespace hearth::cli
