// hearth serve: the server of one model, OpenAI-compatible over HTTP, and over gRPC beside it.
#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "hearth/cli/machine_options.h"
#include "hearth/cli/model_options.h"
#include "hearth/cli/serve_memory.h"
#include "hearth/cli/serve_resume.h"
#include "hearth/cli/store_options.h"
#include "hearth/cli/watermark_options.h"
#include "hearth/serve/audit_trail.h"
#include "hearth/serve/http/http_server.h"
#include "hearth/serve/service.h"
#include "hearth/serve/weights_hash.h"
#if defined(HEARTH_GRPC)
#include "hearth/serve/grpc/grpc_server.h"
#endif

namespace hearth::cli {
namespace {

using namespace serve;

constexpr int64_t kMegabyte = 1'000'000;

struct Options {
  ModelOptions model;
  HttpOptions http;
  GateOptions gate;
  std::string new_api_key;
  std::vector<std::string> names;
  std::vector<std::string> adapters;  // NAME=PATH
  std::string adapter_directory;
  std::string reasoning_field = "reasoning_content";
  std::vector<int64_t> effort_budgets;
  std::string thought_ending = AdmissionOptions().thought_ending;
  bool insecure = false;
  std::optional<uint16_t> grpc_port;  // absent: no gRPC
  std::string resume_key;
  bool log_json = false;
  bool quiet = false;  // no line for each request
  int64_t sequences = 16;
  int64_t queue = 1024;
  int64_t batch_tokens = 512;
  int64_t step_ms = 500;
  int64_t kv_megabytes = 0;
  int64_t body_megabytes = 8;
  std::string reserve = "auto";
  std::string cost;
  std::string pooling{pooling_name(Pooling::mean)};
  std::string pii = "off";
  std::string pii_policy;
  PersonalDataPolicy personal_data;
  WatermarkOptions watermark;
  audit::LogOptions audit;  // no path: no audit log
  std::string audit_key;
  std::string audit_sync = "each";
  std::string audit_text = "off";
  bool audit_required = false;
  std::string label = "off";
  std::string label_language = "en";
  label::Policy labels;
  MachineOptions machine;
};

Status print_new_key(const std::string& name, const Session& session) {
  TRY_ASSIGN(const NewApiKey made, make_api_key(name));
  if (session.json) {
    const Json out = {{"name", name}, {"key", made.key}, {"line", made.line}};
    fmt::print("{}\n", out.dump());
    return Status::ok();
  }
  fmt::print("{}\n", made.line);
  fmt::print(stderr, "{}: {}\n",
             session.say("the key, shown only now; the line above goes into the --api-keys file",
                         "密钥（仅显示这一次；上面一行写入 --api-keys 文件）"),
             made.key);
  return Status::ok();
}

Status check_options(const Options& options) {
  if (!is_loopback(options.http.host) && options.gate.keys_path.empty() && !options.insecure) {
    return error(Code::invalid,
                 "--host {}: others can reach this address: give --api-keys, or say --insecure",
                 options.http.host);
  }
  if (options.http.tls_certificate.empty() != options.http.tls_key.empty()) {
    return error(Code::invalid, "--tls-cert and --tls-key: expected both or neither");
  }
  TRY(options.machine.check());
#if !defined(HEARTH_GRPC)
  if (options.grpc_port) {
    return error(Code::unsupported, "--grpc-port: this hearth was built without gRPC");
  }
#endif
  const bool audit_asked = !options.audit_key.empty() || !options.audit.subjects_path.empty() ||
                           options.audit_required || options.audit_text == "on" ||
                           options.audit.keep_days > 0;
  if (audit_asked && options.audit.path.empty()) {
    return error(Code::invalid, "flags of the audit log: expected --audit-log beside them");
  }
  return Status::ok();
}

Result<EngineOptions> engine_options(const Options& options, const OpenedText& opened) {
  const Model& model = opened.model->model();
  EngineOptions out = engine_options_of(options.model, opened);
  out.context = std::min(out.context, model.info().max_position_embeddings);
  out.limits.sequences_max = options.sequences;
  out.limits.batch_tokens_max = options.batch_tokens;
  out.step_seconds_max = 1e-3 * static_cast<double>(options.step_ms);
  out.limits.queue_max = options.sequences + options.queue + 1;  // and the probe
  if (options.reserve == "full") out.limits.reserve = Reserve::full;
  TRY(set_kv_blocks(out, options.kv_megabytes, kv_block_bytes(out, model),
                    opened.backend->expert_cache_stats().to_come_bytes()));
  return out;
}

AdmissionOptions admission_options(const Options& options, const TextModel& model,
                                   int64_t context) {
  AdmissionOptions out;
  out.model_names = options.names;
  if (out.model_names.empty()) {
    out.model_names = {served_name(options.model.model, model.path())};
  }
  out.context = context;
  out.personal_data = options.personal_data;
  out.personal_data.mode = *pii::find_mode(options.pii);
  out.label = options.labels;
  out.label.placement = *label::find_placement(options.label);
  if (options.label_language == "zh") out.label.language = label::Language::chinese;
  out.keep_text = options.audit_text == "on";
  if (!options.effort_budgets.empty()) {
    std::ranges::copy(options.effort_budgets, out.effort_budgets.begin());
  }
  out.thought_ending = options.thought_ending;
  out.pooling = *find_pooling(options.pooling);
  return out;
}

Result<ResumePolicy> resume_policy(const Options& options, const OpenedText& opened,
                                   const AdmissionOptions& settings, const Session& session) {
  return open_resume(options.resume_key, options.model, *opened.model, *opened.backend,
                     options.watermark, options.reasoning_field, settings, session);
}

ServiceOptions service_options(const Options& options, const MemoryBudget& memory) {
  ServiceOptions out;
  out.audit = options.http.audit;
  out.version = HEARTH_VERSION;
  out.memory = memory;
  if (options.reasoning_field == "reasoning") out.reasoning_field = ReasoningField::reasoning;
  if (options.reasoning_field == "both") out.reasoning_field = ReasoningField::both;
  return out;
}

Status open_adapters(const Options& options, Adapters& adapters) {
  for (const std::string& option : options.adapters) {
    const size_t equals = option.find('=');
    if (equals == option.npos) {
      return error(Code::invalid, "--adapter: expected NAME=PATH, found `{}`", option);
    }
    TRY(adapters.open(option.substr(0, equals), option.substr(equals + 1)).at("--adapter"));
  }
  std::error_code ignored;
  if (options.adapter_directory.empty() ||
      std::filesystem::is_directory(options.adapter_directory, ignored)) {
    return Status::ok();
  }
  return error(Code::not_found, "--adapter-dir: there is no directory {}",
               options.adapter_directory);
}

// The audit log and what writes to it; both null where there is none.
struct OpenedAudit {
  std::unique_ptr<audit::AuditLog> log;
  std::unique_ptr<AuditTrail> trail;
};

Result<OpenedAudit> open_audit(const Options& options, const TextModel& model,
                               const std::string& name, Metrics& metrics, RequestLog& log) {
  OpenedAudit out;
  if (options.audit.path.empty()) return out;
  std::optional<audit::SigningKey> key;
  if (!options.audit_key.empty()) {
    TRY_ASSIGN(key, audit::SigningKey::read(options.audit_key));
  }
  audit::LogOptions settings = options.audit;
  settings.sync = options.audit_sync == "second" ? audit::Sync::second : audit::Sync::each;
  settings.version = HEARTH_VERSION;
  settings.model = name;
  AuditPolicy policy;
  policy.required = options.audit_required;
  TRY_ASSIGN(policy.model_hash, hash_of_model(model.path()));
  TRY_ASSIGN(out.log, audit::AuditLog::open(std::move(settings), std::move(key)));
  out.trail = std::make_unique<AuditTrail>(*out.log, std::move(policy), metrics, log);
  return out;
}

// A connection is a file: as many as the system lets us have.
void raise_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// A core file would hold somebody's conversation. The limit alone doesn't hold where the system
// hands dumps to a program (core(5)): systemd-coredump, apport.
void forbid_core_files() {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

struct Ports {
  uint16_t http = 0;
  std::optional<uint16_t> grpc;
};

// Where it listens and what it holds, for people; with --json for scripts, which wait for this
// line.
void announce(const Options& options, const std::string& model, const Ports& ports,
              const MemoryBudget& memory, const Session& session) {
  const bool tls = !options.http.tls_certificate.empty();
  const bool six = options.http.host.find(':') != std::string::npos;
  const std::string host = six ? "[" + options.http.host + "]" : options.http.host;
  const std::string url = fmt::format("http{}://{}:{}", tls ? "s" : "", host, ports.http);
  if (session.json) {
    Json out = {
        {"url", url}, {"port", ports.http}, {"model", model}, {"memory", budget_json(memory)}};
    if (ports.grpc) out["grpc_port"] = *ports.grpc;
    fmt::print("{}\n", out.dump());
  } else {
    fmt::print("{} {} {} {}/v1\n", session.say("serving", "正在提供"), model,
               session.say("at", "地址"), url);
    if (ports.grpc) fmt::print("gRPC {} {}:{}\n", session.say("at", "地址"), host, *ports.grpc);
    fmt::print("{}: {}\n", session.say("memory", "内存"), budget_text(memory));
  }
  std::fflush(stdout);
}

#if defined(HEARTH_GRPC)
GrpcOptions grpc_options(const Options& options) {
  GrpcOptions out;
  out.audit = options.http.audit;
  out.host = options.http.host;
  out.port = options.grpc_port.value_or(0);
  out.message_bytes_max = options.body_megabytes * kMegabyte;
  out.calls_max = options.http.connections_max;
  out.tls_certificate = options.http.tls_certificate;
  out.tls_key = options.http.tls_key;
  return out;
}
#endif

// What is known once everything is loaded. gRPC lets as many calls in as HTTP connections.
Status complete_budget(const Options& options, const OpenedText& opened, int64_t adapters,
                       MemoryBudget& out) {
  out.adapters = adapters;
  const int64_t protocols = options.grpc_port ? 2 : 1;
  out.connections = protocols * options.http.connections_max * kConnectionBytes;
  return check_serve_budget(out, true, opened.backend->name());
}

Status run_serve(Options& options, const Session& session) {
  if (!options.new_api_key.empty()) return print_new_key(options.new_api_key, session);
  if (options.model.model.empty()) options.model.model = "mini";
  TRY(check_options(options));
  forbid_core_files();
  if (!options.pii_policy.empty()) {
    TRY_ASSIGN(options.personal_data.detect, pii::read_policy(options.pii_policy));
  }
  TRY_ASSIGN(watermark::Policy policy, watermark::Policy::open(options.watermark));
  std::unique_ptr<CostMeter> costs;
  if (!options.cost.empty()) {
    TRY_ASSIGN(costs, CostMeter::open(options.cost, options.model.device != "cuda"));
  }
  options.gate.costs_known = costs != nullptr;
  TRY_ASSIGN(const std::unique_ptr<Gate> gate, Gate::open(options.gate));
  raise_file_limit();
  const int64_t mapped = mapped_now();
  TRY_ASSIGN(const OpenedText opened, open_text_model(options.model, session));
  const TextModel& model = *opened.model;
  TRY_ASSIGN(const EngineOptions engine_settings, engine_options(options, opened));
  MemoryBudget memory = serve_budget(opened, engine_settings, mapped);
  TRY(check_serve_budget(memory, false, opened.backend->name()));
  Engine engine(model.model(), *opened.backend, engine_settings, model.banned());
  TRY(engine.health());
  AdmissionOptions settings = admission_options(options, model, engine.context());
  settings.watermark = std::move(policy);
  TRY_ASSIGN(settings.resume, resume_policy(options, opened, settings, session));
  Metrics metrics(settings.model_names[0]);
  RequestLog log(options.log_json, !options.quiet);
  TRY_ASSIGN(const OpenedAudit audited,
             open_audit(options, model, settings.model_names[0], metrics, log));
  options.http.audit = audited.trail.get();
  TRY_ASSIGN(const std::unique_ptr<MachineWatch> machine,
             open_machine(options.machine, *opened.backend));
  LoopOptions limits;
  limits.machine = machine.get();
  limits.sequences_max = options.sequences + options.queue;
  limits.marks_required = settings.watermark.mode() == watermark::Mode::require;
  limits.costs = costs.get();
  EngineLoop loop(model, engine, metrics, limits);
  Adapters adapters(model.loaded(), *opened.backend, loop, metrics, options.adapter_directory);
  TRY(open_adapters(options, adapters));
  TRY(complete_budget(options, opened, adapters.bytes(), memory));
  metrics.memory(memory);
  Admission admission(model, loop, adapters, *gate, metrics, std::move(settings));
  ServiceOptions answers = service_options(options, memory);
  answers.machine = machine.get();
  Service service(admission, loop, adapters, *gate, metrics, std::move(answers));
  options.http.body_bytes_max = options.body_megabytes * kMegabyte;
  TRY_ASSIGN(const std::unique_ptr<HttpServer> server,
             HttpServer::open(service, *gate, log, options.http));
  TRY(loop.start());
  Ports ports{server->port(), std::nullopt};
#if defined(HEARTH_GRPC)
  RpcService rpc_service(admission, adapters, *gate, metrics, audited.trail.get());
  std::unique_ptr<GrpcServer> rpc_server;
  if (options.grpc_port) {
    TRY_ASSIGN(rpc_server,
               GrpcServer::open(rpc_service, loop, metrics, log, grpc_options(options)));
    ports.grpc = rpc_server->port();
  }
#endif
  announce(options, admission.name(), ports, memory, session);
  server->run();
#if defined(HEARTH_GRPC)
  rpc_server.reset();  // its calls end while the loop still runs
#endif
  loop.stop();  // before the connections that it tells
  return Status::ok();
}

void declare_access(CLI::App& verb, Options& options) {
  verb.add_option("--host", options.http.host, "address to listen on")->capture_default_str();
  verb.add_option("--port", options.http.port, "0: any free one")->capture_default_str();
  verb.add_option("--grpc-port", options.grpc_port, "serve gRPC too, there; 0: any free one");
  verb.add_option("--api-keys", options.gate.keys_path, "file of key hashes; see --new-api-key");
  verb.add_option("--new-api-key", options.new_api_key, "make a key of this name, and no more")
      ->configurable(false);
  verb.add_flag("--insecure", options.insecure, "let others reach a server without keys");
  verb.add_option("--allowed-host", options.gate.allowed_hosts,
                  "a name in Host that is ours, beside localhost; may be given again")
      ->allow_extra_args(false);
  verb.add_option("--cors-origin", options.gate.cors_origins,
                  "a page that may read answers, as https://example.org; may be given again")
      ->allow_extra_args(false);
  verb.add_option("--tls-cert", options.http.tls_certificate, "PEM file: serve over TLS");
  verb.add_option("--tls-key", options.http.tls_key, "PEM file of its key");
}

void declare_limits(CLI::App& verb, Options& options) {
  verb.add_option("--max-sequences", options.sequences, "answers that are written at once")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  verb.add_option("--max-queue", options.queue, "answers that wait beside them; more get 503")
      ->check(CLI::Range(0, 1 << 20))
      ->capture_default_str();
  verb.add_option("--max-batch-tokens", options.batch_tokens, "tokens of one step")
      ->check(CLI::Range(1, 1 << 16))
      ->capture_default_str();
  verb.add_option(
          "--max-step-ms", options.step_ms,
          "how long new prompts may hold up answers at a time, if that is cheap; 0: any time")
      ->check(CLI::Range(0, 1 << 20))
      ->capture_default_str();
  verb.add_option("--kv-memory", options.kv_megabytes,
                  "MB of KV cache; 0: a context for each sequence, at most half of free memory")
      ->check(CLI::Range(0, 1 << 30));
  verb.add_option("--reserve", options.reserve,
                  "full: memory for an answer's whole length before it starts, so that none pauses")
      ->check(CLI::IsMember({"auto", "full"}))
      ->capture_default_str();
  verb.add_option("--max-body", options.body_megabytes, "MB of one request or gRPC message")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  verb.add_option("--max-connections", options.http.connections_max,
                  "open at once; as many gRPC calls beside them")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  verb.add_option("--resume-key", options.resume_key,
                  "file of a secret: servers that share it go on with each other's streams behind "
                  "hearth gateway");
  verb.add_option("--drain-seconds", options.http.drain_seconds,
                  "after SIGTERM, how long running answers may go on")
      ->check(CLI::Range(0.0, 86400.0))
      ->capture_default_str();
}

void declare_audit(CLI::App& verb, Options& options) {
  verb.add_option("--audit-log", options.audit.path,
                  "one line for each request goes there, hash-chained; see hearth audit");
  verb.add_option("--audit-key", options.audit_key,
                  "PEM key of Ed25519 that signs heads of the log; see hearth audit new-key");
  verb.add_option("--audit-subjects", options.audit.subjects_path,
                  "file of the keys that seal names; else LOG.keys");
  verb.add_option("--audit-fsync", options.audit_sync,
                  "flush to the disk before each answer ends, or once a second")
      ->check(CLI::IsMember({"each", "second"}))
      ->capture_default_str();
  verb.add_option("--audit-text", options.audit_text,
                  "on: prompts are kept too, sealed, as the model saw them")
      ->check(CLI::IsMember({"on", "off"}))
      ->capture_default_str();
  verb.add_flag("--audit-required", options.audit_required,
                "take no request (503) while the log can't be written");
  verb.add_option("--audit-keep-days", options.audit.keep_days,
                  "full files that are older are removed; 0: none")
      ->check(CLI::Range(0, 36500))
      ->capture_default_str();
}

void declare_label(CLI::App& verb, Options& options) {
  verb.add_option("--label", options.label,
                  "say that answers are generated: off, metadata, interface (the chat page shows "
                  "it), prefix or suffix (words in the answer); all but off carry the metadata")
      ->check(CLI::IsMember({"off", "metadata", "interface", "prefix", "suffix"}))
      ->capture_default_str();
  verb.add_option("--label-language", options.label_language, "of these words: en or zh")
      ->check(CLI::IsMember({"en", "zh"}))
      ->capture_default_str();
  verb.add_option("--label-producer", options.labels.producer,
                  "ContentProducer in the metadata: your name or code")
      ->capture_default_str();
}

}  // namespace

void add_serve(CLI::App& app, Session& session) {
  auto options = std::make_shared<Options>();
  options->http.port = 9471;
  CLI::App* verb = add_verb(app, session, "serve",
                            std::string(session.say("Serve a model to OpenAI clients over HTTP",
                                                    "通过 HTTP 向 OpenAI 客户端提供模型")),
                            "hearth serve --model mini --port 9471",
                            [options, &session] { return run_serve(*options, session); });
  options->model.declare(*verb, false);
  options->model.declare_drafts(*verb);
  declare_access(*verb, *options);
  declare_limits(*verb, *options);
  declare_audit(*verb, *options);
  declare_label(*verb, *options);
  options->machine.declare(*verb);
  verb->add_option("--served-name", options->names,
                   "name of the model in requests, else its file's; may be given again")
      ->allow_extra_args(false);
  verb->add_option("--adapter", options->adapters,
                   "NAME=PATH: a LoRA adapter (PEFT directory or GGUF file) that requests reach as "
                   "`model:NAME`; may be given again")
      ->allow_extra_args(false);
  verb->add_option("--adapter-dir", options->adapter_directory,
                   "the directory that /v1/adapters may load from; without it nothing is loaded "
                   "over HTTP");
  verb->add_option("--reasoning-field", options->reasoning_field,
                   "where thoughts go: reasoning_content, reasoning or both")
      ->check(CLI::IsMember({"reasoning_content", "reasoning", "both"}))
      ->capture_default_str();
  verb->add_option("--effort-budgets", options->effort_budgets,
                   "tokens of a thought at reasoning_effort low, medium and high; else 1024, 4096, "
                   "16384")
      ->expected(3)
      ->delimiter(',')
      ->check(CLI::Range(0, 1 << 24));
  verb->add_option("--thought-ending", options->thought_ending,
                   "what closes a thought that reaches its budget, before </think>");
  verb->add_option("--cost", options->cost,
                   "JSON file with this machine's price: `usage` then has cost and energy, and "
                   "keys may have a budget=");
  verb->add_option(
      "--ledger", options->gate.ledger_path,
      "file of what each key has spent this month, so that a restart forgives nothing");
  verb->add_option("--pooling", options->pooling,
                   "what an embedding is made of: the mean of all states, or the last one")
      ->check(CLI::IsMember({"mean", "last"}))
      ->capture_default_str();
  verb->add_option("--pii", options->pii,
                   "personal data in requests, unless the key says: off, log_only, mask or block")
      ->check(CLI::IsMember({"off", "log_only", "mask", "block"}))
      ->capture_default_str();
  verb->add_option("--pii-policy", options->pii_policy,
                   "JSON file: which types, from which score on");
  options->watermark.declare(*verb);
  verb->add_flag("--log-json", options->log_json, "log as JSON lines");
  verb->add_flag("--no-log-requests", options->quiet,
                 "no log line for each request (a line never has its text)");
}

}  // namespace hearth::cli
