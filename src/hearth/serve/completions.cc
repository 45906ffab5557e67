// See completions.h.
#include "hearth/serve/completions.h"

#include <openssl/rand.h>

#include <utility>

#include "hearth/serve/word.h"

namespace hearth::serve {
namespace {

constexpr size_t kIgnoredShown = 16;
constexpr size_t kIgnoredNameMax = 160;  // a field's, or that of a tool and a keyword
constexpr double kResumableSilence = 1;  // seconds; whoever may take a stream over watches closely

uint64_t random_seed() {
  uint64_t seed = 0;
  CHECK_EQ(RAND_bytes(reinterpret_cast<unsigned char*>(&seed), sizeof seed), 1);
  return seed;
}

std::optional<ApiError> check_length(const Prompt& prompt, int64_t context, const char* field) {
  const auto length = static_cast<int64_t>(prompt.ids.size());
  if (length == 0) return bad_field(field, "empty_prompt", "expected at least one token");
  if (length < context) return std::nullopt;
  return bad_field(field, "context_length_exceeded",
                   fmt::format("`{}`: expected fewer than {} tokens (the context), found {}", field,
                               context, length));
}

// The stream or reply of one request; lives with its connection.
class Completion : public PendingAnswer {
 public:
  Completion(const Tokenizer& tokenizer, ReplyHead head, bool stream,
             std::vector<std::pair<std::string, std::string>> headers, Admitted admitted)
      : tokenizer_(tokenizer),
        head_(std::move(head)),
        stream_(stream),
        echo_(std::move(admitted.echo)),
        headers_(std::move(headers)),
        channel_(std::move(admitted.channel)),
        choices_(static_cast<size_t>(admitted.choices)),
        begun_(choices_.size(), admitted.resume && admitted.resume->resumed),
        labeller_(std::move(admitted.labeller)) {
    if (admitted.resume) marks_.emplace(std::move(admitted.resume->marks));
    std::shared_ptr<const pii::Vault> vault = std::move(admitted.guarded.vault);
    if (!vault) return;
    for (std::string& text : echo_) text = pii::unmask(text, vault);
    restorer_.emplace(std::move(vault), tokenizer_, choices_.size());
  }
  ~Completion() override {
    channel_->set_listener({});
    channel_->abandon(Abandon::disconnected);  // says nothing any more where all is answered
  }

  Progress poll(bool begun) override {
    AnswerChannel::Taken taken = channel_->take();
    if (restorer_) restorer_->restore(taken);
    if (labeller_ && taken.words_out) labeller_->skip_prefix(0);
    if (labeller_) labeller_->label(taken.pieces);
    Progress out;
    out.ended = taken.ended;
    if (taken.error && !begun) {
      out.whole = error_reply(*taken.error);
    } else if (stream_) {
      if (taken.error) out.failure = taken.error->code;
      out.bytes = events(std::move(taken));
    } else {
      for (Piece& p : taken.pieces) choices_[static_cast<size_t>(p.choice)].add(std::move(p));
      if (taken.ended) out.whole = whole(taken.usage);
    }
    return out;
  }

  void set_listener(std::function<void()> listener) override {
    channel_->set_listener(std::move(listener));
  }
  void abandon(Abandon reason) override { channel_->abandon(reason); }
  bool streams() const override { return stream_; }
  std::string sign_of_life() const override {
    const int64_t done = channel_->prompt_done(), all = channel_->prompt_tokens();
    if (done < all) return fmt::format(": prompt {} of {} tokens\n\n", done, all);
    if (const int64_t tokens = channel_->thinking())
      return fmt::format(": thinking {}\n\n", tokens);
    return std::string(kSseKeepAlive);
  }
  std::vector<std::pair<std::string, std::string>> headers() const override { return headers_; }
  Usage usage() const override { return channel_->usage(); }
  double silence_seconds(double usual) const override {
    return marks_ ? std::min(usual, kResumableSilence) : usual;
  }

 private:
  // What comes before the first piece of a choice: its role, its prompt.
  void begin(int32_t choice, std::string& out) {
    const auto i = static_cast<size_t>(choice);
    if (begun_[i]) return;
    begun_[i] = true;
    if (head_.endpoint == Endpoint::chat) out += sse_event(role_chunk_json(head_, choice));
    if (!echo_.empty()) {
      Piece prompt;
      prompt.choice = choice;
      prompt.text = echo_[i];
      out += sse_event(chunk_json(head_, prompt, tokenizer_));
    }
  }

