// The flags of hearth serve.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "hearth/cli/machine_options.h"
#include "hearth/cli/model_options.h"
#include "hearth/cli/verb.h"
#include "hearth/cli/watermark_options.h"
#include "hearth/guard/audit/audit_log.h"
#include "hearth/serve/admission.h"
#include "hearth/serve/http/http_server.h"

namespace hearth::cli {

struct ServeOptions {
  ModelOptions model;
  serve::HttpOptions http;
  serve::GateOptions gate;
  std::string new_api_key;
  std::vector<std::string> names;
  std::vector<std::string> adapters;  // NAME=PATH
  std::string adapter_directory;
  std::string reasoning_field = "reasoning_content";
  std::vector<int64_t> effort_budgets;
  std::string thought_ending = serve::AdmissionOptions().thought_ending;
  bool insecure = false;
  std::optional<uint16_t> grpc_port;  // absent: no gRPC
  std::string resume_key;
  bool log_json = false;
  bool quiet = false;  // no line for each request
  int64_t sequences = 16;
  int64_t queue = 1024;
  int64_t batch_tokens = 512;
  int64_t step_ms = 250;
  int64_t kv_megabytes = 0;
  int64_t body_megabytes = 8;
  std::string reserve = "auto";
  std::string cost;
  std::string pooling{pooling_name(Pooling::mean)};
  std::string pii = "off";
  std::string pii_policy;
  serve::PersonalDataPolicy personal_data;
  WatermarkOptions watermark;
  audit::LogOptions audit;  // no path: no audit log
  std::string audit_key;
  std::string audit_sync = "each";
  std::string audit_text = "off";
  bool audit_required = false;
  std::string label = "off";
  std::string label_language = "en";
  label::Policy labels;
  MachineOptions machine;

  void declare(CLI::App& verb);
  // What can be said of them before a model is loaded.
  Status check() const;
};

}  // namespace hearth::cli
