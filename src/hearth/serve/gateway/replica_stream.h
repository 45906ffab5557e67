// ReplicaStream: the event stream of one answer as one replica after the other sends it, to the
// bytes that the client gets. Pieces are held until the comment behind them says which tokens they
// stand for: what a client has is then always what these tokens give, and whoever goes on from
// there neither repeats nor leaves out a byte.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "hearth/base/status.h"

namespace hearth::serve {

// A stream's events that are not shown yet, and the text of its tokens: more is no stream of ours.
inline constexpr size_t kHeldBytesMax = size_t{8} << 20;
inline constexpr size_t kTokenTextMax = size_t{4} << 20;

class ReplicaStream {
 public:
  // The next bytes of the replica; what the client gets is appended to `out`. corrupt: they are no
  // stream of a hearth, and nothing more can be read. busy: the replica shuts down, and another one
  // can go on.
  Status push(std::string_view bytes, std::string& out);

  // It came to its end; nothing follows.
  bool done() const { return done_; }
  // Something of the answer is at the client.
  bool shown() const { return shown_; }
  // Tokens whose pieces are at the client, as text.
  size_t progress() const { return tokens_.size(); }
  // The code of the error that the stream ended with, "": none, or it goes on.
  const std::string& failure() const { return failure_; }

  // Another replica sends the rest: what is held came from the one before, and is dropped.
  void change_replica();
  // What the next one must be told of the answer; nullopt: nothing is shown, it begins.
  std::optional<std::string> resume_line() const;
  // Whether another replica can go on from here.
  bool can_change() const { return !shown_ || !tokens_.empty(); }

 private:
  Status take(std::string_view event, std::string& out);
  Status take_state(std::string_view text);
  Status take_tokens(std::string_view text, std::string& out);
  Status take_data(std::string_view event, std::string& out);
  void show(std::string_view events, std::string& out);

  std::string partial_;    // an event whose end has not come
  std::string held_;       // whole events
  std::string state_;      // what the stream can be resumed with; "": it can't
  std::string tokens_;     // ",12,55"
  std::string signature_;  // of both
  std::string failure_;
  bool shown_ = false;
  bool done_ = false;
};

}  // namespace hearth::serve
