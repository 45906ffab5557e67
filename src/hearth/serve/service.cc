// See service.h.
#include "hearth/serve/service.h"

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <exception>
#include <utility>

#include "hearth/files/outside_bytes.h"
#include "hearth/serve/completions.h"
#include "hearth/serve/openai/read_request.h"

namespace hearth::serve {
namespace {

constexpr size_t kRequestIdMax = 128;
constexpr size_t kIgnoredShown = 16;
constexpr int64_t kWholeReplyMax = int64_t{256} << 20;  // a reply that is not streamed

bool is_word(std::string_view text, size_t bytes_max) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  return !text.empty() && text.size() <= bytes_max && std::all_of(text.begin(), text.end(), good);
}

std::string random_id() {
  std::array<unsigned char, 12> bytes;
  CHECK_EQ(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())), 1);
  std::string out;
  for (unsigned char b : bytes) out += fmt::format("{:02x}", b);
  return out;
}

std::string_view presented_key(const RequestHead& head) {
  constexpr std::string_view kBearer = "Bearer ";
  const std::string_view given = head.authorization;
  if (given.starts_with(kBearer)) return given.substr(kBearer.size());
  return head.x_api_key;
}

HttpReply json_reply(std::string body, int status = 200) {
  HttpReply reply;
  reply.status = status;
  reply.body = std::move(body);
  return reply;
}

// Names that came with the request go into a header: only words may.
std::vector<std::pair<std::string, std::string>> warning_headers(
    const std::vector<std::string>& ignored) {
  std::string names;
  size_t shown = 0;
  for (const std::string& name : ignored) {
    if (!is_word(name, 64) || shown++ == kIgnoredShown) continue;
    names += (names.empty() ? "" : ",") + name;
  }
  if (ignored.empty()) return {};
  return {{"X-Hearth-Ignored", names.empty() ? "unnamed" : names}};
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
      {"/v1/models", "GET", Scope::generate, false, false, &Service::models},
      {"/tokenize", "POST", Scope::generate, false, true, &Service::tokenize},
      {"/detokenize", "POST", Scope::generate, false, true, &Service::detokenize},
      {"/health", "GET", Scope::generate, true, false, &Service::health},
      {"/ready", "GET", Scope::generate, false, false, &Service::ready},
      {"/metrics", "GET", Scope::metrics, false, false, &Service::metrics},
  };
  return table;
}

const Service::Route* Service::find_route(std::string_view path) {
  if (path.starts_with("/v1/models/")) path = "/v1/models";
  for (const Route& route : routes()) {
    if (route.path == path) return &route;
  }
  return nullptr;
}

Service::Service(const TextModel& model, EngineLoop& loop, Gate& gate, Metrics& metrics,
                 ServiceOptions options)
    : model_(model),
      loop_(loop),
      gate_(gate),
      metrics_(metrics),
      options_(std::move(options)),
      created_(std::time(nullptr)) {
  CHECK(!options_.model_names.empty());
}

std::optional<HttpReply> Service::preflight(const RequestHead& head) const {
  if (head.method != "OPTIONS" || !gate_.allows_cors(head.origin)) return std::nullopt;
  HttpReply reply;
  reply.status = 204;
  reply.headers = {{"Access-Control-Allow-Methods", "GET, POST"},
                   {"Access-Control-Allow-Headers", "authorization, content-type, x-request-id"},
                   {"Access-Control-Max-Age", "600"}};
  return reply;
}

