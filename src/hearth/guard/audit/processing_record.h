// The record of processing activities that GDPR Article 30(1) asks for: what the owner states
// (controller, purposes, ...), beside what the log shows was really done.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "hearth/files/json.h"
#include "hearth/guard/audit/verify.h"

namespace hearth::audit {

class ProcessingRecord {
 public:
  // Events of a verified log, in order.
  void add(const Json& event);
  // `statement`: the owner's fields, an object; those of Article 30 that it leaves out are listed
  // under `not_stated`.
  Json json(const Json& statement, const Verification& verified) const;

 private:
  using Counts = std::map<std::string, int64_t>;
  void add_request(const Json& event);

  std::string from_, to_, sync_;
  int64_t keep_days_ = 0;
  int64_t requests_ = 0, lost_ = 0, prompt_tokens_ = 0, completion_tokens_ = 0;
  Counts states_, routes_, keys_, models_, personal_data_, modes_;
  std::set<std::string> subjects_;
};

}  // namespace hearth::audit
