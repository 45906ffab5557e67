// See likelihood.h. A continuation is an answer whose tokens are all given: the engine says with
// each what the model thought of it. The first tokens of all come from one row of logits, so that a
// question whose choices are one token each is one request.
#include "hearth/eval/likelihood.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "hearth/files/outside_bytes.h"

namespace hearth {
namespace {

using Clock = std::chrono::steady_clock;

double log_probability(std::span<const float> logits, int32_t token) {
  const double top = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - top);
  return logits[static_cast<size_t>(token)] - top - std::log(sum);
}

// One question on its way through the engine; its requests point to it.
struct Question {
  size_t task = 0;
  Continued text;
  std::vector<ChoiceLikelihood> choices;
  std::vector<int64_t> requests;
  size_t running = 0;     // of them
  int64_t step_rows = 0;  // of the last step
  Clock::time_point begun = Clock::now();
  double joules = 0;
  Status failure;
};

using Questions = std::vector<std::unique_ptr<Question>>;

// The request that gives the tokens of continuation `of`. The first one also scores the first
// tokens of all the others.
TokenRequest request_for(const Question& question, size_t of) {
  TokenRequest request;
  request.prompt = question.text.shared;
  request.max_tokens = std::ssize(question.text.ends[of]);
  request.forced = [end = question.text.ends[of]](std::span<const int32_t> answer) {
    return std::optional(end[answer.size()]);
  };
  if (!question.requests.empty()) request.shares_prompt_with = question.requests.front();
  return request;
}

TokenSink sink_for(Question& question, size_t of, bool first) {
  TokenSink sink;
  sink.on_token_logits = [&question, of, first,
                          at = size_t{0}](std::span<const float> row) mutable {
    const auto& ends = question.text.ends;
    if (at > 0) {
      question.choices[of].log_likelihood += log_probability(row, ends[of][at]);
    } else if (first) {
      for (size_t i = 0; i < ends.size(); ++i) {
        question.choices[i].log_likelihood += log_probability(row, ends[i][0]);
      }
    }
    ++at;
  };
  sink.on_rows = [&question](int64_t rows) { question.step_rows += rows; };
  sink.on_finish = [&question](FinishReason reason) {
    --question.running;
    if (reason == FinishReason::failed && question.failure.is_ok()) {
      question.failure = error(Code::internal, "the engine failed");
    }
  };
  sink.on_error = [&question](Status status) { question.failure = std::move(status); };
  return sink;
}

class Run {
 public:
  Run(const TextModel& model, Engine& engine, const LikelihoodReplies& options)
      : model_(model), engine_(engine), options_(options) {}
  // No request may outlive its question.
  ~Run() {
    for (const auto& question : questions_) {
      for (const int64_t id : question->requests) engine_.cancel(id);
    }
    if (!questions_.empty()) engine_.step();
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  bool done() const { return questions_.empty(); }

  bool has_room() const {
    size_t running = 0;
    for (const auto& question : questions_) running += question->running;
    return static_cast<int64_t>(running) < options_.batch;
  }

  Status begin(size_t task, const EvalItem& item) {
    auto question = std::make_unique<Question>();
    question->task = task;
    TRY_ASSIGN(question->text, continued(model_, item));
    const auto& ends = question->text.ends;
    for (size_t i = 0; i < ends.size(); ++i) {
      question->choices.push_back({0, std::ssize(ends[i]), std::ssize(item.continuations[i])});
    }
    Question& held = *questions_.emplace_back(std::move(question));
    for (size_t i = 0; i < ends.size(); ++i) {
      if (ends[i].size() > 1) TRY(submit(held, i));
    }
    return held.requests.empty() ? submit(held, 0) : Status::ok();
  }

  void step() {
    const double before = options_.energy != nullptr ? options_.energy->joules() : 0;
    engine_.step();
    const double spent = options_.energy != nullptr ? options_.energy->joules() - before : 0;
    int64_t all = 0;
    for (const auto& question : questions_) all += question->step_rows;
    for (const auto& question : questions_) {
      const auto rows = static_cast<double>(std::exchange(question->step_rows, 0));
      if (all > 0) question->joules += spent * rows / static_cast<double>(all);
    }
  }

  // Hands on those that have ended.
  Status take_ended(const TakeReply& take) {
    for (size_t i = 0; i < questions_.size();) {
      if (questions_[i]->running > 0) {
        ++i;
        continue;
      }
      const auto question = std::move(questions_[i]);
      questions_.erase(questions_.begin() + static_cast<std::ptrdiff_t>(i));
      if (!question->failure.is_ok()) return why(question->failure);
      for (const ChoiceLikelihood& choice : question->choices) {
        if (!std::isfinite(choice.log_likelihood)) {
          return error(Code::corrupt, "model: expected finite logits, found others");
        }
      }
      if (!take(question->task, reply_of(*question))) return error(Code::cancelled, "stopped");
    }
    return Status::ok();
  }

 private:
  Status submit(Question& question, size_t of) {
    TokenRequest request = request_for(question, of);
    request.adapter = options_.adapter;
    const bool first = question.requests.empty();
    TRY_ASSIGN(const int64_t id, engine_.submit(std::move(request), sink_for(question, of, first)));
    question.requests.push_back(id);
    ++question.running;
    return Status::ok();
  }

  // The engine's own reason, where it has one.
  Status why(const Status& failure) const {
    return engine_.failure().is_ok() ? failure : engine_.failure();
  }

  MadeReply reply_of(const Question& question) const {
    const auto& choices = question.choices;
    const auto best = std::max_element(
        choices.begin(), choices.end(),
        [](const auto& a, const auto& b) { return a.log_likelihood < b.log_likelihood; });
    MadeReply reply;
    reply.text = std::string(1, static_cast<char>('A' + (best - choices.begin())));
    reply.finish_reason = finish_reason_name(FinishReason::stop);
    reply.seconds = std::chrono::duration<double>(Clock::now() - question.begun).count();
    if (options_.energy != nullptr) reply.joules = question.joules;
    reply.choices = choices;
    return reply;
  }

  const TextModel& model_;
  Engine& engine_;
  const LikelihoodReplies& options_;
  Questions questions_;
};

}  // namespace

Result<Continued> continued(const TextModel& model, const EvalItem& item) {
  CHECK(!item.continuations.empty());
  const std::vector<int32_t> prompt = model.plain(item.prompt, false).ids;
  std::vector<std::vector<int32_t>> texts;
  size_t shared = prompt.size();
  for (const std::string& end : item.continuations) {
    const std::vector<int32_t>& text =
        texts.emplace_back(model.plain(item.prompt + end, false).ids);
    const auto differ = std::mismatch(prompt.begin(), prompt.end(), text.begin(), text.end());
    shared = std::min(shared, static_cast<size_t>(differ.first - prompt.begin()));
  }
  Continued out;
  out.shared.assign(prompt.begin(), prompt.begin() + static_cast<std::ptrdiff_t>(shared));
  for (size_t i = 0; i < texts.size(); ++i) {
    if (shared == 0 || texts[i].size() <= shared) {
      return error(Code::invalid, "item `{}`: expected tokens before and in choice {}, found none",
                   excerpt(item.id), i + 1);
    }
    out.ends.emplace_back(texts[i].begin() + static_cast<std::ptrdiff_t>(shared), texts[i].end());
  }
  return out;
}

ReplySource likelihood_replies(const TextModel& model, Engine& engine, LikelihoodReplies options) {
  return [&model, &engine, options = std::move(options)](const std::vector<EvalItem>& items,
                                                         const std::vector<ReplyTask>& tasks,
                                                         const TakeReply& take) -> Status {
    Run run(model, engine, options);
    for (size_t next = 0;;) {
      while (next < tasks.size() && run.has_room()) {
        const EvalItem& item = items[static_cast<size_t>(tasks[next].item)];
        if (Status begun = run.begin(next++, item); !begun.is_ok()) {
          return std::move(begun).at("item " + item.id);
        }
      }
      if (run.done()) return Status::ok();
      run.step();
      TRY(run.take_ended(take));
    }
  };
}

}  // namespace hearth
