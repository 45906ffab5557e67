// See service.h.
#include "hearth/serve/service.h"

#include <ctime>
#include <exception>
#include <nlohmann/json.hpp>
#include <utility>

#include "hearth/files/outside_bytes.h"
#include "hearth/serve/completions.h"
#include "hearth/serve/machine_state.h"
#include "hearth/serve/openai/read_request.h"
#include "hearth/serve/request_id.h"
#include "hearth/serve/request_timeout.h"
#include "hearth/serve/web/page.h"
#include "hearth/serve/word.h"

namespace hearth::serve {
namespace {

constexpr size_t kKeywordMax = 64;  // bytes of one that a header names

std::string_view presented_key(const RequestHead& head) {
  const std::string_view key = bearer_key(head.authorization);
  return key.empty() ? head.x_api_key : key;
}

// What /health tells beyond a word is for whoever has a key.
bool is_verbose(const RequestHead& head) {
  return head.target == "/health?verbose";
}

// Schemas that calls are not held to, as `tools.NAME.KEYWORD`.
void note_loose_tools(const std::vector<LooseTool>& tools, std::vector<std::string>& ignored) {
  for (const LooseTool& tool : tools) {
    const bool named = is_word(tool.keyword, kKeywordMax);
    ignored.push_back("tools." + tool.name + (named ? "." + tool.keyword : ""));
  }
}

// Probes may ask at either port; what they tell beyond a word is for who watches the server.
bool is_served(const RequestHead& head, Scope scope) {
  if (head.listener == Listener::all) return true;
  const bool probe = head.path() == "/health" || head.path() == "/ready";
  const bool administers = scope != Scope::generate || is_verbose(head);
  if (head.listener == Listener::admin) return administers || probe;
  return !administers;
}

}  // namespace

struct Service::Route {
  std::string_view path;
  std::string_view method;
  Scope scope;
  bool open;     // also without a key
  bool limited;  // counts against the key's rates
  HttpReply (Service::*work)(const RequestHead&, const RequestContext&, std::string_view);
};

const std::vector<Service::Route>& Service::routes() {
  static const std::vector<Route> table = {
      {"/v1/chat/completions", "POST", Scope::generate, false, true, &Service::chat},
      {"/v1/completions", "POST", Scope::generate, false, true, &Service::complete},
      {"/v1/resume", "POST", Scope::generate, false, true, &Service::resume},
      {"/v1/embeddings", "POST", Scope::generate, false, true, &Service::embed},
      {"/v1/models", "GET", Scope::generate, false, false, &Service::models},
      {"/v1/adapters", "GET", Scope::admin, false, false, &Service::list_adapters},
      {"/v1/adapters", "POST", Scope::admin, false, true, &Service::load_adapter},
      {"/v1/adapters/", "DELETE", Scope::admin, false, true, &Service::unload_adapter},
      {"/tokenize", "POST", Scope::generate, false, true, &Service::tokenize},
      {"/detokenize", "POST", Scope::generate, false, true, &Service::detokenize},
      {"/v1/watermark/detect", "POST", Scope::generate, false, true, &Service::detect_watermark},
      {"/", "GET", Scope::generate, true, false, &Service::page},
      {"/health", "GET", Scope::generate, true, false, &Service::health},
      {"/ready", "GET", Scope::generate, true, false, &Service::ready},
      {"/metrics", "GET", Scope::metrics, false, false, &Service::metrics},
  };
  return table;
}

std::vector<Service::RouteFacts> Service::route_facts() {
  std::vector<RouteFacts> out;
  for (const Route& r : routes()) out.push_back({r.path, r.method, r.scope, r.open});
  return out;
}

// The route of a path; one of another method where none has this one.
const Service::Route* Service::find_route(const RequestHead& head) {
  std::string_view path = head.path();
  if (path.starts_with("/v1/models/")) path = "/v1/models";
  if (path.starts_with("/v1/adapters/")) path = "/v1/adapters/";
  if (is_page_path(path)) path = "/";
  const Route* found = nullptr;
  for (const Route& route : routes()) {
    if (!is_served(head, route.scope)) continue;
    if (route.path == path && (!found || route.method == head.method)) found = &route;
  }
  return found;
}

std::string Service::methods_of(const Route& like) {
  std::string out;
  for (const Route& route : routes()) {
    if (route.path == like.path) out += (out.empty() ? "" : ", ") + std::string(route.method);
  }
  return out;
}

Service::Service(Admission& admission, EngineLoop& loop, Adapters& adapters, Gate& gate,
                 Metrics& metrics, ServiceOptions options)
    : admission_(admission),
      model_(admission.model()),
      loop_(loop),
      adapters_(adapters),
      gate_(gate),
      metrics_(metrics),
      options_(std::move(options)),
      created_(std::time(nullptr)) {}

std::optional<HttpReply> Service::preflight(const RequestHead& head) const {
  if (head.method != "OPTIONS" || !gate_.allows_cors(head.origin)) return std::nullopt;
  HttpReply reply;
  reply.status = 204;
  reply.headers = {{"Access-Control-Allow-Methods", "GET, POST, DELETE"},
                   {"Access-Control-Allow-Headers",
                    "authorization, content-type, x-request-id, x-request-timeout"},
                   {"Access-Control-Max-Age", "600"}};
  return reply;
}

std::optional<HttpReply> Service::refuse(const RequestHead& head, RequestContext& context) {
  context.id = request_id(head.request_id);
  context.resumable = head.resume == "1";
  if (!head.target.starts_with('/')) {
    return error_reply(bad_field("", "bad_target", "expected a path that begins with `/`"));
  }
  if (auto error = gate_.check_host(head.host)) return error_reply(*error);
  if (auto error = gate_.check_origin(head.origin, head.host)) return error_reply(*error);
  if (auto reply = preflight(head)) return reply;
  const Route* route = find_route(head);
  if (route) context.route = route->path;
  context.open = route && route->open && !is_verbose(head);
  if (!context.open) {
    const Scope own = route ? route->scope : Scope::generate;
    const Scope scope = is_verbose(head) ? Scope::metrics : own;
    if (auto error = gate_.check_key(presented_key(head), scope, context.caller)) {
      metrics_.rejected(error->code);
      return error_reply(*error);
    }
  }
  if (!route) {
    return error_reply(
        api_error(404, "not_found", fmt::format("there is no `{}` here", excerpt(head.path()))));
  }
  if (head.method != route->method) {
    const std::string methods = methods_of(*route);
    HttpReply reply = error_reply(api_error(
        405, "method_not_allowed",
        fmt::format("{}: expected {}, found {}", route->path, methods, excerpt(head.method, 20))));
    reply.headers.emplace_back("Allow", methods);
    return reply;
  }
  if (auto error = read_request_timeout(head.request_timeout, context.deadline)) {
    return error_reply(*error);
  }
  if (!route->limited) return std::nullopt;
  if (auto error = options_.audit ? options_.audit->refuse() : std::nullopt) {
    metrics_.rejected(error->code);
    return error_reply(*error);
  }
  if (auto limit = gate_.check_rate(context.caller)) {
    metrics_.rejected(limit->code);
    return error_reply(*limit);
  }
  return std::nullopt;
}

// The last wall: an exception of a library (no memory, above all) costs its own request only.
HttpReply Service::handle(const RequestHead& head, const RequestContext& context,
                          std::string_view body) {
  try {
    return answer(head, context, body);
  } catch (const std::bad_alloc&) {
    return error_reply(api_error(500, "internal", "there was no memory for this request"));
  } catch (const std::exception&) {
    return error_reply(api_error(500, "internal", "this request met an error inside the server"));
  }
}

HttpReply Service::answer(const RequestHead& head, const RequestContext& context,
                          std::string_view body) {
  const Route* route = find_route(head);
  CHECK(route != nullptr);
  return (this->*route->work)(head, context, body);
}

HttpReply Service::protocol_error(int status, std::string_view message, RequestContext& context) {
  if (context.id.empty()) context.id = request_id("");
  metrics_.rejected("protocol");
  return error_reply(api_error(status, "bad_request", std::string(message)));
}

ReplyHead Service::head_of(const GenerationRequest& request, const RequestContext& context) const {
  ReplyHead head;
  head.endpoint = request.endpoint;
  head.id = (request.endpoint == Endpoint::chat ? "chatcmpl-" : "cmpl-") + context.id;
  head.created = std::time(nullptr);
  head.fingerprint = "hearth-" + options_.version;
  head.field = options_.reasoning_field;
  head.include_usage = request.include_usage;
  head.logprobs = request.logprobs;
  head.top_logprobs = request.top_logprobs > 0;
  return head;
}

HttpReply Service::chat(const RequestHead&, const RequestContext& context, std::string_view body) {
  return generate(Endpoint::chat, context, body);
}

HttpReply Service::complete(const RequestHead&, const RequestContext& context,
                            std::string_view body) {
  return generate(Endpoint::completion, context, body);
}

// A line that says what was answered (resume/resume_state.h), then the request as it was.
HttpReply Service::resume(const RequestHead&, const RequestContext& context,
                          std::string_view body) {
  if (admission_.resume().key.empty()) {
    return error_reply(api_error(404, "not_found", "this server resumes no answers"));
  }
  const size_t end = std::min(body.find('\n'), body.size());
  auto resumed = read_resumed(body.substr(0, end), admission_.resume().key);
  if (!resumed) return error_reply(api_error(400, "bad_state", resumed.status().message()));
  body.remove_prefix(std::min(end + 1, body.size()));
  const Endpoint endpoint = resumed->state.endpoint;
  return generate(endpoint, context, body, *std::move(resumed));
}

// Variables that this model's template doesn't know: they are ignored, and that is said.
void Service::note_unknown_variables(GenerationRequest& request) const {
  const ChatTemplate* chat_template = model_.chat_template();
  if (!chat_template || !request.chat.extra.is_object()) return;
  for (const auto& [name, value] : request.chat.extra.items()) {
    if (!chat_template->names(name)) request.ignored.push_back(name);
  }
}

HttpReply Service::generate(Endpoint endpoint, const RequestContext& context, std::string_view body,
                            std::optional<ResumedAnswer> resumed) {
  GenerationRequest request;
  const int64_t vocab = model_.tokenizer().vocab_size();
  if (auto error = read_generation(endpoint, body, vocab, request)) return error_reply(*error);
  note_unknown_variables(request);
  std::vector<std::string> ignored = request.ignored;
  ReplyHead head = head_of(request, context);
  const bool stream = request.stream;
  Admitted admitted;
  const ResumeAsk ask{hash_of_text(body), std::move(resumed)};
  const ResumeAsk* const asked = context.resumable || ask.resumed ? &ask : nullptr;
  if (auto error =
          admission_.admit(std::move(request), context.caller, context.deadline, admitted, asked)) {
    return error_reply(*error);
  }
  note_loose_tools(admitted.loose_tools, ignored);
  auto headers = warning_headers(ignored);
  if (admitted.resume) {
    head.created = admitted.resume->state.created;
    headers.emplace_back("X-Hearth-Resume", "1");
  }
  head.model = admitted.facts.model;
  head.label = admitted.facts.label;
  if (head.label) headers.emplace_back("X-AIGC", label::aigc_header(*head.label));
  const GuardedRequest& guarded = admitted.guarded;
  if (!guarded.found.empty()) headers.emplace_back("X-Hearth-Personal-Data", guarded.summary());
  const std::string& mark = admitted.facts.watermark_key;
  if (!mark.empty()) headers.emplace_back("X-Hearth-Watermark", mark);
  *context.facts = std::move(admitted.facts);
  HttpReply reply;
  reply.pending = pending_completion(model_.tokenizer(), std::move(head), stream,
                                     std::move(headers), std::move(admitted));
  return reply;
}

HttpReply Service::models(const RequestHead& head, const RequestContext&, std::string_view) {
  std::string_view path = head.path();
  constexpr std::string_view kList = "/v1/models";
  const std::string name(path.substr(std::min(path.size(), kList.size() + 1)));
  if (name.empty()) {
    return json_reply(models_json(admission_.all_models(), created_, admission_.context()));
  }
  if (auto error = admission_.check_model(name)) return error_reply(*error);
  return json_reply(model_json(name, created_, admission_.context()));
}

HttpReply Service::tokenize(const RequestHead&, const RequestContext&, std::string_view body) {
  TokenizeRequest request;
  if (auto error = read_tokenize(body, request)) return error_reply(*error);
  Prompt prompt;
  if (auto error = admission_.tokenize(request, prompt)) return error_reply(*error);
  return json_reply(
      tokens_json(prompt.ids, admission_.context(), request.with_pieces, model_.tokenizer()),
      request.ignored);
}

HttpReply Service::detokenize(const RequestHead&, const RequestContext&, std::string_view body) {
  DetokenizeRequest request;
  const int64_t vocab = model_.tokenizer().vocab_size();
  if (auto error = read_detokenize(body, vocab, request)) return error_reply(*error);
  if (auto error = admission_.check_model(request.model)) return error_reply(*error);
  return json_reply(text_json(model_.tokenizer().decode(request.tokens, false)), request.ignored);
}

HttpReply Service::page(const RequestHead& head, const RequestContext&, std::string_view) {
  return page_reply(head.path(), head.if_none_match);
}

// Whoever asks learns that the process lives; what it holds and how it fares, who may read its
// metrics.
HttpReply Service::health(const RequestHead& head, const RequestContext&, std::string_view) {
  if (!is_verbose(head)) return json_reply(status_json("ok"));
  return json_reply(health_json(loop_.ready(), options_.machine, options_.memory));
}

HttpReply Service::ready(const RequestHead&, const RequestContext&, std::string_view) {
  if (const auto why_not = loop_.why_not_ready()) return error_reply(*why_not);
  return json_reply(status_json("ready"));
}

HttpReply Service::metrics(const RequestHead&, const RequestContext&, std::string_view) {
  if (options_.machine) metrics_.machine(options_.machine->state());
  HttpReply reply;
  reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
  reply.body = metrics_.text();
  return reply;
}

}  // namespace hearth::serve
