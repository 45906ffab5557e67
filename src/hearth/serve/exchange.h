// One HTTP request and its answer as plain values: what the service sees of HTTP, and what the
// HTTP side sees of the service.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hearth/serve/access/gate.h"
#include "hearth/serve/answer_channel.h"
#include "hearth/serve/request_facts.h"

namespace hearth::serve {

// What a port serves: all, or only what administers and watches the server, or only the rest.
enum class Listener : uint8_t { all, admin, requests };

struct RequestHead {
  Listener listener = Listener::all;  // where it came in
  std::string method;                 // "GET"
  std::string target;                 // as it came
  std::string host, origin, authorization, x_api_key, request_id, if_none_match, request_timeout;
  std::string resume;  // X-Hearth-Resume

  std::string_view path() const { return std::string_view(target).substr(0, target.find('?')); }
};

// What is known of a request beside its bytes.
struct RequestContext {
  std::string id;  // X-Request-Id: the client's, or ours
  Caller caller;
  std::string route;  // of ours that it asks for; "": none
  bool open = false;  // the route is for everybody, and no event of the audit log
  std::shared_ptr<RequestFacts> facts = std::make_shared<RequestFacts>();
  bool resumable = false;  // a stream is to carry what another server needs to go on with it
  // Past it the client wants no answer any more: its X-Request-Timeout, from the head on.
  std::optional<std::chrono::steady_clock::time_point> deadline;
};

class PendingAnswer;

struct HttpReply {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::string code;  // of an error; "": none
  std::vector<std::pair<std::string, std::string>> headers;
  // Set: the answer comes over time, and the rest of this is empty.
  std::shared_ptr<PendingAnswer> pending;
};

// An answer that the engine is still writing. All by the connection's thread.
class PendingAnswer {
 public:
  virtual ~PendingAnswer() = default;

  struct Progress {
    std::optional<HttpReply> whole;  // the answer is this, and nothing was streamed before it
    std::string bytes;               // of an event stream
    std::string failure;             // the code of the error that ended the stream
    bool ended = false;              // nothing follows
  };
  // `begun`: the head of a stream is out already, a failure can only be an event in it.
  virtual Progress poll(bool begun) = 0;
  // Called from another thread when poll() has something new; {} to stop.
  virtual void set_listener(std::function<void()> listener) = 0;
  virtual void abandon(Abandon reason) = 0;
  virtual bool streams() const = 0;
  // What a stream says that has nothing new: a comment of the event stream.
  virtual std::string sign_of_life() const = 0;
  // Headers of the stream, to be sent before its first bytes.
  virtual std::vector<std::pair<std::string, std::string>> headers() const = 0;
  virtual Usage usage() const = 0;  // for the log; before the end, as far as it is counted
  // How long a stream may say nothing; `usual`: to most clients.
  virtual double silence_seconds(double usual) const { return usual; }
};

// Who answers an HTTP server's requests: a model's routes, or a gateway before other servers.
// Thread-safe.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;

  // Decides on the head alone; an answer means that the body is not read. Fills `context`.
  virtual std::optional<HttpReply> refuse(const RequestHead& head, RequestContext& context) = 0;
  // Never throws: what goes wrong inside is a 500.
  virtual HttpReply handle(const RequestHead& head, const RequestContext& context,
                           std::string_view body) = 0;
  // An error of HTTP itself (a malformed or too large request), counted.
  virtual HttpReply protocol_error(int status, std::string_view message,
                                   RequestContext& context) = 0;

  virtual void drain() = 0;             // nothing more is taken; what runs goes on
  virtual int64_t running() const = 0;  // answers that are being written
  virtual void count_response(int status) = 0;
  virtual void count_connections(int64_t open) = 0;
  virtual void count_refused_connection() = 0;  // one more than may be open
};

}  // namespace hearth::serve