std::optional<HttpReply> Service::refuse(const RequestHead& head, RequestContext& context) {
  context.id = is_word(head.request_id, kRequestIdMax) ? head.request_id : "req-" + random_id();
  if (!head.target.starts_with('/')) {
    return error_reply(bad_field("", "bad_target", "expected a path that begins with `/`"));
  }
  if (auto error = gate_.check_host(head.host)) return error_reply(*error);
  if (auto error = gate_.check_origin(head.origin, head.host)) return error_reply(*error);
  if (auto reply = preflight(head)) return reply;
  const Route* route = find_route(head.path());
  if (!route || !route->open) {
    const Scope scope = route ? route->scope : Scope::generate;
    if (auto error = gate_.check_key(presented_key(head), scope, context.caller)) {
      metrics_.rejected(error->code);
      return error_reply(*error);
    }
  }
  ApiError error;
  if (!route) {
    error.status = 404;
    error.message = fmt::format("there is no `{}` here", excerpt(head.path()));
    error.code = "not_found";
    return error_reply(error);
  }
  if (head.method != route->method) {
    error.status = 405;
    error.message = fmt::format("{}: expected {}, found {}", route->path, route->method,
                                excerpt(head.method, 20));
    error.code = "method_not_allowed";
    HttpReply reply = error_reply(error);
    reply.headers.emplace_back("Allow", std::string(route->method));
    return reply;
  }
  if (!route->limited) return std::nullopt;
  if (auto limit = gate_.check_rate(context.caller)) {
    metrics_.rejected(limit->code);
    return error_reply(*limit);
  }
  return std::nullopt;
}

// The last wall: an exception of a library (no memory, above all) costs its own request only.
HttpReply Service::handle(const RequestHead& head, const RequestContext& context,
                          std::string_view body) {
  ApiError error;
  error.code = "internal";
  try {
    return answer(head, context, body);
  } catch (const std::bad_alloc&) {
    error.message = "there was no memory for this request";
  } catch (const std::exception&) {
    error.message = "this request met an error inside the server";
  }
  return error_reply(error);
}

HttpReply Service::answer(const RequestHead& head, const RequestContext& context,
                          std::string_view body) {
  const Route* route = find_route(head.path());
  CHECK(route != nullptr);
  return (this->*route->work)(head, context, body);
}

HttpReply Service::protocol_error(int status, std::string_view message, RequestContext& context) {
  if (context.id.empty()) context.id = "req-" + random_id();
  ApiError error;
  error.status = status;
  error.message = std::string(message);
  error.code = "bad_request";
  metrics_.rejected("protocol");
  return error_reply(error);
}

std::optional<ApiError> Service::check_model(const std::string& name) const {
  const auto& names = options_.model_names;
  if (name.empty() || std::find(names.begin(), names.end(), name) != names.end()) {
    return std::nullopt;
  }
  ApiError error;
  error.status = 404;
  error.message = fmt::format("`model`: expected `{}`, found `{}`", names[0], excerpt(name));
  error.param = "model";
  error.code = "model_not_found";
  return error;
}

