// Relay: the bytes of one answer on their way from a replica to the client's connection. Bounded:
// while a slow client leaves them lying, nothing more is read from the replica.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hearth/serve/exchange.h"

namespace hearth::serve {

using Headers = std::vector<std::pair<std::string, std::string>>;

// Thread-safe: the gateway's thread puts, the connection's takes.
class Relay {
 public:
  explicit Relay(size_t bytes_max) : bytes_max_(bytes_max) {}

  // ---- The gateway's side.
  // Called from the other side when there is room again, or the client is gone. {}: no more.
  void set_change(std::function<void()> change);
  void begin_stream(Headers headers);  // once, before the first bytes
  void put(std::string bytes);
  bool is_full() const;
  // Exactly one of these ends it. A failure is the whole reply, or where a part of a stream went
  // out already, its last event.
  void finish(
      std::string failure = "");  // the code of the error that a replica's stream ended with
  void finish(HttpReply reply);
  void fail(const ApiError& error);
  bool is_abandoned() const;

  // ---- The client's side, as PendingAnswer has it.
  PendingAnswer::Progress poll(bool begun);
  void set_listener(std::function<void()> listener);
  void abandon();
  bool streams() const;
  Headers headers() const;

 private:
  void notify();

  const size_t bytes_max_;
  mutable std::mutex mutex_;
  std::string bytes_;
  Headers headers_;
  bool streams_ = false;
  bool ended_ = false;
  bool abandoned_ = false;
  std::string failure_;
  std::optional<HttpReply> whole_;
  std::optional<ApiError> error_;
  std::mutex callbacks_;  // held while one runs
  std::function<void()> listener_, change_;
};

// The client's end of a relay; going away abandons it.
class RelayedAnswer : public PendingAnswer {
 public:
  explicit RelayedAnswer(std::shared_ptr<Relay> relay) : relay_(std::move(relay)) {}
  ~RelayedAnswer() override;

  Progress poll(bool begun) override { return relay_->poll(begun); }
  void set_listener(std::function<void()> listener) override {
    relay_->set_listener(std::move(listener));
  }
  void abandon(Abandon) override { relay_->abandon(); }
  bool streams() const override { return relay_->streams(); }
  std::string sign_of_life() const override;
  Headers headers() const override { return relay_->headers(); }
  Usage usage() const override { return {}; }  // the replica's to log

 private:
  const std::shared_ptr<Relay> relay_;
};

}  // namespace hearth::serve
