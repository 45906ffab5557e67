// What the verbs of the store share.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "hearth/cli/interrupt.h"
#include "hearth/cli/verb.h"
#include "hearth/files/json.h"
#include "hearth/store/download.h"
#include "hearth/store/store.h"

namespace hearth::cli {

struct TransferFlags {
  int retries = 5;
  int stall_seconds = 30;
  int connections = 4;
  std::string s3_endpoint;
};

void declare_transfer(CLI::App& verb, TransferFlags& flags);
void declare_connections(CLI::App& verb, TransferFlags& flags);  // where files are fetched whole
store::HttpOptions http_options(const TransferFlags& flags, const InterruptGuard& interrupt);
store::TransferOptions transfer_options(const TransferFlags& flags);

// {name, path, bytes, sha256, licence, source}
Json json_of(const store::StoredModel& model);
void print_json(const Json& object);

}  // namespace hearth::cli
