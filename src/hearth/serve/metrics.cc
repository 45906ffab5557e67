// See metrics.h. Buckets are vLLM's, but for queue times, where those begin at 0.3 s: too late to
// show a wait of a step or two.
#include "hearth/serve/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <limits>

namespace hearth::serve {
namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;
using Buckets = Histogram::BucketBoundaries;

const Buckets kFirstToken = {0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75,
                             1,     2.5,   5,    7.5,  10,   20,   40,   80,  160,  640, 2560};
const Buckets kNextToken = {0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5,
                            0.75, 1,     2.5,  5,     7.5, 10,   20,  40,  80};
const Buckets kWhole = {0.3, 0.5, 0.8, 1,  1.5, 2,   2.5, 5,   10,   15,  20,
                        30,  40,  50,  60, 120, 240, 480, 960, 1920, 7680};
const Buckets kTokens = {1,   2,    5,    10,   20,    50,    100,   200,
                         500, 1000, 2000, 5000, 10000, 20000, 50000, 100000};
const Buckets kSequences = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512};

// A counter that somebody else keeps.
void count_up_to(Counter& counter, double total) {
  counter.Increment(total - counter.Value());
}
void count_up_to(Counter& counter, int64_t total) {
  count_up_to(counter, static_cast<double>(total));
}

}  // namespace

struct Metrics::Series {
  explicit Series(const std::string& model) : labels{{"model_name", model}} {}

  Family<Counter>& counters(const char* name, const char* help) {
    return prometheus::BuildCounter().Name(name).Help(help).Labels(labels).Register(registry);
  }
  Family<Gauge>& gauges(const char* name, const char* help) {
    return prometheus::BuildGauge().Name(name).Help(help).Labels(labels).Register(registry);
  }
  Gauge& gauge(const char* name, const char* help) { return gauges(name, help).Add({}); }
  Histogram& histogram(const char* name, const char* help, const Buckets& buckets) {
    return prometheus::BuildHistogram().Name(name).Help(help).Labels(labels).Register(registry).Add(
        {}, buckets);
  }

