// hearth run: a chat in the terminal, or one answer. The thought is dimmed, the answer plain, the
// speed told on standard error.
#include <filesystem>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "hearth/cli/chat_view.h"
#include "hearth/cli/interrupt.h"
#include "hearth/cli/line_input.h"
#include "hearth/cli/model_options.h"
#include "hearth/cli/sampling_options.h"
#include "hearth/cli/watermark_options.h"
#include "hearth/engine/generation.h"

namespace hearth::cli {
namespace {

struct Options {
  ModelOptions model;
  SamplingOptions sampling;
  WatermarkOptions watermark;
  std::string adapter;
  std::vector<std::string> words;  // [MODEL] [PROMPT]
  std::string prompt;
  std::string system;
};

// With one word it may be either: it is a model when it looks like a path or exists as one.
bool looks_like_model(const std::string& word) {
  std::error_code ignored;
  return word == "mini" || word.starts_with("/") || word.starts_with("./") ||
         word.starts_with("../") || word.starts_with("~/") || word.ends_with(".gguf") ||
         std::filesystem::exists(word, ignored);
}

Status place_words(Options& options) {
  std::vector<std::string> words = options.words;
  const bool first_is_model = !words.empty() && options.model.model.empty() &&
                              (words.size() > 1 || looks_like_model(words[0]));
  if (first_is_model) {
    options.model.model = words[0];
    words.erase(words.begin());
  }
  if (words.size() > 1) {
    return error(Code::invalid, "expected [MODEL] [PROMPT], found `{}` too; quote the prompt",
                 words[1]);
  }
  if (!words.empty()) options.prompt = words[0];
  return Status::ok();
}

// One conversation and the engine it runs on.
class Chat {
 public:
  Chat(const Options& options, const Session& session, OpenedText opened,
       std::shared_ptr<const Adapter> adapter)
      : options_(options),
        session_(session),
        opened_(std::move(opened)),
        adapter_(std::move(adapter)),
        engine_(opened_.model->model(), *opened_.backend, engine_options_of(options.model),
                opened_.model->banned()) {
    start_over();
  }

  void start_over() {
    messages_ = Json::array();
    if (options_.system.empty()) return;
    messages_.push_back({{"role", "system"}, {"content", options_.system}});
  }

  Status answer(const std::string& text) {
    messages_.push_back({{"role", "user"}, {"content", text}});
    TRY_ASSIGN(TextRequest request, next_request());
    const auto prompt_tokens = static_cast<int64_t>(request.prompt.ids.size());
    ChatView view(session_);
    request.on_token = [&](int32_t, std::string_view part, bool thought) {
      view.show(part, thought);
      return true;
    };
    Timings timings;
    std::vector<TextRequest> requests;
    requests.push_back(std::move(request));
    const InterruptGuard interrupt;
    TRY_ASSIGN(const std::vector<TextReply> replies,
               generate(*opened_.model, engine_, std::move(requests), &timings,
                        [&] { return !interrupt.pressed(); }));
    view.finish(replies[0], timings, prompt_tokens);
    messages_.push_back({{"role", "assistant"}, {"content", replies[0].text}});
    const bool stopped = replies[0].finish_reason == FinishReason::cancelled;
    return stopped ? error(Code::cancelled, "interrupted") : Status::ok();
  }

 private:
  Result<TextRequest> next_request() const {
    ChatRequest chat;
    chat.messages = messages_;
    TextRequest request;
    TRY_ASSIGN(request.prompt, opened_.model->chat(chat));
    request.sampling = options_.sampling.over(opened_.model->defaults());
    request.max_tokens =
        options_.sampling.max_tokens > 0 ? options_.sampling.max_tokens : options_.model.context;
    request.stop = options_.sampling.stop;
    request.thought = options_.sampling.thought;
    request.adapter = adapter_;
    TRY_ASSIGN(request.mark, mark_of(options_.watermark, request.sampling, options_.adapter));
    return request;
  }

  const Options& options_;
  const Session& session_;
  OpenedText opened_;
  std::shared_ptr<const Adapter> adapter_;
  Engine engine_;
  Json messages_;
};

Status converse(Chat& chat, const Session& session) {
  fmt::print(stderr, "{}\n",
             session.say("Ask something. /new starts over, Ctrl-C stops an answer, Ctrl-D leaves.",
                         "请输入问题。/new 重新开始，Ctrl-C 停止回答，Ctrl-D 退出。"));
  LineInput input;
  while (const std::optional<std::string> line = input.read("> ")) {
    if (line->find_first_not_of(" \t") == std::string::npos) continue;
    if (*line == "/bye" || *line == "/exit") break;
    if (*line == "/new") {
      chat.start_over();
      continue;
    }
    const Status status = chat.answer(*line);
    if (status.is_ok() || status.code() == Code::cancelled) continue;
    // Most often the conversation has outgrown the context; the next question must work again.
    fmt::print(stderr, "{}\n", status.message());
    chat.start_over();
  }
  return Status::ok();
}

Status run(Options options, const Session& session) {
  TRY(place_words(options));
  TRY_ASSIGN(OpenedText opened, open_text_model(options.model, session));
  TRY_ASSIGN(auto adapter, open_adapter(options.adapter, opened));
  Chat chat(options, session, std::move(opened), std::move(adapter));
  if (!options.prompt.empty()) return chat.answer(options.prompt);
  if (stdin_is_terminal()) return converse(chat, session);
  const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  if (text.empty()) return error(Code::invalid, "expected a prompt on standard input, found none");
  return chat.answer(text);
}

}  // namespace

void add_run(CLI::App& app, Session& session) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = add_verb(app, session, "run",
                            std::string(session.say("Chat with a model, or get one answer",
                                                    "与模型对话，或得到一个回答")),
                            "hearth run '37*48=?'\n  hearth run DeepSeek-R1-Distill-Qwen-1.5B/",
                            [options, &session] { return run(*options, session); });
  verb->add_option("WORDS", options->words, "a model, a prompt, or both in this order")
      ->type_name("[MODEL] [PROMPT]");
  options->model.declare(*verb, false);
  options->model.declare_drafts(*verb);
  declare_adapter(*verb, options->adapter);
  options->sampling.declare(*verb);
  options->watermark.declare(*verb);
  verb->add_option("--system", options->system, "a system message before the conversation");
}

}  // namespace hearth::cli
