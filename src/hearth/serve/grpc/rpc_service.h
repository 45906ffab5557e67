// RpcService: the methods, by name. Takes the bytes of messages and gives bytes; knows nothing of
// grpc++, which in turn knows nothing of the messages. Keys, rates and admission are those of HTTP.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/serve/adapters.h"
#include "hearth/serve/admission.h"
#include "hearth/serve/audit_trail.h"
#include "hearth/serve/exchange.h"
#include "hearth/serve/grpc/rpc_stream.h"

namespace hearth::serve {

// What is known of a call before its first message.
struct RpcHead {
  std::string method;  // "/hearth.v1.Hearth/Chat"
  std::string authorization, request_id;
  std::optional<std::chrono::steady_clock::time_point> deadline;
};

// The answer to one message: an error ends the call.
struct RpcReply {
  std::optional<ApiError> error;
  std::string message;
  std::shared_ptr<RpcStream>
      stream;  // set: the answer comes over time, and `message` means nothing
};

// Thread-safe; all that it is given must outlive it.
class RpcService {
 public:
  // `audit`: null where there is no audit log. Not `administers`: what needs the scope admin is
  // offered elsewhere.
  RpcService(Admission& admission, Adapters& adapters, Gate& gate, Metrics& metrics,
             const AuditTrail* audit = nullptr, bool administers = true);

  // Decides on the head alone; an error means that no message is read. Fills `context`.
  std::optional<ApiError> refuse(const RpcHead& head, RequestContext& context);
  // Whether a client of the method may send more messages after its first.
  bool converses(std::string_view method) const;
  // Never throws: what goes wrong inside is a 500.
  RpcReply handle(const RpcHead& head, const RequestContext& context, std::string_view message);

 private:
  struct Route;
  static const std::vector<Route>& routes();
  static const Route* find_route(std::string_view method);

  using Work = RpcReply(const RpcHead&, const RequestContext&, std::string_view);
  Work chat, generate, embed, tokenize, list_models, load_adapter, unload_adapter, reflection;
  RpcReply answer(Endpoint endpoint, const RpcHead& head, const RequestContext& context,
                  std::string_view message);

  Admission& admission_;
  Adapters& adapters_;
  Gate& gate_;
  Metrics& metrics_;
  const AuditTrail* const audit_;
  const bool administers_;
  const int64_t created_;  // when the model was loaded
};

}  // namespace hearth::serve
