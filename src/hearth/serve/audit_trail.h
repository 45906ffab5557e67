// AuditTrail: the server's side of the audit log: turns what is known of an ended request into an
// event, and says whether requests may be taken while the log can't be written.
#pragma once

#include <optional>
#include <string>

#include "hearth/guard/audit/audit_log.h"
#include "hearth/serve/api_error.h"
#include "hearth/serve/metrics.h"
#include "hearth/serve/request_log.h"

namespace hearth::serve {

struct AuditPolicy {
  bool required = false;   // no request is worked on while the log can't be written
  std::string model_hash;  // SHA-256 over the files of the model
};

// Thread-safe; all that it is given must outlive it.
class AuditTrail {
 public:
  AuditTrail(audit::AuditLog& log, AuditPolicy policy, Metrics& metrics, RequestLog& request_log)
      : log_(log), policy_(std::move(policy)), metrics_(metrics), request_log_(request_log) {}

  // 503, while the log must be written and can't be.
  std::optional<ApiError> refuse() const;
  // One event for a request that ended; blocks until it is acknowledged. What can't be written is
  // counted, and said in the server's own log; where it must be written, the error that the client
  // gets in place of an unlogged answer comes back.
  std::optional<ApiError> record(const RequestRecord& record);

 private:
  audit::AuditLog& log_;
  const AuditPolicy policy_;
  Metrics& metrics_;
  RequestLog& request_log_;
};

}  // namespace hearth::serve
