// See rpc_service.h.
#include "hearth/serve/grpc/rpc_service.h"

#include <hearth/v1/hearth.pb.h>

#include <ctime>
#include <exception>
#include <new>
#include <utility>

#include "hearth/files/outside_bytes.h"
#include "hearth/serve/grpc/read_messages.h"
#include "hearth/serve/grpc/reflection.h"
#include "hearth/serve/request_id.h"

namespace hearth::serve {

struct RpcService::Route {
  std::string_view method;
  Scope scope;
  bool limited;    // counts against the key's rates
  bool converses;  // its client may go on asking
  RpcReply (RpcService::*work)(const RpcHead&, const RequestContext&, std::string_view);
};

const std::vector<RpcService::Route>& RpcService::routes() {
  constexpr std::string_view kReflection =
      "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
  constexpr std::string_view kOlderReflection =
      "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
  static const std::vector<Route> table = {
      {"/hearth.v1.Hearth/Chat", Scope::generate, true, false, &RpcService::chat},
      {"/hearth.v1.Hearth/Generate", Scope::generate, true, false, &RpcService::generate},
      {"/hearth.v1.Hearth/Embed", Scope::generate, true, false, &RpcService::embed},
      {"/hearth.v1.Hearth/Tokenize", Scope::generate, true, false, &RpcService::tokenize},
      {"/hearth.v1.Hearth/ListModels", Scope::generate, false, false, &RpcService::list_models},
      {"/hearth.v1.Hearth/LoadAdapter", Scope::admin, true, false, &RpcService::load_adapter},
      {"/hearth.v1.Hearth/UnloadAdapter", Scope::admin, true, false, &RpcService::unload_adapter},
      {kReflection, Scope::generate, false, true, &RpcService::reflection},
      {kOlderReflection, Scope::generate, false, true, &RpcService::reflection},
  };
  return table;
}

const RpcService::Route* RpcService::find_route(std::string_view method) {
  for (const Route& route : routes()) {
    if (route.method == method) return &route;
  }
  return nullptr;
}

RpcService::RpcService(Admission& admission, Adapters& adapters, Gate& gate, Metrics& metrics,
                       const AuditTrail* audit, bool administers)
    : admission_(admission),
      adapters_(adapters),
      gate_(gate),
      metrics_(metrics),
      audit_(audit),
      administers_(administers),
      created_(std::time(nullptr)) {}

std::optional<ApiError> RpcService::refuse(const RpcHead& head, RequestContext& context) {
  context.id = request_id(head.request_id);
  const Route* route = find_route(head.method);
  if (route && route->scope == Scope::admin && !administers_) route = nullptr;
  if (route) context.route = route->method;
  const Scope scope = route ? route->scope : Scope::generate;
  std::optional<ApiError> error =
      gate_.check_key(bearer_key(head.authorization), scope, context.caller);
  if (!error && !route) {
    return api_error(501, "not_found", fmt::format("there is no `{}` here", excerpt(head.method)));
  }
  if (!error && route->limited && audit_) error = audit_->refuse();
  if (!error && route->limited) error = gate_.check_rate(context.caller);
  if (error) metrics_.rejected(error->code);
  return error;
}

bool RpcService::converses(std::string_view method) const {
  const Route* route = find_route(method);
  return route && route->converses;
}

RpcReply RpcService::handle(const RpcHead& head, const RequestContext& context,
                            std::string_view message) {
  RpcReply failed;
  try {
    const Route* route = find_route(head.method);
    CHECK(route != nullptr);
    return (this->*route->work)(head, context, message);
  } catch (const std::bad_alloc&) {
    failed.error = api_error(500, "internal", "there was no memory for this request");
  } catch (const std::exception&) {
    failed.error = api_error(500, "internal", "this request met an error inside the server");
  }
  return failed;
}

RpcReply RpcService::chat(const RpcHead& head, const RequestContext& context,
                          std::string_view message) {
  return answer(Endpoint::chat, head, context, message);
}

RpcReply RpcService::generate(const RpcHead& head, const RequestContext& context,
                              std::string_view message) {
  return answer(Endpoint::completion, head, context, message);
}

RpcReply RpcService::answer(Endpoint endpoint, const RpcHead& head, const RequestContext& context,
                            std::string_view message) {
  RpcReply reply;
  GenerationRequest request;
  const Tokenizer& tokenizer = admission_.model().tokenizer();
  reply.error = read_rpc_generation(endpoint, message, tokenizer.vocab_size(), request);
  if (reply.error) return reply;
  Admitted admitted;
  reply.error = admission_.admit(std::move(request), context.caller, head.deadline, admitted);
  if (reply.error) return reply;
  reply.stream = answer_stream(tokenizer, std::move(admitted.channel), admitted.choices,
                               std::move(admitted.guarded.vault), std::move(admitted.labeller));
  *context.facts = std::move(admitted.facts);
  return reply;
}

RpcReply RpcService::embed(const RpcHead& head, const RequestContext& context,
                           std::string_view message) {
  RpcReply reply;
  EmbeddingRequest request;
  const TextModel& model = admission_.model();
  reply.error = read_rpc_embeddings(message, model.tokenizer().vocab_size(),
                                    model.model().info().hidden_size, request);
  if (reply.error) return reply;
  Admitted admitted;
  reply.error = admission_.embed(std::move(request), context.caller, head.deadline, admitted);
  if (reply.error) return reply;
  *context.facts = std::move(admitted.facts);
  reply.stream =
      embedding_stream(context.facts->model, std::move(admitted.channel), admitted.choices);
  return reply;
}

RpcReply RpcService::tokenize(const RpcHead&, const RequestContext&, std::string_view message) {
  RpcReply reply;
  TokenizeRequest request;
  if ((reply.error = read_rpc_tokenize(message, request))) return reply;
  Prompt prompt;
  if ((reply.error = admission_.tokenize(request, prompt))) return reply;
  v1::TokenizeResponse out;
  out.mutable_tokens()->Add(prompt.ids.begin(), prompt.ids.end());
  if (request.with_pieces) {
    for (int32_t id : prompt.ids) {
      out.add_pieces(std::string(admission_.model().tokenizer().token_bytes(id)));
    }
  }
  out.set_max_model_len(admission_.context());
  reply.message = out.SerializeAsString();
  return reply;
}

RpcReply RpcService::list_models(const RpcHead&, const RequestContext&, std::string_view message) {
  RpcReply reply;
  v1::ListModelsRequest request;
  if ((reply.error = parse_message(message, request))) return reply;
  v1::ListModelsResponse out;
  for (const std::string& name : admission_.all_models()) {
    v1::Model& model = *out.add_models();
    model.set_id(name);
    model.set_created(created_);
    model.set_max_model_len(admission_.context());
  }
  reply.message = out.SerializeAsString();
  return reply;
}

RpcReply RpcService::load_adapter(const RpcHead&, const RequestContext&, std::string_view message) {
  RpcReply reply;
  v1::LoadAdapterRequest request;
  if ((reply.error = parse_message(message, request))) return reply;
  LoadedAdapter loaded;
  if ((reply.error = adapters_.load(request.name(), request.path(), loaded))) return reply;
  const AdapterFacts& facts = loaded.adapter->facts();
  v1::Adapter out;
  out.set_id(loaded.name);
  out.set_model(admission_.name() + ":" + loaded.name);
  out.set_created(loaded.created);
  out.set_format(facts.format);
  out.set_rank(facts.rank);
  out.set_parameters(facts.parameters);
  out.set_bytes(facts.bytes);
  reply.message = out.SerializeAsString();
  return reply;
}

RpcReply RpcService::unload_adapter(const RpcHead&, const RequestContext&,
                                    std::string_view message) {
  RpcReply reply;
  v1::UnloadAdapterRequest request;
  if ((reply.error = parse_message(message, request))) return reply;
  if ((reply.error = adapters_.unload(request.name()))) return reply;
  reply.message = v1::UnloadAdapterResponse().SerializeAsString();
  return reply;
}

RpcReply RpcService::reflection(const RpcHead&, const RequestContext&, std::string_view message) {
  RpcReply reply;
  reply.error = reflect(message, reply.message);
  return reply;
}

}  // namespace hearth::serve
