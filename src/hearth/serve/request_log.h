// RequestLog: one line on standard error for each answered request and each event of the server's
// life, as text or as JSON. Never a word of a prompt, an answer or a key.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "hearth/serve/answer_channel.h"

namespace hearth::serve {

struct RequestRecord {
  std::string id;
  std::string caller;  // name of the key
  std::string method;
  std::string path;
  int status = 0;
  double milliseconds = 0;
  Usage usage;
  std::string outcome;  // "": whole; else why it was cut
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
