// RequestLog: one line on standard error for each answered request and each event of the server's
// life, as text or as JSON. Never a word of a prompt, an answer or a key.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "hearth/serve/answer_channel.h"
#include "hearth/serve/request_facts.h"

namespace hearth::serve {

// Of a request that asked for what is not here.
inline constexpr std::string_view kUnknownRoute = "unknown";

struct RequestRecord {
  std::string id;
  std::string caller;  // name of the key
  std::string method;
  std::string path;
  int status = 0;
  double milliseconds = 0;
  Usage usage;
  std::string outcome;  // "": whole; else why it was cut
  // ---- For the audit log.
  std::string key_id;
  std::string route;   // the name of a route of ours, or kUnknownRoute
  std::string reason;  // the code of the error that it got, or the outcome; "": complete
  std::shared_ptr<const RequestFacts> facts;
};

// Thread-safe.
class RequestLog {
 public:
  RequestLog(bool json, bool requests) : json_(json), requests_(requests) {}

  void request(const RequestRecord& record);
  void event(std::string_view level, std::string_view message);

 private:
  void write(const std::string& line);

  const bool json_;
  const bool requests_;  // false: events only
  std::mutex mutex_;
};

}  // namespace hearth::serve
