// See call.h.
#include "hearth/serve/grpc/call.h"

#include <vector>

#include "hearth/serve/audit_trail.h"

namespace hearth::serve {
namespace {

std::string text_of(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string out;
  out.reserve(buffer.Length());
  if (!buffer.Dump(&slices).ok()) return out;
  for (const grpc::Slice& s : slices) {
    out.append(reinterpret_cast<const char*>(s.begin()), s.size());
  }
  return out;
}

// A header that came once; more of them say nothing.
std::string header(const grpc::GenericCallbackServerContext& context, const char* name) {
  const auto& all = context.client_metadata();
  if (all.count(name) != 1) return "";
  const grpc::string_ref value = all.find(name)->second;
  return {value.data(), value.size()};
}

constexpr int64_t kDeadlineSecondsMax = 366 * 86400;  // later is never

std::optional<Call::Clock::time_point> deadline_of(
    const grpc::GenericCallbackServerContext& context) {
  // In seconds first: a deadline of ten thousand years is no number of nanoseconds.
  const gpr_timespec left =
      gpr_time_sub(gpr_convert_clock_type(context.raw_deadline(), GPR_CLOCK_REALTIME),
                   gpr_now(GPR_CLOCK_REALTIME));
  if (left.tv_sec > kDeadlineSecondsMax) return std::nullopt;
  return Call::Clock::now() + std::chrono::seconds(left.tv_sec) +
         std::chrono::nanoseconds(left.tv_nsec);
}

}  // namespace

grpc::ServerGenericBidiReactor* Call::start(GrpcShared& server,
                                            grpc::GenericCallbackServerContext& context) {
  auto call = std::make_shared<Call>(server, context);
  call->self_ = call;
  call->post([](Call& c) { c.begin(); });
  return call.get();
}

void Call::read_head() {
  head_.method = context_.method();
  head_.authorization = header(context_, "authorization");
  head_.request_id = header(context_, "x-request-id");
  head_.deadline = deadline_of(context_);
  converses_ = server_.service.converses(head_.method);
}

void Call::begin() {
  // A flood of calls that are taken back at once costs the others no room.
  if (context_.IsCancelled()) {
    gone_ = true;
    return finish(why_cancelled());
  }
  const bool full = static_cast<int64_t>(server_.calls.size()) >= server_.options.calls_max;
  server_.calls.insert(this);
  server_.metrics.calls(static_cast<int64_t>(server_.calls.size()));
  read_head();
  heard_ = true;
  std::optional<ApiError> error = server_.service.refuse(head_, request_);
  if (server_.stopping) {
    error = api_error(503, "shutting_down", "the server is shutting down", 5);
  } else if (full) {
    server_.metrics.rejected("calls");
    error = api_error(
        503, "overloaded",
        fmt::format("{} calls are open, no more are taken", server_.options.calls_max), 1);
  }
  context_.AddInitialMetadata("x-request-id", request_.id);
  if (error) return finish(error);
  read();
}

void Call::read() {
  wait_ = Wait::message;
  since_ = Clock::now();
  StartRead(&incoming_);
}

void Call::read_done(bool ok) {
  if (finished_) return;
  wait_ = Wait::nothing;
  if (gone_) return finish(why_cancelled());
  if (!ok && messages_ > 0) return finish(std::nullopt);  // it has no more questions
  if (!ok) return finish(bad_field("", "missing", "expected a message, found none"));
  ++messages_;
  wait_ = Wait::work;
  boost::asio::post(server_.workers, [self = shared_from_this(), bytes = text_of(incoming_)] {
    RpcReply reply = self->server_.service.handle(self->head_, self->request_, bytes);
    self->post([reply = std::move(reply)](Call& call) mutable { call.replied(std::move(reply)); });
  });
  incoming_.Clear();
}

void Call::replied(RpcReply reply) {
  wait_ = Wait::nothing;
  stream_ = std::move(reply.stream);
  if (gone_) return finish(why_cancelled());
  if (reply.error) return finish(reply.error);
  if (!stream_) {
    queue_.push_back(std::move(reply.message));
    return pump();
  }
  stream_->set_listener([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->post([](Call& call) { call.pump(); });
  });
  if (server_.stopping) stream_->abandon(Abandon::stopped);
  pump();
}

// Writes the next message, if there is one and the last is gone.
void Call::pump() {
  if (finished_ || wait_ != Wait::nothing) return;
  if (queue_.empty() && stream_ && !ended_) {
    RpcStream::Progress progress = stream_->poll();
    for (std::string& message : progress.messages) queue_.push_back(std::move(message));
    ended_ = progress.ended;
    failure_ = std::move(progress.error);
  }
  if (!queue_.empty()) {
    const grpc::Slice slice(queue_.front());
    queue_.pop_front();
    outgoing_ = grpc::ByteBuffer(&slice, 1);
    wait_ = Wait::write;
    since_ = Clock::now();
    return StartWrite(&outgoing_);
  }
  if (stream_ && !ended_) return;
  if (converses_) return read();
  finish(failure_);
}

void Call::write_done(bool ok) {
  if (finished_) return;
  wait_ = Wait::nothing;
  if (!ok || gone_) return finish(why_cancelled());
  pump();
}

void Call::cancelled() {
  gone_ = true;
  if (finished_) return;
  if (stream_) stream_->abandon(Abandon::disconnected);
  if (wait_ == Wait::nothing) finish(why_cancelled());
}

ApiError Call::why_cancelled() const {
  if (head_.deadline && Clock::now() >= *head_.deadline) {
    return api_error(504, "deadline_exceeded", "the answer took longer than its deadline");
  }
  return api_error(499, "disconnected", "the call was cancelled");
}

void Call::tick(Clock::time_point now) {
  if (finished_) return;
  if (wait_ == Wait::message && waited(now) > server_.options.read_seconds) {
    finish(api_error(504, "deadline_exceeded", "the message took too long"));
  } else if (wait_ == Wait::write && waited(now) > server_.options.write_seconds && !gone_) {
    if (stream_) stream_->abandon(Abandon::too_slow);
    context_.TryCancel();
  }
}

void Call::cut() {
  if (finished_) return;
  if (stream_) stream_->abandon(Abandon::stopped);
  if (wait_ == Wait::message) {
    finish(api_error(503, "shutting_down", "the server is shutting down", 5));
  }
}

void Call::finish(const std::optional<ApiError>& error) {
  finished_ = true;
  server_.calls.erase(this);
  server_.metrics.calls(static_cast<int64_t>(server_.calls.size()));
  const RpcStatus status = error ? rpc_status(*error) : RpcStatus();
  if (stream_) record_.usage = stream_->usage();
  stream_.reset();
  record_.id = request_.id;
  record_.caller = request_.caller.name;
  record_.method = "gRPC";
  record_.path = head_.method;
  record_.status = static_cast<int>(status.code);
  record_.milliseconds = std::chrono::duration<double, std::milli>(Clock::now() - start_).count();
  if (gone_) record_.outcome = error ? error->code : "";
  record_.key_id = request_.caller.key_id;
  record_.route = request_.route.empty() ? kUnknownRoute : request_.route;
  record_.reason = error ? error->code : "";
  record_.facts = request_.facts;
  server_.metrics.rpc(rpc_code_name(status.code));
  server_.log.request(record_);
  if (!server_.options.audit || !heard_) return close(status);
  // Who is told the status finds the call in the audit log.
  boost::asio::post(server_.auditors, [self = shared_from_this(), status] {
    const auto unlogged = self->server_.options.audit->record(self->record_);
    self->post(
        [status = unlogged ? rpc_status(*unlogged) : status](Call& call) { call.close(status); });
  });
}

void Call::close(const RpcStatus& status) {
  const auto& label = request_.facts->label;
  if (label) context_.AddTrailingMetadata("x-aigc", label::aigc_header(*label));
  Finish(grpc::Status(static_cast<grpc::StatusCode>(status.code), status.message, status.details));
}

}  // namespace hearth::serve
