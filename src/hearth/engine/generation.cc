// See generation.h.
#include "hearth/engine/generation.h"

#include <algorithm>
#include <chrono>
#include <memory>

#include "hearth/text/stream/incremental_detokenizer.h"
#include "hearth/text/stream/reasoning_splitter.h"
#include "hearth/text/stream/stop_matcher.h"

namespace hearth {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds(Clock::duration d) {
  return std::chrono::duration<double, std::milli>(d).count();
}

// One answer on its way from tokens to text. Stop strings are looked for in the reply only: a
// thought may well speak of them.
class Answer {
 public:
  Answer(const TextModel& model, TextRequest request)
      : model_(model),
        request_(std::move(request)),
        splitter_(request_.prompt.opens_thought),
        stops_(request_.stop) {}

  TokenSink sink() {
    TokenSink sink;
    sink.on_token = [this](int32_t id) { return take(id); };
    sink.on_finish = [this](FinishReason reason) { finish(reason); };
    return sink;
  }
  TokenRequest token_request() const {
    TokenRequest out;
    out.prompt = request_.prompt.ids;
    out.max_tokens = request_.max_tokens;
    out.sampling = request_.sampling;
    out.stop_ids = model_.stop_ids();
    return out;
  }

  bool done() const { return done_; }
  bool started() const { return !reply_.output_ids.empty() || done_; }
  TextReply take_reply() { return std::move(reply_); }

 private:
  // <think> and </think> are control tokens in some vocabularies and plain ones in others; both
  // ways the splitter must see them, while no other control token is text.
  bool visible(int32_t id) const {
    if (!model_.tokenizer().is_special(id)) return true;
    const std::string_view text = model_.tokenizer().token_bytes(id);
    return text == "<think>" || text == "</think>";
  }

  bool take(int32_t id) {
    reply_.output_ids.push_back(id);
    std::string text;
    if (visible(id)) text = detokenizer_.push(model_.tokenizer().token_bytes(id));
    return pass_on(id, splitter_.push(text));
  }

  // Parts of one token to the reply and to the listener; false ends the answer.
  bool pass_on(int32_t id, const std::vector<StreamPart>& parts) {
    bool told = false;
    for (const StreamPart& part : parts) {
      const std::string certain = part.thought ? part.text : stops_.push(part.text);
      (part.thought ? reply_.reasoning : reply_.text) += certain;
      if (!tell(told ? -1 : id, certain, part.thought)) return false;
      told = true;
    }
    if (!told && id >= 0 && !tell(id, "", splitter_.in_thought())) return false;
    return !stops_.matched();
  }

  bool tell(int32_t id, std::string_view text, bool thought) const {
    return !request_.on_token || request_.on_token(id, text, thought);
  }

  void finish(FinishReason reason) {
    if (!stops_.matched()) {
      std::vector<StreamPart> parts = splitter_.push(detokenizer_.finish());
      pass_on(-1, parts);
      pass_on(-1, splitter_.finish());
      if (!stops_.matched()) {
        const std::string held = stops_.finish();
        reply_.text += held;
        if (!held.empty()) tell(-1, held, false);
      }
    }
    reply_.finish_reason = reason;
    done_ = true;
  }

  const TextModel& model_;
  TextRequest request_;
  IncrementalDetokenizer detokenizer_;
  ReasoningSplitter splitter_;
  StopMatcher stops_;
  TextReply reply_;
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
    answers.push_back(std::make_unique<Answer>(model, std::move(request)));
    auto id = engine.submit(answers.back()->token_request(), answers.back()->sink());
    if (!id) {
      for (int64_t earlier : ids) engine.cancel(earlier);
      engine.step();  // the answers die with this call: their requests must not outlive them
      return std::move(id).status();
    }
    ids.push_back(*id);
  }
  TRY(run(engine, answers, ids, measured, each_step));
  std::vector<TextReply> replies;
  for (const auto& answer : answers) {
    replies.push_back(answer->take_reply());
    // The first token of each answer came with its prefill.
    measured.decode_tokens +=
        std::max<int64_t>(0, static_cast<int64_t>(replies.back().output_ids.size()) - 1);
  }
  if (timings) *timings = measured;
  return replies;
}

}  // namespace hearth
