// See gateway.h.
#include "hearth/serve/gateway/gateway.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "hearth/files/outside_bytes.h"
#include "hearth/serve/completions.h"
#include "hearth/serve/http/stream.h"
#include "hearth/serve/openai/write_reply.h"
#include "hearth/serve/request_id.h"
#include "hearth/serve/request_timeout.h"
#include "hearth/serve/web/page.h"

namespace hearth::serve {
namespace {

struct Forwarded {
  std::string_view path, method;
};

// What may be asked twice. What changes one replica alone (/v1/adapters) is asked of each.
constexpr std::array<Forwarded, 7> kForwarded = {{{"/v1/chat/completions", "POST"},
                                                  {"/v1/completions", "POST"},
                                                  {"/v1/embeddings", "POST"},
                                                  {"/v1/models", "GET"},
                                                  {"/tokenize", "POST"},
                                                  {"/detokenize", "POST"},
                                                  {"/v1/watermark/detect", "POST"}}};

bool is_own(std::string_view path) {
  return path == "/health" || path == "/ready" || path == "/metrics";
}

// One number in Prometheus' text format.
void add_metric(std::string_view name, std::string_view type, std::string_view help, int64_t value,
                std::string& out) {
  out += fmt::format("# HELP hearth_gateway_{} {}\n# TYPE hearth_gateway_{} {}\n", name, help, name,
                     type);
  out += fmt::format("hearth_gateway_{} {}\n", name, value);
}

}  // namespace

// "": it is not offered.
std::string_view Gateway::method_of(std::string_view path) const {
  if (path == "/metrics" && !options_.metrics) return "";
  if (is_own(path) || path == "/" || is_page_path(path)) return "GET";
  if (path.starts_with("/v1/models/")) path = "/v1/models";
  const auto found = std::ranges::find(kForwarded, path, &Forwarded::path);
  return found == kForwarded.end() ? "" : found->method;
}

Gateway::Gateway(GatewayOptions options, Gate& gate, RequestLog& log)
    : options_(std::move(options)),
      gate_(gate),
      log_(log),
      replicas_(io_, options_.replicas, options_.check_seconds, options_.forward.silence_seconds,
                log) {
  CHECK(!options_.replicas.empty());
  replicas_.watch();
  thread_ = std::thread([this] { io_.run(); });
}

Gateway::~Gateway() {
  io_.stop();
  thread_.join();
}

std::optional<HttpReply> Gateway::refuse(const RequestHead& head, RequestContext& context) {
  context.id = request_id(head.request_id);
  if (!head.target.starts_with('/')) {
    return error_reply(bad_field("", "bad_target", "expected a path that begins with `/`"));
  }
  if (auto error = gate_.check_host(head.host)) return error_reply(*error);
  if (auto error = gate_.check_origin(head.origin, head.host)) return error_reply(*error);
  const std::string_view method = method_of(head.path());
  if (method.empty()) {
    return error_reply(
        api_error(404, "not_found", fmt::format("there is no `{}` here", excerpt(head.path()))));
  }
  if (head.method != method) {
    HttpReply reply = error_reply(api_error(
        405, "method_not_allowed",
        fmt::format("{}: expected {}, found {}", head.path(), method, excerpt(head.method, 20))));
    reply.headers.emplace_back("Allow", std::string(method));
    return reply;
  }
  context.route = std::string(head.path());
  if (auto error = read_request_timeout(head.request_timeout, context.deadline)) {
    return error_reply(*error);
  }
  if (!draining_ || is_own(head.path())) return std::nullopt;
  return error_reply(api_error(503, "shutting_down", "the gateway is shutting down", 5));
}

HttpReply Gateway::metrics() const {
  HttpReply reply;
  reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
  std::string& out = reply.body;
  add_metric("replicas", "gauge", "Replicas that it knows", replicas_.count(), out);
  add_metric("replicas_ready", "gauge", "Of these, ready ones", replicas_.ready(), out);
  add_metric("connections_open", "gauge", "Of clients", connections_, out);
  add_metric("requests_running", "gauge", "Requests that replicas work on", counts_.running, out);
  add_metric("requests_total", "counter", "Requests that were forwarded", counts_.requests, out);
  add_metric("retries_total", "counter", "Tries that a replica broke off, or took nothing",
             counts_.retried, out);
  add_metric("resumed_total", "counter", "Streams that went on at another replica", counts_.resumed,
             out);
  add_metric("given_up_total", "counter", "Requests that no replica answered", counts_.given_up,
             out);
  return reply;
}

HttpReply Gateway::own(std::string_view path) const {
  if (path == "/metrics") return metrics();
  if (path == "/health") return json_reply(status_json("ok"));
  if (!draining_ && replicas_.ready() > 0) return json_reply(status_json("ready"));
  return error_reply(api_error(503, "not_ready", "no replica is ready", 2));
}

HttpReply Gateway::handle(const RequestHead& head, const RequestContext& context,
                          std::string_view body) {
  if (is_own(head.path())) return own(head.path());
  ForwardRequest request;
  request.id = context.id;
  request.method = head.method;
  request.target = head.target;
  request.body = body;
  request.deadline = context.deadline;
  request.headers = {{"Authorization", head.authorization},
                     {"X-Api-Key", head.x_api_key},
                     {"X-Request-Id", context.id},
                     {"If-None-Match", head.if_none_match},
                     {"Content-Type", head.method == "POST" ? "application/json" : ""},
                     {"X-Hearth-Resume", "1"}};
  const auto made = std::make_shared<Forward>(io_, replicas_, options_.forward, counts_, log_,
                                              std::move(request));
  HttpReply reply;
  reply.pending = std::make_shared<RelayedAnswer>(made->relay());
  net::co_spawn(
      io_, [made]() -> net::awaitable<void> { co_await made->run(); }, net::detached);
  return reply;
}

HttpReply Gateway::protocol_error(int status, std::string_view message, RequestContext& context) {
  if (context.id.empty()) context.id = request_id("");
  return error_reply(api_error(status, "bad_request", std::string(message)));
}

}  // namespace hearth::serve
