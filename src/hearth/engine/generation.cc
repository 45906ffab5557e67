// See generation.h.
#include "hearth/engine/generation.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "hearth/engine/answer_stream.h"
#include "hearth/engine/constrain.h"

namespace hearth {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds(Clock::duration d) {
  return std::chrono::duration<double, std::milli>(d).count();
}

AnswerStream::Form form_of(const TextRequest& request) {
  return request.raw ? AnswerStream::Form::raw : chat_form(request.prompt);
}

// One answer on its way to its reply and its listener.
class Answer {
 public:
  Answer(const TextModel& model, const Engine& engine, TextRequest request)
      : model_(model),
        engine_(engine),
        request_(std::move(request)),
        stream_(model.tokenizer(), form_of(request_), request_.stop) {
    if (request_.mark && request_.mark->required) {
      const Tokenizer& tokenizer = model.tokenizer();
      gate_.emplace(tokenizer, ThoughtTracker(tokenizer, form_of(request_)), *request_.mark);
    }
  }

  TokenSink sink() {
    TokenSink sink;
    sink.on_token = [this](int32_t id) { return take(id); };
    sink.on_finish = [this](FinishReason reason) { finish(reason); };
    sink.on_error = [this](Status status) { failure_ = std::move(status); };
    sink.on_prompt = request_.on_prompt;
    sink.on_rows = [this](int64_t rows) { step_rows_ += rows; };
    return sink;
  }
  Result<TokenRequest> token_request() const {
    TokenRequest out;
    out.prompt = request_.prompt.ids;
    out.max_tokens = request_.max_tokens;
    out.sampling = request_.sampling;
    out.stop_ids = model_.stop_ids();
    out.adapter = request_.adapter;
    if (request_.mark) {
      out.keyed =
          make_mark(model_.tokenizer(), form_of(request_), *request_.mark, request_.sampling);
      out.dual_key = request_.mark->keys.draft.has_value();
    }
    TRY(constrain(out, model_, request_.prompt, form_of(request_), request_.grammar,
                  request_.thought));
    return out;
  }

  const Status& failure() const { return failure_; }
  bool done() const { return done_; }
  bool started() const { return !reply_.output_ids.empty() || done_; }
  TextReply take_reply() { return std::move(reply_); }
  // Tokens that were computed for it since the last call.
  int64_t take_step_rows() { return std::exchange(step_rows_, 0); }

 private:
  struct Held {
    int32_t id;
    std::vector<StreamPart> parts;
    bool in_thought;
  };

  static ShownPart shown_of(const std::vector<StreamPart>& parts) {
    ShownPart out;
    for (const StreamPart& part : parts) {
      if (!part.thought) out = {out.bytes + part.text.size(), true};
    }
    return out;
  }

  bool take(int32_t id) {
    reply_.output_ids.push_back(id);
    std::vector<StreamPart> parts = stream_.push(id);
    const bool shown = !gate_ || gate_->take(id, shown_of(parts));
    held_.push_back({id, std::move(parts), stream_.in_thought()});
    return (!shown || show()) && !stream_.stopped();
  }

  // What was held; false: the listener has had enough.
  bool show() {
    for (const Held& held : std::exchange(held_, {})) {
      const bool goes_on =
          held.parts.empty() ? tell(held.id, "", held.in_thought) : pass_on(held.id, held.parts);
      if (!goes_on) return false;
    }
    return true;
  }

  // Parts of one token to the reply and to the listener; false: it has had enough.
  bool pass_on(int32_t id, const std::vector<StreamPart>& parts) {
    for (const StreamPart& part : parts) {
      (part.thought ? reply_.reasoning : reply_.text) += part.text;
      if (!tell(std::exchange(id, -1), part.text, part.thought)) return false;
    }
    return true;
  }

  bool tell(int32_t id, std::string_view text, bool thought) const {
    return !request_.on_token || request_.on_token(id, text, thought);
  }

  void finish(FinishReason reason) {
    std::vector<StreamPart> rest = stream_.finish();
    if (gate_ && !gate_->may_end(shown_of(rest))) {
      if (reason == FinishReason::stop || reason == FinishReason::length) {
        failure_ = error(Code::unsupported,
                         "the answer ended before a word of it could bear the watermark that "
                         "--watermark require asks for; it is withheld");
      }
    } else if (show()) {
      pass_on(-1, rest);
    }
    reply_.finish_reason = reason;
    if (reason == FinishReason::failed && failure_.is_ok()) failure_ = engine_.failure();
    done_ = true;
  }

