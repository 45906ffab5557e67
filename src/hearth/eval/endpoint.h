// Replies of a server that speaks the OpenAI API (chat completions): a peer, a gateway, a paid API.
// Several questions are out at once; a server that is busy (429, 5xx) is asked again when it says.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "hearth/eval/replies.h"
#include "hearth/store/http_client.h"

namespace hearth {

struct EndpointReplies {
  std::string url;          // up to and with /v1, as OpenAI's clients take it
  std::string model;        // what the server calls it
  std::string key;          // "": none
  SamplingParams sampling;  // temperature and top-p; the seed is each task's own
  int64_t max_tokens = 0;   // of a reply
  int64_t together = 16;    // questions that are out at once
  int retries = 5;          // in a row, of one question
  store::HttpOptions http;  // its `whole_seconds` bound a reply
  std::function<void(std::string_view line)> notice;  // a retry; any thread; may be empty
};

// invalid: an address that is none, or a key that would travel in the clear.
Status check_endpoint(const EndpointReplies& options);

// A source whose errors say what the server did. `seconds` of a reply are those of the request that
// brought it, waiting at the server included; its energy is not known.
ReplySource endpoint_replies(EndpointReplies options);

}  // namespace hearth
