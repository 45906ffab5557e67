// What the audit log says of one request. Never a word of its text, unless the owner switched that
// on; and whatever names a person goes in sealed (subject_keys.h).
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hearth/files/json.h"

namespace hearth::audit {

// How a request ended; each ends once.
enum class State : uint8_t { complete, refused, failed, cancelled };
std::string_view state_name(State state);

struct Event {
  // ---- In the clear.
  std::string protocol;  // "http" or "grpc"
  std::string method;    // of HTTP
  std::string route;     // a route of ours, or "unknown": a client's own words may hold anything
  std::string key_id;    // of the API key: the first digits of its hash; "" without keys
  State state = State::complete;
  int64_t status = 0;  // of HTTP, or the code of gRPC
  std::string reason;  // a word, where it was not complete
  double milliseconds = 0;
  std::string model, model_hash, adapter_hash;  // "": no model was asked
  int64_t prompt_tokens = 0, completion_tokens = 0, cached_tokens = 0;
  std::vector<std::pair<std::string, int64_t>> personal_data;  // found in it, by type
  std::string personal_data_mode;
  std::string watermark_key;  // id of the key that marked the answer; "": unmarked
  std::string label;          // the ProduceID of its label; "": unlabelled

  // ---- Sealed with the key of the subject.
  std::string key_name;    // of the API key
  std::string user;        // the end user whom the request names
  std::string request_id;  // may be the client's own word
  std::string text;        // of the prompt, as the model saw it; "": not kept

  // Whose key seals it: "KEY", or "KEY/USER" where the request names a user.
  std::string subject() const;
};

Json clear_json(const Event& event);
std::string sealed_json(const Event& event);

}  // namespace hearth::audit
