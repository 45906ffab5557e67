// See endpoint.h. Each thread has a client of its own and asks one question at a time.
#include "hearth/eval/endpoint.h"

#include <atomic>
#include <chrono>
#include <limits>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "hearth/eval/completion.h"
#include "hearth/files/json.h"
#include "hearth/files/outside_bytes.h"
#include "hearth/store/download.h"

namespace hearth {
namespace {

using Clock = std::chrono::steady_clock;

std::string question_json(const EndpointReplies& options, const EvalItem& item, uint64_t seed) {
  Json body = {{"model", options.model},
               {"messages", Json::array({{{"role", "user"}, {"content", item.prompt}}})},
               {"max_tokens", options.max_tokens},
               {"temperature", options.sampling.temperature},
               {"top_p", options.sampling.top_p},
               // Other servers read a signed number.
               {"seed", seed & static_cast<uint64_t>(std::numeric_limits<int64_t>::max())}};
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// One thread's way to the server.
class Asker {
 public:
  Asker(const EndpointReplies& options, std::function<bool()> stopped)
      : options_(options), client_(with_stop(options.http, std::move(stopped))) {}

  Result<MadeReply> ask(const EvalItem& item, uint64_t seed) {
    store::HttpRequest request;
    request.url = options_.url + "/chat/completions";
    request.access.token = options_.key;
    request.json = question_json(options_, item, seed);
    std::string body;
    Clock::time_point sent;
    const auto take = [&](std::span<const std::byte> bytes) -> Status {
      if (std::ssize(body) + std::ssize(bytes) > kCompletionBytesMax) {
        return error(Code::corrupt, "expected a reply of at most {} MiB",
                     kCompletionBytesMax >> 20);
      }
      body.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      return Status::ok();
    };
    const auto attempt = [&] {
      body.clear();
      sent = Clock::now();
      store::HttpOutcome outcome = client_.send(
          request, [](const store::HttpHead&) { return Status::ok(); }, take);
      if (outcome.http_status > 0) outcome.status = refused(outcome);
      return outcome;
    };
    store::TransferOptions retries;
    retries.retries = options_.retries;
    store::TransferEvents events;
    events.notice = options_.notice;
    const std::string what = fmt::format("{}: item {}", excerpt(options_.url, 200), item.id);
    TRY(store::with_retries(client_, retries, events, what, attempt, [] { return int64_t{0}; }));
    auto reply = read_completion(body);
    if (!reply) return std::move(reply).status().at(what);
    reply->seconds = std::chrono::duration<double>(Clock::now() - sent).count();
    return reply;
  }

 private:
  static store::HttpOptions with_stop(store::HttpOptions options, std::function<bool()> stopped) {
    options.stopped = [first = std::move(options.stopped), stopped = std::move(stopped)] {
      return stopped() || (first && first());
    };
    return options;
  }

  static Status refused(const store::HttpOutcome& outcome) {
    const Code code =
        outcome.may_retry || outcome.http_status >= 500 ? Code::internal : Code::invalid;
    return error(code, "the server answers HTTP {}: {}{}", outcome.http_status,
                 refusal_text(outcome.said),
                 outcome.http_status == 404 ? " (such addresses end with /v1 as a rule)" : "");
  }

  const EndpointReplies& options_;
  store::HttpClient client_;
};

// The threads of one run and what they share.
class Asking {
 public:
  Asking(const EndpointReplies& options, const std::vector<EvalItem>& items,
         const std::vector<ReplyTask>& tasks, const TakeReply& take)
      : options_(options), items_(items), tasks_(tasks), take_(take) {}

  Status run() {
    std::vector<std::thread> threads;
    const auto wanted = std::min<size_t>(static_cast<size_t>(options_.together), tasks_.size());
    for (size_t i = 0; i < wanted; ++i) threads.emplace_back([this] { work(); });
    for (std::thread& thread : threads) thread.join();
    return failure_;
  }

 private:
  void work() {
    Asker asker(options_, [this] { return stopped_.load(); });
    while (!stopped_) {
      const size_t index = next_++;
      if (index >= tasks_.size()) return;
      const ReplyTask& task = tasks_[index];
      auto reply = asker.ask(items_[static_cast<size_t>(task.item)], task.seed);
      if (!reply) return stop(std::move(reply).status());
      if (!take_(index, *std::move(reply))) return stop(error(Code::cancelled, "stopped"));
    }
  }

  // The first reason counts: the other threads stop because of it.
  void stop(Status why) {
    const std::lock_guard lock(mutex_);
    if (failure_.is_ok()) failure_ = std::move(why);
    stopped_ = true;
  }

  const EndpointReplies& options_;
  const std::vector<EvalItem>& items_;
  const std::vector<ReplyTask>& tasks_;
  const TakeReply& take_;
  std::atomic<size_t> next_ = 0;
  std::atomic<bool> stopped_ = false;
  std::mutex mutex_;
  Status failure_;
};

}  // namespace

Status check_endpoint(const EndpointReplies& options) {
  if (store::origin_of(options.url).empty()) {
    return error(Code::invalid,
                 "--endpoint: expected an address such as https://host/v1, without a user's name, "
                 "found `{}`",
                 excerpt(options.url, 200));
  }
  if (!options.key.empty() && !store::is_private_channel(options.url)) {
    return error(Code::invalid,
                 "--endpoint: expected https, or this machine, for a key to be sent, found `{}`",
                 excerpt(options.url, 200));
  }
  return Status::ok();
}

ReplySource endpoint_replies(EndpointReplies options) {
  while (options.url.ends_with('/')) options.url.pop_back();
  return [options = std::move(options)](
             const std::vector<EvalItem>& items, const std::vector<ReplyTask>& tasks,
             const TakeReply& take) { return Asking(options, items, tasks, take).run(); };
}

}  // namespace hearth