ReplyHead Service::head_of(const GenerationRequest& request, const RequestContext& context) const {
  ReplyHead head;
  head.endpoint = request.endpoint;
  head.id = (request.endpoint == Endpoint::chat ? "chatcmpl-" : "cmpl-") + context.id;
  head.created = std::time(nullptr);
  head.model = options_.model_names[0];
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

// A format that can't be kept is refused before anything runs, by the name of its field.
std::optional<ApiError> Service::make_grammar(const GenerationRequest& request,
                                              GenerationJob& job) {
  if (request.format.kind == OutputFormat::Kind::text) return std::nullopt;
  std::call_once(grammars_made_, [this] {
    grammars_ = std::make_unique<GrammarCache>(model_.constraint_vocabulary().tokens());
  });
  auto grammar = grammars_->get(request.format, job.tenant);
  if (grammar) {
    job.grammar = *std::move(grammar);
    return std::nullopt;
  }
  const Status& why = grammar.status();
  return bad_field(request.format_field, std::string(code_name(why.code())),
                   fmt::format("`{}`: {}", request.format_field, why.message()));
}

HttpReply Service::generate(Endpoint endpoint, const RequestContext& context,
                            std::string_view body) {
  GenerationRequest request;
  const int64_t vocab = model_.tokenizer().vocab_size();
  if (auto error = read_generation(endpoint, body, vocab, request)) return error_reply(*error);
  if (auto error = check_model(request.model)) return error_reply(*error);
  std::vector<Prompt> prompts;
  if (auto error = make_prompts(model_, request, options_.context, prompts)) {
    return error_reply(*error);
  }
  std::vector<std::string> echo;
  for (const Prompt& prompt : prompts) {
    if (!request.echo) break;
    for (int64_t i = 0; i < request.n; ++i) {
      echo.push_back(model_.tokenizer().decode(prompt.ids, true));
    }
  }
  GenerationJob job = make_job(model_, request, options_.context, std::move(prompts));
  const int64_t choices = job.choices();
  const int64_t buffer = request.stream ? options_.stream_buffer * choices : kWholeReplyMax;
  job.channel = std::make_shared<AnswerChannel>(request.stream, buffer);
  // The names of keys are few and the owner's own; without keys all are one tenant.
  job.tenant = context.caller.name.empty() ? 0 : std::hash<std::string>()(context.caller.name);
  if (auto error = make_grammar(request, job)) return error_reply(*error);
  job.on_end = [&gate = gate_, caller = context.caller](const Usage& usage) {
    gate.spend_tokens(caller, usage.prompt_tokens + usage.completion_tokens);
  };
  HttpReply reply;
  reply.pending =
      pending_completion(model_.tokenizer(), head_of(request, context), request.stream,
                         std::move(echo), warning_headers(request.ignored), job.channel, choices);
  if (auto error = loop_.submit(std::move(job))) {
    metrics_.rejected(error->code);
    return error_reply(*error);
  }
  return reply;
}

HttpReply Service::models(const RequestHead& head, const RequestContext&, std::string_view) {
  std::string_view path = head.path();
  constexpr std::string_view kList = "/v1/models";
  if (path == kList) {
    return json_reply(models_json(options_.model_names, created_, options_.context));
  }
  const std::string name(path.substr(kList.size() + 1));
  if (name.empty())
    return json_reply(models_json(options_.model_names, created_, options_.context));
  if (auto error = check_model(name)) return error_reply(*error);
  return json_reply(model_json(name, created_, options_.context));
}

HttpReply Service::tokenize(const RequestHead&, const RequestContext&, std::string_view body) {
  TokenizeRequest request;
  if (auto error = read_tokenize(body, request)) return error_reply(*error);
  if (auto error = check_model(request.model)) return error_reply(*error);
  Prompt prompt;
  if (request.messages) {
    ChatRequest chat;
    chat.messages = *std::move(request.messages);
    auto made = model_.chat(chat);
    if (!made) return error_reply(error_of(made.status(), "messages"));
    prompt = *std::move(made);
  } else {
    prompt = model_.plain(request.text, !request.add_special);
  }
  return json_reply(
      tokens_json(prompt.ids, options_.context, request.with_pieces, model_.tokenizer()));
}

HttpReply Service::detokenize(const RequestHead&, const RequestContext&, std::string_view body) {
  DetokenizeRequest request;
  const int64_t vocab = model_.tokenizer().vocab_size();
  if (auto error = read_detokenize(body, vocab, request)) return error_reply(*error);
  if (auto error = check_model(request.model)) return error_reply(*error);
  return json_reply(text_json(model_.tokenizer().decode(request.tokens, false)));
}

HttpReply Service::health(const RequestHead&, const RequestContext&, std::string_view) {
  return json_reply(status_json("ok"));
}

HttpReply Service::ready(const RequestHead&, const RequestContext&, std::string_view) {
  if (loop_.ready()) return json_reply(status_json("ready"));
  ApiError error;
  error.status = 503;
  error.code = "not_ready";
  error.message =
      loop_.draining() ? "the server is shutting down" : "no forward pass has succeeded lately";
  error.retry_after = 5;
  return error_reply(error);
}

HttpReply Service::metrics(const RequestHead&, const RequestContext&, std::string_view) {
  HttpReply reply;
  reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
  reply.body = metrics_.text();
  return reply;
}

}  // namespace hearth::serve
