// See replicas.h.
#include "hearth/serve/gateway/replicas.h"

#include "hearth/serve/http/stream.h"

namespace hearth::serve {
namespace {

constexpr size_t kReadyBytesMax = 64 << 10;

}  // namespace

Replicas::Replicas(net::io_context& io, const std::vector<ReplicaAddress>& addresses,
                   double check_seconds, double silence_seconds, RequestLog& log)
    : io_(io), check_seconds_(check_seconds), silence_seconds_(silence_seconds), log_(log) {
  for (const ReplicaAddress& address : addresses) {
    replicas_.push_back(std::make_unique<Replica>(io, address));
  }
}

void Replicas::watch() {
  for (const auto& replica : replicas_) {
    net::co_spawn(io_, watch(*replica), net::detached);
  }
}

net::awaitable<void> Replicas::watch(Replica& replica) {
  while (true) {
    replica.look.expires_after(duration_of(check_seconds_));
    const Status status = co_await check(replica);
    set_ready(replica, status);
    if (!status.is_ok() && status.code() != Code::busy) lost(replica);
    error_code ignored;
    co_await replica.look.async_wait(net::redirect_error(net::use_awaitable, ignored));
  }
}

// busy: it is alive and takes nothing.
net::awaitable<Status> Replicas::check(Replica& replica) {
  Upstream upstream(io_, replica.address);
  const UpstreamRequest request{"GET", "/ready", {}, "", ""};
  Status sent = co_await upstream.send(request, silence_seconds_);
  if (!sent.is_ok()) co_return sent;
  const Result<UpstreamHead> head = co_await upstream.read_head(silence_seconds_);
  if (!head) co_return head.status();
  const Result<std::string> body = co_await upstream.read_all(kReadyBytesMax, silence_seconds_);
  if (!body) co_return body.status();
  if (head->status == 200) co_return Status::ok();
  co_return error(Code::busy, "{}: not ready ({})", replica.address.url(), head->status);
}

void Replicas::set_ready(Replica& replica, const Status& status) {
  if (replica.ready == status.is_ok()) return;
  replica.ready = status.is_ok();
  ready_ += replica.ready ? 1 : -1;
  const std::string now = replica.ready ? replica.address.url() + ": ready" : status.message();
  log_.event(replica.ready ? "info" : "warning",
             fmt::format("{}; {} of {} replicas are ready", now, ready(), count()));
}

void Replicas::suspect(Replica& replica, const Status& why) {
  set_ready(replica, why);
  replica.look.cancel();  // asked again at once
}

// It doesn't answer: whatever runs there has to go on elsewhere.
void Replicas::lost(Replica& replica) {
  for (Upstream* upstream : replica.running) upstream->cut();
}

Replica* Replicas::pick(const std::set<Replica*>& without) {
  Replica* best = nullptr;
  ++next_;
  for (size_t i = 0; i < replicas_.size(); ++i) {
    Replica& r = *replicas_[(i + next_) % replicas_.size()];
    if (!r.ready || without.contains(&r)) continue;
    if (!best || r.running.size() < best->running.size()) best = &r;
  }
  return best;
}

bool Replicas::any_beside(const std::set<Replica*>& without) const {
  return without.size() < replicas_.size();
}

}  // namespace hearth::serve
