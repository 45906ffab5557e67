// Service: the routes. Takes requests as values and gives answers as values; knows nothing of
// sockets, and the HTTP side knows nothing of JSON.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "hearth/serve/adapters.h"
#include "hearth/serve/admission.h"
#include "hearth/serve/audit_trail.h"
#include "hearth/serve/exchange.h"
#include "hearth/serve/memory_budget.h"
#include "hearth/serve/metrics.h"
#include "hearth/serve/openai/write_reply.h"
#include "hearth/serve/personal_data.h"

namespace hearth::serve {

struct ServiceOptions {
  std::string version;
  ReasoningField reasoning_field = ReasoningField::reasoning_content;
  const AuditTrail* audit = nullptr;      // null: no audit log
  const MachineWatch* machine = nullptr;  // as LoopOptions has it
  MemoryBudget memory;                    // as /health?verbose tells it
};

// Thread-safe; all that it is given must outlive it.
class Service : public HttpHandler {
 public:
  Service(Admission& admission, EngineLoop& loop, Adapters& adapters, Gate& gate, Metrics& metrics,
          ServiceOptions options);

  std::optional<HttpReply> refuse(const RequestHead& head, RequestContext& context) override;
  HttpReply handle(const RequestHead& head, const RequestContext& context,
                   std::string_view body) override;
  HttpReply protocol_error(int status, std::string_view message, RequestContext& context) override;
  void drain() override { loop_.drain(); }
  int64_t running() const override { return loop_.live(); }
  void count_response(int status) override { metrics_.response(status); }
  void count_connections(int64_t open) override { metrics_.connections(open); }
  void count_refused_connection() override { metrics_.rejected("connections"); }

  // All that there is, for tests that must miss none. A path that ends in / has a name behind it.
  struct RouteFacts {
    std::string_view path, method;
    Scope scope;
    bool open;  // also without a key
  };
  static std::vector<RouteFacts> route_facts();

 private:
  struct Route;
  static const Route* find_route(const RequestHead& head);
  static std::string methods_of(const Route& route);
  static const std::vector<Route>& routes();

  std::optional<HttpReply> preflight(const RequestHead& head) const;
  HttpReply answer(const RequestHead& head, const RequestContext& context, std::string_view body);
  HttpReply chat(const RequestHead&, const RequestContext& context, std::string_view body);
  HttpReply complete(const RequestHead&, const RequestContext& context, std::string_view body);
  HttpReply resume(const RequestHead&, const RequestContext& context, std::string_view body);
  void note_unknown_variables(GenerationRequest& request) const;
  HttpReply generate(Endpoint endpoint, const RequestContext& context, std::string_view body,
                     std::optional<ResumedAnswer> resumed = std::nullopt);
  HttpReply embed(const RequestHead&, const RequestContext& context, std::string_view body);
  HttpReply models(const RequestHead& head, const RequestContext&, std::string_view);
  HttpReply tokenize(const RequestHead&, const RequestContext&, std::string_view body);
  HttpReply detokenize(const RequestHead&, const RequestContext&, std::string_view body);
  HttpReply detect_watermark(const RequestHead&, const RequestContext& context,
                             std::string_view body);
  HttpReply page(const RequestHead& head, const RequestContext&, std::string_view);
  HttpReply health(const RequestHead& head, const RequestContext&, std::string_view);
  HttpReply ready(const RequestHead&, const RequestContext&, std::string_view);
  HttpReply metrics(const RequestHead&, const RequestContext&, std::string_view);

  HttpReply list_adapters(const RequestHead&, const RequestContext&, std::string_view);
  HttpReply load_adapter(const RequestHead&, const RequestContext&, std::string_view body);
  HttpReply unload_adapter(const RequestHead& head, const RequestContext&, std::string_view);

  // All but the model, which admission finds.
  ReplyHead head_of(const GenerationRequest& request, const RequestContext& context) const;

  Admission& admission_;
  const TextModel& model_;
  EngineLoop& loop_;
  Adapters& adapters_;
  Gate& gate_;
  Metrics& metrics_;
  const ServiceOptions options_;
  const int64_t created_;  // when the model was loaded
};

}  // namespace hearth::serve
