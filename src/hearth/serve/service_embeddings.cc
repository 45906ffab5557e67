// The route of embeddings.
#include "hearth/serve/completions.h"
#include "hearth/serve/embeddings.h"
#include "hearth/serve/service.h"

namespace hearth::serve {

HttpReply Service::embed(const RequestHead&, const RequestContext& context, std::string_view body) {
  EmbeddingRequest request;
  const int64_t vocab = model_.tokenizer().vocab_size();
  const int64_t width = model_.model().info().hidden_size;
  if (auto error = read_embeddings(body, vocab, width, request)) return error_reply(*error);
  const bool base64 = request.base64;
  auto headers = warning_headers(request.ignored);
  Admitted admitted;
  if (auto error =
          admission_.embed(std::move(request), context.caller, context.deadline, admitted)) {
    return error_reply(*error);
  }
  *context.facts = std::move(admitted.facts);
  const GuardedRequest& guarded = admitted.guarded;
  if (!guarded.found.empty()) headers.emplace_back("X-Hearth-Personal-Data", guarded.summary());
  HttpReply reply;
  reply.pending = pending_embeddings(context.facts->model, base64, std::move(headers),
                                     std::move(admitted.channel), admitted.choices);
  return reply;
}

}  // namespace hearth::serve
