// hearth serve: the server of one model, OpenAI-compatible over HTTP, and over gRPC beside it.
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "hearth/cli/core_files.h"
#include "hearth/cli/machine_options.h"
#include "hearth/cli/serve_memory.h"
#include "hearth/cli/serve_options.h"
#include "hearth/cli/serve_resume.h"
#include "hearth/cli/store_options.h"
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

Result<EngineOptions> engine_options(const ServeOptions& options, const OpenedText& opened) {
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

AdmissionOptions admission_options(const ServeOptions& options, const TextModel& model,
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

Result<ResumePolicy> resume_policy(const ServeOptions& options, const OpenedText& opened,
                                   const AdmissionOptions& settings, const Session& session) {
  return open_resume(options.resume_key, options.model, *opened.model, *opened.backend,
                     options.watermark, options.reasoning_field, settings, session);
}

ServiceOptions service_options(const ServeOptions& options, const MemoryBudget& memory) {
  ServiceOptions out;
  out.audit = options.http.audit;
  out.version = HEARTH_VERSION;
  out.memory = memory;
  if (options.reasoning_field == "reasoning") out.reasoning_field = ReasoningField::reasoning;
  if (options.reasoning_field == "both") out.reasoning_field = ReasoningField::both;
  return out;
}

LoopOptions loop_options(const ServeOptions& options, const AdmissionOptions& settings,
                         const MachineWatch* machine, CostMeter* costs) {
  LoopOptions out;
  out.machine = machine;
  out.sequences_max = options.sequences + options.queue;
  out.marks_required = settings.watermark.mode() == watermark::Mode::require;
  out.costs = costs;
  return out;
}

Status open_adapters(const ServeOptions& options, Adapters& adapters) {
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

Result<OpenedAudit> open_audit(const ServeOptions& options, const TextModel& model,
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

struct Ports {
  uint16_t http = 0;
  std::optional<uint16_t> admin, grpc;
};

std::string in_brackets(const std::string& host) {
  return host.find(':') == host.npos ? host : "[" + host + "]";
}

// Where it listens and what it holds, for people; with --json for scripts, which wait for this
// line.
void announce(const ServeOptions& options, const std::string& model, const Ports& ports,
              const MemoryBudget& memory, const Session& session) {
  const bool tls = !options.http.tls_certificate.empty();
  const std::string host = in_brackets(options.http.host);
  const std::string admin_host =
      options.http.admin_host.empty() ? host : in_brackets(options.http.admin_host);
  const std::string url = fmt::format("http{}://{}:{}", tls ? "s" : "", host, ports.http);
  if (session.json) {
    Json out = {
        {"url", url}, {"port", ports.http}, {"model", model}, {"memory", budget_json(memory)}};
    if (ports.admin) out["admin_port"] = *ports.admin;
    if (ports.grpc) out["grpc_port"] = *ports.grpc;
    fmt::print("{}\n", out.dump());
  } else {
    fmt::print("{} {} {} {}/v1\n", session.say("serving", "正在提供"), model,
               session.say("at", "地址"), url);
    if (ports.admin) {
      fmt::print("{} {} {}:{}\n", session.say("administration", "管理"), session.say("at", "地址"),
                 admin_host, *ports.admin);
    }
    if (ports.grpc) fmt::print("gRPC {} {}:{}\n", session.say("at", "地址"), host, *ports.grpc);
    fmt::print("{}: {}\n", session.say("memory", "内存"), budget_text(memory));
  }
  std::fflush(stdout);
}

#if defined(HEARTH_GRPC)
GrpcOptions grpc_options(const ServeOptions& options) {
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
Status complete_budget(const ServeOptions& options, const OpenedText& opened, int64_t adapters,
                       MemoryBudget& out) {
  out.adapters = adapters;
  const int64_t protocols = options.grpc_port ? 2 : 1;
  const int64_t admins = options.http.admin_port ? kAdminConnectionsMax : 0;
  out.connections = (protocols * options.http.connections_max + admins) * kConnectionBytes;
  return check_serve_budget(out, true, opened.backend->name());
}

Status run_serve(ServeOptions& options, const Session& session) {
  if (!options.new_api_key.empty()) return print_new_key(options.new_api_key, session);
  if (options.model.model.empty()) options.model.model = "mini";
  TRY(options.check());
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
  EngineLoop loop(model, engine, metrics,
                  loop_options(options, settings, machine.get(), costs.get()));
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
  Ports ports{server->port(), server->admin_port(), std::nullopt};
#if defined(HEARTH_GRPC)
  RpcService rpc_service(admission, adapters, *gate, metrics, audited.trail.get(),
                         !options.http.admin_port);
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

}  // namespace

void add_serve(CLI::App& app, Session& session) {
  auto options = std::make_shared<ServeOptions>();
  options->http.port = 9471;
  CLI::App* verb = add_verb(app, session, "serve",
                            std::string(session.say("Serve a model to OpenAI clients over HTTP",
                                                    "通过 HTTP 向 OpenAI 客户端提供模型")),
                            "hearth serve --model mini --port 9471",
                            [options, &session] { return run_serve(*options, session); });
  options->declare(*verb);
}

}  // namespace hearth::cli
