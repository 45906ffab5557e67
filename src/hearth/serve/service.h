// Service: the routes. Takes requests as values and gives answers as values; knows nothing of
// sockets, and the HTTP side knows nothing of JSON.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "hearth/engine/text_model.h"
#include "hearth/serve/access/gate.h"
#include "hearth/serve/engine_loop.h"
#include "hearth/serve/exchange.h"
#include "hearth/serve/metrics.h"
#include "hearth/serve/openai/write_reply.h"

namespace hearth::serve {

struct ServiceOptions {
  std::vector<std::string> model_names;  // the first is what replies say
  std::string version;
  ReasoningField reasoning_field = ReasoningField::reasoning_content;
  int64_t context = 4096;
  int64_t stream_buffer = 256 << 10;  // bytes of one stream that wait for a slow reader
};

// Thread-safe.
class Service {
 public:
  Service(const TextModel& model, EngineLoop& loop, Gate& gate, Metrics& metrics,
          ServiceOptions options);

  // Decides on the head alone; an answer means that the body is not read. Fills `context`.
  std::optional<HttpReply> refuse(const RequestHead& head, RequestContext& context);
  // Never throws: what goes wrong inside is a 500.
  HttpReply handle(const RequestHead& head, const RequestContext& context, std::string_view body);
  // An error of HTTP itself (a malformed or too large request), counted.
  HttpReply protocol_error(int status, std::string_view message, RequestContext& context);

 private:
  struct Route;
  static const Route* find_route(std::string_view path);
  static const std::vector<Route>& routes();

  std::optional<HttpReply> preflight(const RequestHead& head) const;
  HttpReply answer(const RequestHead& head, const RequestContext& context, std::string_view body);
  HttpReply chat(const RequestHead&, const RequestContext& context, std::string_view body);
  HttpReply complete(const RequestHead&, const RequestContext& context, std::string_view body);
  HttpReply generate(Endpoint endpoint, const RequestContext& context, std::string_view body);
  HttpReply models(const RequestHead& head, const RequestContext&, std::string_view);
  HttpReply tokenize(const RequestHead&, const RequestContext&, std::string_view body);
  HttpReply detokenize(const RequestHead&, const RequestContext&, std::string_view body);
  HttpReply health(const RequestHead&, const RequestContext&, std::string_view);
  HttpReply ready(const RequestHead&, const RequestContext&, std::string_view);
  HttpReply metrics(const RequestHead&, const RequestContext&, std::string_view);

  std::optional<ApiError> check_model(const std::string& name) const;
  ReplyHead head_of(const GenerationRequest& request, const RequestContext& context) const;

  std::optional<ApiError> make_grammar(const GenerationRequest& request, GenerationJob& job);

  const TextModel& model_;
  EngineLoop& loop_;
  Gate& gate_;
  Metrics& metrics_;
  const ServiceOptions options_;
  const int64_t created_;  // when the model was loaded
  std::once_flag grammars_made_;
  std::unique_ptr<GrammarCache> grammars_;  // made with the first grammar that is asked for
};

}  // namespace hearth::serve