  const prometheus::Labels labels;
  prometheus::Registry registry;
  Counter& admitted =
      counters("hearth_requests_admitted_total", "Requests that the engine took").Add({});
  Counter& completed =
      counters("hearth_requests_completed_total", "Admitted requests answered whole").Add({});
  Family<Counter>& failed =
      counters("hearth_requests_failed_total", "Admitted requests that ended in an error");
  Family<Counter>& cancelled =
      counters("hearth_requests_cancelled_total", "Admitted requests given up, by reason");
  Family<Counter>& rejected =
      counters("hearth_requests_rejected_total", "Requests refused before admission, by reason");
  Family<Counter>& success =
      counters("hearth_request_success_total", "Finished answers, by finish reason");
  Family<Counter>& responses = counters("hearth_http_responses_total", "HTTP answers, by status");
  Family<Counter>& rpcs = counters("hearth_grpc_responses_total", "gRPC calls ended, by code");
  Counter& prompt_tokens =
      counters("hearth_prompt_tokens_total", "Prompt tokens of ended requests").Add({});
  Counter& cached_tokens =
      counters("hearth_prefix_cache_hits_total", "Prompt tokens found in the cache").Add({});
  Counter& generation_tokens =
      counters("hearth_generation_tokens_total", "Generated tokens of ended requests").Add({});
  Counter& reasoning_tokens =
      counters("hearth_reasoning_tokens_total", "Of the generated tokens, those of thoughts")
          .Add({});
  Counter& joules =
      counters("hearth_energy_joules_total", "Energy of ended requests; 0 without prices").Add({});
  Counter& cost = counters("hearth_cost_total",
                           "Electricity and hardware of ended requests, in the currency "
                           "of the prices; 0 without them")
                      .Add({});
  Gauge& running = gauge("hearth_num_requests_running", "Sequences that have KV cache blocks");
  Gauge& waiting = gauge("hearth_num_requests_waiting", "Sequences that wait for their turn");
  Gauge& kv_usage = gauge("hearth_kv_cache_usage_perc",
                          "Share of the KV cache's blocks that sequences hold, 0-1");
  Counter& preemptions =
      counters("hearth_num_preemptions_total", "Sequences that gave their blocks back for a while")
          .Add({});
  Counter& drafted = counters("hearth_spec_decode_num_draft_tokens_total",
                              "Guesses of next tokens that the model checked")
                         .Add({});
  Counter& accepted =
      counters("hearth_spec_decode_num_accepted_tokens_total", "Of these guesses, right ones")
          .Add({});
  Counter& guessing_seconds =
      counters("hearth_spec_decode_step_seconds_total",
               "Steps with guesses, these and draws included; a stall as a slow step")
          .Add({});
  Counter& plain_seconds =
      counters("hearth_spec_decode_plain_seconds_total",
               "What as many tokens would have taken without guesses, as steps took lately: over "
               "the step seconds it is the gain")
          .Add({});
  Counter& expert_hits = counters("hearth_expert_cache_hits_total",
                                  "Routed experts on disk: asked for by a step and in memory")
                             .Add({});
  Counter& expert_misses =
      counters("hearth_expert_cache_misses_total", "Asked for and waited for").Add({});
  Counter& experts_ahead =
      counters("hearth_expert_cache_ahead_total", "Read ahead of being asked for").Add({});
  Counter& experts_ahead_used =
      counters("hearth_expert_cache_ahead_used_total", "Of these, asked for indeed").Add({});
  Counter& expert_bytes =
      counters("hearth_expert_cache_read_bytes_total", "Read from the model's files").Add({});
  Counter& expert_wait =
      counters("hearth_expert_cache_wait_seconds_total", "Of computing, for experts to come")
          .Add({});
  Gauge& expert_held = gauge("hearth_expert_cache_bytes", "Memory of cached experts");
  Gauge& adapters = gauge("hearth_adapters_loaded", "Adapters that requests may name");
  Gauge& adapter_bytes = gauge("hearth_adapter_memory_bytes", "Memory of these adapters");
  Family<Counter>& audit_events =
      counters("hearth_audit_events_total", "Events for the audit log: kept, or lost");
  Family<Gauge>& memory =
      gauges("hearth_memory_budget_bytes", "Memory stated at the start, by what holds it");
  Family<Counter>& personal_data =
      counters("hearth_personal_data_total", "Personal data found in requests, by type and mode");
  Gauge& admits = gauge("hearth_machine_admits", "1: heat and faults let requests in");
  Gauge& share = gauge("hearth_machine_batch_share", "Of the batch that heat and faults allow");
  Family<Gauge>& faults = gauges("hearth_machine_fault", "1: the machine has this fault, by fault");
  Family<Gauge>& heat = gauges("hearth_device_heat", "0 ok, 1 warm, 2 hot, by device");
  Family<Gauge>& celsius = gauges("hearth_device_temperature_celsius", "By device");
  Family<Gauge>& watts = gauges("hearth_device_power_watts", "By device");
  Family<Gauge>& ecc =
      gauges("hearth_device_ecc_uncorrected", "Memory errors since its driver started, by device");
  Family<Gauge>& reading_age =
      gauges("hearth_device_reading_age_seconds", "How old the last reading is, by device");
  Gauge& open = gauge("hearth_connections_open", "HTTP connections");
  Gauge& calls = gauge("hearth_grpc_calls_open", "gRPC calls");
  Histogram& queue = histogram("hearth_request_queue_time_seconds",
                               "From admission to the first step", kFirstToken);
  Histogram& first = histogram("hearth_time_to_first_token_seconds",
                               "From admission to the first token", kFirstToken);
  Histogram& next =
      histogram("hearth_inter_token_latency_seconds", "Between tokens of an answer", kNextToken);
  Histogram& whole =
      histogram("hearth_e2e_request_latency_seconds", "From admission to the end", kWhole);
  Histogram& generated =
      histogram("hearth_request_generation_tokens", "Generated tokens of a request", kTokens);
  Histogram& prompted =
      histogram("hearth_request_prompt_tokens", "Prompt tokens of a request", kTokens);
  Histogram& together =
      histogram("hearth_step_sequences", "Sequences in the engine during a step", kSequences);
  Histogram& steps = histogram("hearth_step_seconds", "Duration of a step", kFirstToken);
  Histogram& prompt_steps =
      histogram("hearth_prompt_step_seconds",
                "Duration of a step that computed a chunk of a prompt", kFirstToken);

  void count_tokens(const Usage& usage) {
    prompt_tokens.Increment(static_cast<double>(usage.prompt_tokens));
    cached_tokens.Increment(static_cast<double>(usage.cached_tokens));
    generation_tokens.Increment(static_cast<double>(usage.completion_tokens));
    reasoning_tokens.Increment(static_cast<double>(usage.reasoning_tokens));
    if (!usage.spent) return;
    joules.Increment(usage.spent->joules);
    cost.Increment(usage.spent->cost);
  }
};

Metrics::Metrics(const std::string& model_name) : series_(std::make_unique<Series>(model_name)) {}
Metrics::~Metrics() = default;

void Metrics::admitted() {
  series_->admitted.Increment();
}

void Metrics::completed(const Usage& usage, double seconds) {
  series_->completed.Increment();
  series_->count_tokens(usage);
  series_->whole.Observe(seconds);
  series_->generated.Observe(static_cast<double>(usage.completion_tokens));
  series_->prompted.Observe(static_cast<double>(usage.prompt_tokens));
}

void Metrics::failed(std::string_view type, const Usage& usage) {
  series_->failed.Add({{"type", std::string(type)}}).Increment();
  series_->count_tokens(usage);
}

void Metrics::cancelled(std::string_view reason, const Usage& usage) {
  series_->cancelled.Add({{"reason", std::string(reason)}}).Increment();
  series_->count_tokens(usage);
}

