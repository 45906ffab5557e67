// See audit_trail.h.
#include "hearth/serve/audit_trail.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace hearth::serve {
namespace {

// A refusal was never admitted; what was admitted and ended in an error failed.
audit::State state_of(const RequestRecord& r) {
  const bool admitted = r.facts && !r.facts->model.empty();
  if (r.reason.empty()) return audit::State::complete;
  if (r.reason == "disconnected") return audit::State::cancelled;
  if (!admitted) return audit::State::refused;
  const bool cut = r.reason == "too_slow" || r.reason == "shutting_down";
  return cut ? audit::State::cancelled : audit::State::failed;
}

// HTTP's own; any other is a client's own word, and stays out of what is never sealed.
bool is_known_method(std::string_view method) {
  constexpr std::array<std::string_view, 7> kKnown = {"GET",     "POST", "DELETE", "HEAD",
                                                      "OPTIONS", "PUT",  "PATCH"};
  return std::ranges::find(kKnown, method) != kKnown.end();
}

audit::Event event_of(const RequestRecord& r, const std::string& model_hash) {
  audit::Event out;
  const bool rpc = r.method == "gRPC";
  out.protocol = rpc ? "grpc" : "http";
  out.route = r.route;
  if (is_known_method(r.method)) out.method = r.method;
  out.key_id = r.key_id;
  out.state = state_of(r);
  out.status = r.status;
  out.reason = r.reason;
  out.milliseconds = r.milliseconds;
  out.key_name = r.caller;
  out.request_id = r.id;
  if (!r.facts || r.facts->model.empty()) return out;
  const RequestFacts& facts = *r.facts;
  out.model = facts.model;
  out.model_hash = model_hash;
  out.adapter_hash = facts.adapter_hash;
  out.prompt_tokens = r.usage.prompt_tokens;
  out.completion_tokens = r.usage.completion_tokens;
  out.cached_tokens = r.usage.cached_tokens;
  out.personal_data_mode = pii::mode_name(facts.personal_data_mode);
  for (const auto& [type, count] : facts.personal_data) {
    out.personal_data.emplace_back(pii::type_name(type), count);
  }
  out.watermark_key = facts.watermark_key;
  if (facts.label) out.label = facts.label->produce_id;
  out.user = facts.user;
  out.text = facts.text;
  return out;
}

ApiError unavailable() {
  return api_error(503, "audit_unavailable",
                   "the audit log can't be written, and nothing is answered without it", 5);
}

}  // namespace

std::optional<ApiError> AuditTrail::refuse() const {
  if (!policy_.required || log_.ready()) return std::nullopt;
  return unavailable();
}

std::optional<ApiError> AuditTrail::record(const RequestRecord& record) {
  const Status status = log_.append(event_of(record, policy_.model_hash));
  metrics_.audit_event(status.is_ok());
  if (status.is_ok()) return std::nullopt;
  request_log_.event("error", "an event is lost: " + status.message());
  return policy_.required ? std::optional(unavailable()) : std::nullopt;
}

}  // namespace hearth::serve
