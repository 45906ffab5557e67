// See relay.h.
#include "hearth/serve/gateway/relay.h"

#include "hearth/serve/completions.h"
#include "hearth/serve/openai/write_reply.h"

namespace hearth::serve {

void Relay::set_change(std::function<void()> change) {
  std::lock_guard lock(callbacks_);
  change_ = std::move(change);
}

void Relay::begin_stream(Headers headers) {
  std::lock_guard lock(mutex_);
  streams_ = true;
  headers_ = std::move(headers);
}

void Relay::put(std::string bytes) {
  {
    std::lock_guard lock(mutex_);
    bytes_ += bytes;
  }
  notify();
}

bool Relay::is_full() const {
  std::lock_guard lock(mutex_);
  return bytes_.size() >= bytes_max_;
}

void Relay::finish(std::string failure) {
  {
    std::lock_guard lock(mutex_);
    failure_ = std::move(failure);
    ended_ = true;
  }
  notify();
}

void Relay::finish(HttpReply reply) {
  {
    std::lock_guard lock(mutex_);
    ended_ = true;
    if (streams_) {  // its head may be out: an error can only be an event in it
      bytes_ += sse_event(reply.body) + std::string(kSseDone);
      failure_ = "replica_refused";
    } else {
      whole_ = std::move(reply);
    }
  }
  notify();
}

void Relay::fail(const ApiError& error) {
  {
    std::lock_guard lock(mutex_);
    error_ = error;
    ended_ = true;
  }
  notify();
}

bool Relay::is_abandoned() const {
  std::lock_guard lock(mutex_);
  return abandoned_;
}

PendingAnswer::Progress Relay::poll(bool begun) {
  PendingAnswer::Progress out;
  bool was_full = false;
  {
    std::lock_guard lock(mutex_);
    was_full = bytes_.size() >= bytes_max_;
    out.bytes = std::exchange(bytes_, {});
    out.ended = ended_;
    out.failure = failure_;
    if (error_) out.failure = error_->code;
    if (error_ && !begun && out.bytes.empty()) {
      out.whole = error_reply(*error_);
    } else if (error_) {
      out.bytes += sse_event(error_json(*error_)) + std::string(kSseDone);
    } else if (whole_) {
      out.whole = std::exchange(whole_, {});
    }
  }
  if (!was_full) return out;
  std::lock_guard lock(callbacks_);
  if (change_) change_();
  return out;
}

void Relay::set_listener(std::function<void()> listener) {
  {
    std::lock_guard lock(callbacks_);
    listener_ = std::move(listener);
    if (!listener_) return;
  }
  bool news = false;
  {
    std::lock_guard lock(mutex_);
    news = ended_ || !bytes_.empty();
  }
  if (news) notify();
}

void Relay::notify() {
  std::lock_guard lock(callbacks_);
  if (listener_) listener_();
}

void Relay::abandon() {
  {
    std::lock_guard lock(mutex_);
    if (std::exchange(abandoned_, true) || ended_) return;
  }
  std::lock_guard lock(callbacks_);
  if (change_) change_();
}

bool Relay::streams() const {
  std::lock_guard lock(mutex_);
  return streams_;
}

Headers Relay::headers() const {
  std::lock_guard lock(mutex_);
  return headers_;
}

RelayedAnswer::~RelayedAnswer() {
  relay_->set_listener({});
  relay_->abandon();
}

std::string RelayedAnswer::sign_of_life() const {
  return std::string(kSseKeepAlive);
}

}  // namespace hearth::serve