void Metrics::choice_finished(std::string_view reason) {
  series_->success.Add({{"finished_reason", std::string(reason)}}).Increment();
}

void Metrics::queued(double seconds_since_arrival) {
  series_->queue.Observe(seconds_since_arrival);
}

void Metrics::first_token(double seconds_since_arrival) {
  series_->first.Observe(seconds_since_arrival);
}

void Metrics::next_token(double seconds_since_last) {
  series_->next.Observe(seconds_since_last);
}

void Metrics::step(int64_t sequences, double seconds, bool prompts) {
  series_->together.Observe(static_cast<double>(sequences));
  series_->steps.Observe(seconds);
  if (prompts) series_->prompt_steps.Observe(seconds);
}

void Metrics::adapters(int64_t loaded, int64_t bytes) {
  series_->adapters.Set(static_cast<double>(loaded));
  series_->adapter_bytes.Set(static_cast<double>(bytes));
}

void Metrics::memory(const MemoryBudget& budget) {
  const std::pair<const char*, int64_t> parts[] = {
      {"weights", budget.weights},        {"kv_cache", budget.kv_cache},
      {"scratch", budget.scratch},        {"adapters", budget.adapters},
      {"expert_cache", budget.experts},   {"process", budget.process},
      {"connections", budget.connections}};
  for (const auto& [part, bytes] : parts) {
    series_->memory.Add({{"part", part}}).Set(static_cast<double>(bytes));
  }
}

void Metrics::in_engine(const SchedulerStats& stats, int64_t waiting) {
  series_->running.Set(static_cast<double>(stats.running));
  series_->kv_usage.Set(static_cast<double>(stats.blocks_held) /
                        static_cast<double>(stats.blocks_total));
  count_up_to(series_->preemptions, stats.preemptions);
  series_->waiting.Set(static_cast<double>(waiting));
}

void Metrics::drafts(const DraftStats& stats) {
  count_up_to(series_->drafted, stats.drafted);
  count_up_to(series_->accepted, stats.accepted);
  count_up_to(series_->guessing_seconds, stats.guessing_seconds);
  count_up_to(series_->plain_seconds, stats.plain_seconds);
}

void Metrics::experts(const ExpertCacheStats& stats) {
  if (!stats.active()) return;
  count_up_to(series_->expert_hits, stats.hits);
  count_up_to(series_->expert_misses, stats.misses);
  count_up_to(series_->experts_ahead, stats.ahead_reads);
  count_up_to(series_->experts_ahead_used, stats.ahead_used);
  count_up_to(series_->expert_bytes, stats.bytes_read);
  count_up_to(series_->expert_wait, stats.wait_seconds);
  series_->expert_held.Set(static_cast<double>(stats.held_bytes));
}

void Metrics::response(int status) {
  series_->responses.Add({{"code", std::to_string(status)}}).Increment();
}

void Metrics::rpc(std::string_view code) {
  series_->rpcs.Add({{"code", std::string(code)}}).Increment();
}

void Metrics::rejected(std::string_view why) {
  series_->rejected.Add({{"reason", std::string(why)}}).Increment();
}

void Metrics::connections(int64_t open) {
  series_->open.Set(static_cast<double>(open));
}

void Metrics::calls(int64_t open) {
  series_->calls.Set(static_cast<double>(open));
}

void Metrics::audit_event(bool kept) {
  series_->audit_events.Add({{"result", kept ? "kept" : "lost"}}).Increment();
}

void Metrics::personal_data(std::string_view type, std::string_view mode, int64_t count) {
  series_->personal_data.Add({{"type", std::string(type)}, {"mode", std::string(mode)}})
      .Increment(static_cast<double>(count));
}

// What a device doesn't tell, or not any more, is NaN.
void Metrics::machine(const MachineState& state) {
  constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
  series_->admits.Set(state.limits.admit ? 1 : 0);
  series_->share.Set(state.limits.share);
  for (size_t i = 0; i < kMachineFaults; ++i) {
    const std::string name(fault_name(static_cast<MachineFault>(i)));
    series_->faults.Add({{"fault", name}}).Set(state.faults[i] ? 1 : 0);
  }
  for (const auto& [name, device] : state.devices) {
    const prometheus::Labels label = {{"device", name}};
    const GpuReading& values = device.reading.values;
    series_->heat.Add(label).Set(static_cast<double>(device.heat));
    series_->celsius.Add(label).Set(values.temperature_c.value_or(kUnknown));
    series_->watts.Add(label).Set(values.power_watts.value_or(kUnknown));
    series_->ecc.Add(label).Set(
        values.ecc_uncorrected ? static_cast<double>(*values.ecc_uncorrected) : kUnknown);
    series_->reading_age.Add(label).Set(device.reading.age_seconds);
  }
}

std::string Metrics::text() const {
  return prometheus::TextSerializer().Serialize(series_->registry.Collect());
}

}  // namespace hearth::serve
