// See serve_options.h.
#include "hearth/cli/serve_options.h"

namespace hearth::cli {
namespace {

void declare_access(CLI::App& verb, ServeOptions& options) {
  verb.add_option("--host", options.http.host, "address to listen on")->capture_default_str();
  const CLI::Range any_port(0, 65535);
  verb.add_option("--port", options.http.port, "0: any free one")
      ->check(any_port)
      ->capture_default_str();
  verb.add_option("--grpc-port", options.grpc_port, "serve gRPC too, there; 0: any free one")
      ->check(any_port);
  verb.add_option("--admin-port", options.http.admin_port,
                  "serve /metrics, /health?verbose and adapters there, and there alone; 0: any "
                  "free one")
      ->check(any_port);
  verb.add_option("--admin-host", options.http.admin_host,
                  "address of --admin-port, else that of --host");
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

void declare_limits(CLI::App& verb, ServeOptions& options) {
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

void declare_audit(CLI::App& verb, ServeOptions& options) {
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

void declare_label(CLI::App& verb, ServeOptions& options) {
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

void ServeOptions::declare(CLI::App& verb) {
  model.declare(verb, false);
  model.declare_drafts(verb);
  declare_access(verb, *this);
  declare_limits(verb, *this);
  declare_audit(verb, *this);
  declare_label(verb, *this);
  machine.declare(verb);
  verb.add_option("--served-name", names,
                  "name of the model in requests, else its file's; may be given again")
      ->allow_extra_args(false);
  verb.add_option("--adapter", adapters,
                  "NAME=PATH: a LoRA adapter (PEFT directory or GGUF file) that requests reach as "
                  "`model:NAME`; may be given again")
      ->allow_extra_args(false);
  verb.add_option("--adapter-dir", adapter_directory,
                  "the directory that /v1/adapters may load from; without it nothing is loaded "
                  "over HTTP");
  verb.add_option("--reasoning-field", reasoning_field,
                  "where thoughts go: reasoning_content, reasoning or both")
      ->check(CLI::IsMember({"reasoning_content", "reasoning", "both"}))
      ->capture_default_str();
  verb.add_option("--effort-budgets", effort_budgets,
                  "tokens of a thought at reasoning_effort low, medium and high; else 1024, 4096, "
                  "16384")
      ->expected(3)
      ->delimiter(',')
      ->check(CLI::Range(0, 1 << 24));
  verb.add_option("--thought-ending", thought_ending,
                  "what closes a thought that reaches its budget, before </think>");
  verb.add_option("--cost", cost,
                  "JSON file with this machine's price: `usage` then has cost and energy, and "
                  "keys may have a budget=");
  verb.add_option("--ledger", gate.ledger_path,
                  "file of what each key has spent this month, so that a restart forgives nothing");
  verb.add_option("--pooling", pooling,
                  "what an embedding is made of: the mean of all states, or the last one")
      ->check(CLI::IsMember({"mean", "last"}))
      ->capture_default_str();
  verb.add_option("--pii", pii,
                  "personal data in requests, unless the key says: off, log_only, mask or block")
      ->check(CLI::IsMember({"off", "log_only", "mask", "block"}))
      ->capture_default_str();
  verb.add_option("--pii-policy", pii_policy, "JSON file: which types, from which score on");
  watermark.declare(verb);
  verb.add_flag("--log-json", log_json, "log as JSON lines");
  verb.add_flag("--no-log-requests", quiet,
                "no log line for each request (a line never has its text)");
}

Status ServeOptions::check() const {
  if (!serve::is_loopback(http.host) && gate.keys_path.empty() && !insecure) {
    return error(Code::invalid,
                 "--host {}: others can reach this address: give --api-keys, or say --insecure",
                 http.host);
  }
  if (!http.admin_host.empty() && !http.admin_port) {
    return error(Code::invalid, "--admin-host: expected --admin-port beside it");
  }
  if (!http.admin_host.empty() && !serve::is_loopback(http.admin_host) && gate.keys_path.empty() &&
      !insecure) {
    return error(Code::invalid,
                 "--admin-host {}: others can reach this address: give --api-keys, or say "
                 "--insecure",
                 http.admin_host);
  }
  if (http.tls_certificate.empty() != http.tls_key.empty()) {
    return error(Code::invalid, "--tls-cert and --tls-key: expected both or neither");
  }
  TRY(machine.check());
#if !defined(HEARTH_GRPC)
  if (grpc_port) {
    return error(Code::unsupported, "--grpc-port: this hearth was built without gRPC");
  }
#endif
  const bool audit_asked = !audit_key.empty() || !audit.subjects_path.empty() || audit_required ||
                           audit_text == "on" || audit.keep_days > 0;
  if (audit_asked && audit.path.empty()) {
    return error(Code::invalid, "flags of the audit log: expected --audit-log beside them");
  }
  return Status::ok();
}

}  // namespace hearth::cli
