// hearth gateway: one address before several `hearth serve`; a stream whose replica dies goes on at
// another.
#include <sys/resource.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "hearth/cli/core_files.h"
#include "hearth/cli/verb.h"
#include "hearth/files/json.h"
#include "hearth/serve/gateway/gateway.h"
#include "hearth/serve/http/http_server.h"

namespace hearth::cli {
namespace {

using namespace serve;

constexpr int64_t kMegabyte = 1'000'000;

struct Options {
  std::string listen = "127.0.0.1:9470";
  std::vector<std::string> replicas;
  GatewayOptions gateway;
  HttpOptions http;
  GateOptions gate;
  bool insecure = false;
  int64_t body_megabytes = 8;
  bool log_json = false;
  bool quiet = false;  // no line for each request
};

Status read_addresses(Options& options) {
  TRY_ASSIGN(const ReplicaAddress listen, read_replica_address(options.listen));
  const std::string& host = listen.host;
  options.http.host = host.starts_with('[') ? host.substr(1, host.size() - 2) : host;
  if (listen.port.size() > 5 || std::stoi(listen.port) > UINT16_MAX) {
    return error(Code::invalid, "--listen: expected a port up to 65535, found {}", listen.port);
  }
  options.http.port = static_cast<uint16_t>(std::stoi(listen.port));
  for (const std::string& text : options.replicas) {
    auto address = read_replica_address(text);
    if (!address) return std::move(address).status().at("--replica");
    options.gateway.replicas.push_back(*std::move(address));
  }
  if (options.http.tls_certificate.empty() != options.http.tls_key.empty()) {
    return error(Code::invalid, "--tls-cert and --tls-key: expected both or neither");
  }
  if (is_loopback(options.http.host) || options.insecure) return Status::ok();
  return error(Code::invalid,
               "--listen {}: others can reach this address: where the replicas ask for keys "
               "(serve --api-keys), say --insecure",
               options.listen);
}

void announce(const Options& options, uint16_t port, const Session& session) {
  const bool tls = !options.http.tls_certificate.empty();
  const bool six = options.http.host.find(':') != std::string::npos;
  const std::string host = six ? "[" + options.http.host + "]" : options.http.host;
  const std::string url = fmt::format("http{}://{}:{}", tls ? "s" : "", host, port);
  const size_t replicas = options.gateway.replicas.size();
  if (session.json) {
    const Json out = {{"url", url}, {"port", port}, {"replicas", replicas}};
    fmt::print("{}\n", out.dump());
  } else {
    fmt::print("{} {} {}/v1\n", replicas, session.say("replicas at", "个副本，地址"), url);
  }
  std::fflush(stdout);
}

Status run_gateway(Options& options, const Session& session) {
  TRY(read_addresses(options));
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {  // each stream holds two connections
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  forbid_core_files();
  TRY_ASSIGN(const std::unique_ptr<Gate> gate, Gate::open(options.gate));
  RequestLog log(options.log_json, !options.quiet);
  options.http.body_bytes_max = options.body_megabytes * kMegabyte;
  options.gateway.metrics = is_loopback(options.http.host);
  Gateway gateway(options.gateway, *gate, log);
  TRY_ASSIGN(const std::unique_ptr<HttpServer> server,
             HttpServer::open(gateway, *gate, log, options.http));
  announce(options, server->port(), session);
  server->run();
  return Status::ok();
}

}  // namespace

void add_gateway(CLI::App& app, Session& session) {
  auto options = std::make_shared<Options>();
  CLI::App* verb =
      add_verb(app, session, "gateway",
               std::string(session.say("One address before several replicas: streams outlive one",
                                       "多个副本前的统一入口：副本宕机，流不中断")),
               "hearth gateway --replica http://10.0.0.1:9471 --replica http://10.0.0.2:9471",
               [options, &session] { return run_gateway(*options, session); });
  verb->add_option("--listen", options->listen, "HOST:PORT; port 0: any free one")
      ->capture_default_str();
  verb->add_option("--replica", options->replicas,
                   "http://HOST:PORT of a hearth serve; may be given again")
      ->required()
      ->allow_extra_args(false);
  verb->add_option("--check-seconds", options->gateway.check_seconds,
                   "between two looks at /ready of each replica")
      ->check(CLI::Range(0.05, 3600.0))
      ->capture_default_str();
  verb->add_option("--stall-seconds", options->gateway.forward.silence_seconds,
                   "a replica that says nothing for so long is gone")
      ->check(CLI::Range(1.5, 3600.0))
      ->capture_default_str();
  verb->add_option("--wait-seconds", options->gateway.forward.wait_seconds,
                   "how long a request waits for a replica that is ready")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  verb->add_option("--tries", options->gateway.forward.tries,
                   "replicas that may break off in turn without a token between them")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  verb->add_option("--allowed-host", options->gate.allowed_hosts,
                   "a name in Host that is ours, beside localhost; may be given again")
      ->allow_extra_args(false);
  verb->add_flag("--insecure", options->insecure, "let others reach it: keys are the replicas'");
  verb->add_option("--tls-cert", options->http.tls_certificate, "PEM file: serve over TLS");
  verb->add_option("--tls-key", options->http.tls_key, "PEM file of its key");
  verb->add_option("--max-body", options->body_megabytes, "MB of one request")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  verb->add_option("--max-connections", options->http.connections_max, "open at once")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  verb->add_option("--drain-seconds", options->http.drain_seconds,
                   "after SIGTERM, how long running answers may go on")
      ->check(CLI::Range(0.0, 86400.0))
      ->capture_default_str();
  verb->add_flag("--log-json", options->log_json, "log as JSON lines");
  verb->add_flag("--no-log-requests", options->quiet, "no log line for each request");
}

}  // namespace hearth::cli
