// See forward.h.
#include "hearth/serve/gateway/forward.h"

#include "hearth/serve/completions.h"
#include "hearth/serve/http/stream.h"
#include "hearth/serve/openai/write_reply.h"

namespace hearth::serve {
namespace {

constexpr double kLookAgainSeconds = 0.05;  // for a replica
constexpr int kRetrySeconds = 2;

}  // namespace

Forward::Forward(net::io_context& io, Replicas& replicas, const ForwardOptions& options,
                 ForwardCounts& counts, RequestLog& log, ForwardRequest request)
    : io_(io),
      replicas_(replicas),
      options_(options),
      counts_(counts),
      log_(log),
      request_(std::move(request)),
      relay_(std::make_shared<Relay>(options.stream_buffer)),
      wake_(io) {
  ++counts_.running;
  ++counts_.requests;
}

Forward::~Forward() {
  --counts_.running;
}

void Forward::look_again() {
  if (relay_->is_abandoned() && upstream_) upstream_->cut();
  wake_.cancel();
}

net::awaitable<void> Forward::pause(double seconds) {
  error_code ignored;
  wake_.expires_after(duration_of(seconds));
  co_await wake_.async_wait(net::redirect_error(net::use_awaitable, ignored));
}

net::awaitable<void> Forward::run() {
  relay_->set_change([weak = weak_from_this(), executor = io_.get_executor()] {
    net::post(executor, [weak] {
      if (const auto self = weak.lock()) self->look_again();
    });
  });
  int64_t failures = 0;
  while (!relay_->is_abandoned()) {
    Replica* const replica = co_await find_replica();
    if (relay_->is_abandoned()) break;
    if (!replica) co_return give_up();
    const size_t progress = stream_.progress();
    const Outcome outcome = co_await try_at(*replica);
    if (outcome == Outcome::done) break;
    ++counts_.retried;
    avoided_.insert(replica);
    if (outcome == Outcome::refused) refused_.insert(replica);
    if (outcome == Outcome::lost) ++failures;
    if (stream_.progress() > progress) failures = 0;
    stream_.change_replica();
    if (failures >= options_.tries || !stream_.can_change()) co_return give_up();
  }
}

// The client is told why there will be no more.
void Forward::give_up() {
  ++counts_.given_up;
  if (last_busy_ && !stream_.shown()) return relay_->finish(*std::move(last_busy_));
  if (!stream_.can_change() || !refused_.empty()) {
    return relay_->fail(api_error(502, "replica_lost",
                                  "the replica broke off, and no other can go on with its answer"));
  }
  if (!last_lost_.is_ok()) {
    return relay_->fail(api_error(502, "replica_lost", "the replicas broke off one by one"));
  }
  relay_->fail(api_error(503, "no_replica", "no replica is ready", kRetrySeconds));
}

// One that has not failed this request yet; after a while those that have may try again. null:
// there was none for too long, or none can be.
net::awaitable<Replica*> Forward::find_replica() {
  const Clock::time_point end = Clock::now() + duration_of(options_.wait_seconds);
  while (!relay_->is_abandoned() && Clock::now() < end && replicas_.any_beside(refused_)) {
    if (Replica* const found = replicas_.pick(avoided_)) co_return found;
    if (last_busy_ && !stream_.shown()) break;  // all have been asked
    avoided_ = refused_;
    co_await pause(kLookAgainSeconds);
  }
  co_return nullptr;
}

net::awaitable<Forward::Outcome> Forward::try_at(Replica& replica) {
  Upstream upstream(io_, replica.address);
  replica.running.insert(&upstream);
  upstream_ = &upstream;
  const Outcome outcome = co_await exchange(replica, upstream);
  upstream_ = nullptr;
  replica.running.erase(&upstream);
  co_return relay_->is_abandoned() ? Outcome::done : outcome;
}

Headers Forward::headers() const {
  Headers out = request_.headers;
  if (request_.deadline) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(*request_.deadline - Clock::now());
    out.emplace_back("X-Request-Timeout", fmt::format("{}ms", std::max<int64_t>(left.count(), 1)));
  }
  return out;
}

net::awaitable<Forward::Outcome> Forward::exchange(Replica& replica, Upstream& upstream) {
  const std::optional<std::string> line = stream_.resume_line();
  const std::string resumed = line ? *line + "\n" : "";
  const std::string target = line ? "/v1/resume" : request_.target;
  const UpstreamRequest request{request_.method, target, headers(), resumed, request_.body};
  if (line) {
    ++counts_.resumed;
    log_.event("info",
               fmt::format("{}: its stream goes on at {}", request_.id, replica.address.url()));
  }
  const auto lost = [&](Status why) {
    if (!relay_->is_abandoned()) replicas_.suspect(replica, why);
    last_lost_ = std::move(why);
    return Outcome::lost;
  };
  Status sent = co_await upstream.send(request, options_.send_seconds);
  if (!sent.is_ok()) co_return lost(std::move(sent));
  // However long a prompt takes: a replica that is gone is found by its watch.
  Result<UpstreamHead> head = co_await upstream.read_head(0);
  if (!head) co_return lost(head.status());
  const bool good = head->status == 200 && head->is_stream;
  Outcome outcome = Outcome::done;
  if (good) {
    outcome = co_await take_stream(*std::move(head), upstream);
  } else {
    outcome = co_await take_whole(*head, upstream);
  }
  if (outcome == Outcome::lost) co_return lost(last_lost_);
  co_return outcome;
}

net::awaitable<Forward::Outcome> Forward::take_whole(const UpstreamHead& head, Upstream& upstream) {
  Result<std::string> body = co_await upstream.read_all(options_.reply_bytes_max, 0);
  if (!body) {
    last_lost_ = body.status();
    co_return Outcome::lost;
  }
  if (head.status == 409 && stream_.shown()) co_return Outcome::refused;
  HttpReply reply;
  reply.status = head.status;
  reply.content_type = head.content_type;
  reply.headers = head.headers;
  reply.body = *std::move(body);
  if (head.status == 503) {
    last_busy_ = std::move(reply);
    co_return Outcome::busy;
  }
  if (stream_.shown()) co_return Outcome::refused;
  relay_->finish(std::move(reply));
  co_return Outcome::done;
}

net::awaitable<Forward::Outcome> Forward::take_stream(UpstreamHead head, Upstream& upstream) {
  const double silence = head.is_resumable ? options_.silence_seconds : 0;
  if (!std::exchange(begun_, true)) relay_->begin_stream(std::move(head.headers));
  while (true) {
    Result<std::string> bytes = co_await upstream.read_some(silence);
    std::string out;
    Status taken = bytes ? stream_.push(*bytes, out) : bytes.status();
    if (!out.empty()) relay_->put(std::move(out));
    if (stream_.done()) {
      relay_->finish(stream_.failure());
      co_return Outcome::done;
    }
    if (bytes && bytes->empty()) taken = error(Code::corrupt, "a stream without an end");
    if (taken.code() == Code::busy) co_return Outcome::busy;
    if (!taken.is_ok()) {
      last_lost_ = std::move(taken);
      co_return Outcome::lost;
    }
    co_await wait_for_room();
    if (relay_->is_abandoned()) co_return Outcome::done;
  }
}

net::awaitable<void> Forward::wait_for_room() {
  while (relay_->is_full() && !relay_->is_abandoned()) co_await pause(kLookAgainSeconds);
}

}  // namespace hearth::serve