  std::string events(AnswerChannel::Taken taken) {
    std::string out;
    if (marks_ && !std::exchange(marks_opened_, true)) out += marks_->opening();
    bool finished = false;  // then these tokens come again with their end, from whoever resumes
    for (const Piece& piece : taken.pieces) {
      begin(piece.choice, out);
      out += sse_event(chunk_json(head_, piece, tokenizer_));
      finished = finished || !piece.finish.empty();
    }
    if (marks_ && !taken.ids.empty() && !finished) out += marks_->tokens(taken.ids);
    if (!taken.ended) return out;
    if (taken.error) {
      out += sse_event(error_json(*taken.error));
    } else if (head_.include_usage) {
      out += sse_event(usage_chunk_json(head_, taken.usage));
    }
    out += kSseDone;
    return out;
  }

  HttpReply whole(const Usage& usage) {
    for (size_t i = 0; i < echo_.size(); ++i) choices_[i].text.insert(0, echo_[i]);
    HttpReply reply;
    reply.body = reply_json(head_, choices_, usage, tokenizer_);
    reply.headers = headers_;
    return reply;
  }

  const Tokenizer& tokenizer_;
  const ReplyHead head_;
  const bool stream_;
  std::vector<std::string> echo_;  // of each choice; empty: none
  const std::vector<std::pair<std::string, std::string>> headers_;
  const std::shared_ptr<AnswerChannel> channel_;
  std::vector<WholeChoice> choices_;
  std::vector<bool> begun_;
  std::optional<AnswerRestorer> restorer_;  // where the request was masked
  std::optional<AnswerLabeller> labeller_;
  std::optional<ResumeMarks> marks_;  // of a stream that another replica may take over
  bool marks_opened_ = false;
};

}  // namespace

std::optional<ApiError> make_prompts(const TextModel& model, const GenerationRequest& request,
                                     int64_t context, std::vector<Prompt>& out) {
  if (request.endpoint == Endpoint::chat) {
    auto prompt = model.chat(request.chat);
    if (!prompt) return error_of(prompt.status(), "messages");
    out.push_back(*std::move(prompt));
    return check_length(out.back(), context, "messages");
  }
  for (const RawPrompt& raw : request.prompts) {
    Prompt prompt;
    prompt.ids = raw.ids;
    if (raw.ids.empty()) prompt = model.plain(raw.text, false);
    if (auto error = check_length(prompt, context, "prompt")) return error;
    out.push_back(std::move(prompt));
  }
  return std::nullopt;
}

GenerationJob make_job(const TextModel& model, const GenerationRequest& request, int64_t context,
                       std::vector<Prompt> prompts) {
  GenerationJob job;
  job.prompts = std::move(prompts);
  job.n = request.n;
  job.sampling = request.sampling.over(model.defaults());
  job.sampling.seed = request.sampling.seed ? *request.sampling.seed : random_seed();
  job.max_tokens = request.max_tokens.value_or(context);
  job.stop = request.stop;
  job.raw = request.endpoint == Endpoint::completion;
  if (request.logprobs) job.logprobs = request.top_logprobs;
  if (!request.chat.tools.is_null()) job.tools = model.tool_manner()->dialect;
  job.single_call = !request.parallel_tool_calls || !request.named_tool.empty();
  return job;
}

std::shared_ptr<PendingAnswer> pending_completion(
    const Tokenizer& tokenizer, ReplyHead head, bool stream,
    std::vector<std::pair<std::string, std::string>> headers, Admitted admitted) {
  return std::make_shared<Completion>(tokenizer, std::move(head), stream, std::move(headers),
                                      std::move(admitted));
}

// Names that came with the request go into a header: only words may.
std::vector<std::pair<std::string, std::string>> warning_headers(
    const std::vector<std::string>& ignored) {
  std::string names;
  size_t shown = 0;
  for (const std::string& name : ignored) {
    if (!is_word(name, kIgnoredNameMax) || shown++ == kIgnoredShown) continue;
    names += (names.empty() ? "" : ",") + name;
  }
  if (ignored.empty()) return {};
  return {{"X-Hearth-Ignored", names.empty() ? "unnamed" : names}};
}

HttpReply json_reply(std::string body, const std::vector<std::string>& ignored) {
  HttpReply reply;
  reply.body = std::move(body);
  reply.headers = warning_headers(ignored);
  return reply;
}

HttpReply error_reply(const ApiError& error) {
  HttpReply reply;
  reply.status = error.status;
  reply.code = error.code;
  reply.body = error_json(error);
  if (error.retry_after > 0)
    reply.headers.emplace_back("Retry-After", fmt::format("{}", error.retry_after));
  if (error.status == 401) reply.headers.emplace_back("WWW-Authenticate", "Bearer");
  return reply;
}

}  // namespace hearth::serve