  const TextModel& model_;
  const Engine& engine_;
  TextRequest request_;
  AnswerStream stream_;
  std::optional<MarkGate> gate_;
  std::vector<Held> held_;
  TextReply reply_;
  Status failure_;
  int64_t step_rows_ = 0;
  bool done_ = false;
};

Status run(Engine& engine, const std::vector<std::unique_ptr<Answer>>& answers,
           const std::vector<int64_t>& ids, Timings& timings,
           const std::function<bool()>& each_step) {
  const Clock::time_point start = Clock::now();
  Clock::time_point first_tokens = start;
  bool prefilling = true;
  while (!std::all_of(answers.begin(), answers.end(), [](auto& a) { return a->done(); })) {
    engine.step();
    if (prefilling &&
        std::all_of(answers.begin(), answers.end(), [](auto& a) { return a->started(); })) {
      first_tokens = Clock::now();
      prefilling = false;
    }
    if (each_step && !each_step()) {
      for (int64_t id : ids) engine.cancel(id);
    }
  }
  if (prefilling) first_tokens = Clock::now();
  timings.prefill_ms = milliseconds(first_tokens - start);
  timings.decode_ms = milliseconds(Clock::now() - first_tokens);
  return Status::ok();
}

}  // namespace

Result<std::vector<TextReply>> generate(const TextModel& model, Engine& engine,
                                        std::vector<TextRequest> requests, Timings* timings,
                                        const std::function<bool()>& each_step) {
  std::vector<std::unique_ptr<Answer>> answers;
  std::vector<int64_t> ids;
  Timings measured;
  for (TextRequest& request : requests) {
    measured.prefill_tokens += static_cast<int64_t>(request.prompt.ids.size());
    answers.push_back(std::make_unique<Answer>(model, engine, std::move(request)));
    Result<int64_t> id = 0;
    if (auto asked = answers.back()->token_request()) {
      id = engine.submit(*std::move(asked), answers.back()->sink());
    } else {
      id = std::move(asked).status();
    }
    if (!id) {
      for (int64_t earlier : ids) engine.cancel(earlier);
      engine.step();  // the answers die with this call: their requests must not outlive them
      return std::move(id).status();
    }
    ids.push_back(*id);
  }
  const DraftStats before = engine.draft_stats();
  TRY(run(engine, answers, ids, measured, each_step));
  measured.drafts = {engine.draft_stats().drafted - before.drafted,
                     engine.draft_stats().accepted - before.accepted};
  std::vector<TextReply> replies;
  for (const auto& answer : answers) {
    if (!answer->failure().is_ok()) return answer->failure();
    replies.push_back(answer->take_reply());
    // The first token of each answer came with its prefill.
    measured.decode_tokens +=
        std::max<int64_t>(0, static_cast<int64_t>(replies.back().output_ids.size()) - 1);
  }
  if (timings) *timings = measured;
  return replies;
}

namespace {

struct Running {
  int64_t index;
  int64_t id;
  std::unique_ptr<Answer> answer;
  Clock::time_point begun;
  double joules = 0;
};

// One step, its energy shared by those that it computed tokens for.
void step_metered(Engine& engine, std::vector<Running>& running, const RequestStream& stream) {
  const double before = stream.joules ? stream.joules() : 0;
  engine.step();
  if (!stream.joules) return;
  const double spent = stream.joules() - before;
  std::vector<int64_t> rows;
  int64_t all = 0;
  for (const Running& r : running) all += rows.emplace_back(r.answer->take_step_rows());
  for (size_t i = 0; i < running.size() && all > 0; ++i) {
    running[i].joules += spent * static_cast<double>(rows[i]) / static_cast<double>(all);
  }
}

}  // namespace

Status generate_each(const TextModel& model, Engine& engine, int64_t together,
                     const RequestStream& stream) {
  std::vector<Running> running;
  int64_t given = 0;
  bool more = true;
  const auto fill = [&]() -> Status {
    while (more && static_cast<int64_t>(running.size()) < together) {
      TRY_ASSIGN(std::optional<TextRequest> request, stream.next());
      if (!request) {
        more = false;
        break;
      }
      auto answer = std::make_unique<Answer>(model, engine, *std::move(request));
      TRY_ASSIGN(TokenRequest tokens, answer->token_request());
      TRY_ASSIGN(const int64_t id, engine.submit(std::move(tokens), answer->sink()));
      running.push_back({given++, id, std::move(answer), Clock::now()});
    }
    return Status::ok();
  };
  // The answers die with this call: no request may outlive them.
  const auto stop = [&](Status why) {
    for (const Running& r : running) engine.cancel(r.id);
    if (!running.empty()) engine.step();
    return why;
  };
  for (;;) {
    if (Status filled = fill(); !filled.is_ok()) return stop(std::move(filled));
    if (running.empty()) return Status::ok();
    step_metered(engine, running, stream);
    for (size_t i = 0; i < running.size();) {
      if (!running[i].answer->done()) {
        ++i;
        continue;
      }
      Running ended = std::move(running[i]);
      running.erase(running.begin() + static_cast<std::ptrdiff_t>(i));
      if (!ended.answer->failure().is_ok()) return stop(ended.answer->failure());
      const ReplyCost cost = {milliseconds(Clock::now() - ended.begun) / 1e3, ended.joules};
      if (stream.on_reply(ended.index, ended.answer->take_reply(), cost)) continue;
      return stop(error(Code::cancelled, "stopped after {} requests", given));
    }
  }
}

}  // namespace hearth
