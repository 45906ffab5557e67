// hearth run: a chat in the terminal, or one answer. The thought is dimmed, the answer plain, the
// speed told on standard error. What a chat is: terminal_chat.h, its commands: chat_commands.h.
#include <filesystem>
#include <iostream>
#include <iterator>

#include "hearth/cli/chat_commands.h"
#include "hearth/cli/line_input.h"
#include "hearth/cli/model_options.h"
#include "hearth/cli/store_options.h"
#include "hearth/cli/terminal_chat.h"

namespace hearth::cli {
namespace {

struct Options : ChatSetup {
  std::vector<std::string> words;  // [MODEL] [PROMPT]
  std::string prompt;
  bool no_history = false;
};

// With one word it may be either: it is a model when it looks like a path or exists as one.
bool looks_like_model(const std::string& word) {
  std::error_code ignored;
  return word == "mini" || word.starts_with("/") || word.starts_with("./") ||
         word.starts_with("../") || word.starts_with("~/") || word.ends_with(".gguf") ||
         std::filesystem::exists(word, ignored) || names_a_model(word);
}

// A word that names a model is stronger than a variable or a file, not than --model.
Status place_words(Options& options, const Session& session) {
  std::vector<std::string> words = options.words;
  const bool by_flag = !options.model.model.empty() && !session.configured.contains("--model");
  const bool first_is_model =
      !words.empty() && !by_flag && (words.size() > 1 || looks_like_model(words[0]));
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

Status converse(TerminalChat& chat, const Session& session, bool no_history) {
  fmt::print(
      stderr, "{}\n",
      session.say("Ask something. /help lists commands, Ctrl-C stops an answer, Ctrl-D leaves.",
                  "请输入问题。/help 显示命令，Ctrl-C 停止回答，Ctrl-D 退出。"));
  ChatHistory history(no_history ? "" : ChatHistory::usual_path());
  LineInput input(history);
  while (const std::optional<std::string> line = input.read_message("> ")) {
    if (line->find_first_not_of(" \t") == std::string::npos) continue;
    if (is_command(*line)) {
      if (!run_command(*line, chat, session)) break;
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
  TRY(place_words(options, session));
  TRY_ASSIGN(OpenedText opened, open_text_model(options.model, session));
  TRY_ASSIGN(auto adapter, open_adapter(options.adapter, opened));
  TerminalChat chat(options, session, std::move(opened), std::move(adapter));
  if (!options.prompt.empty()) return chat.answer(options.prompt);
  if (stdin_is_terminal()) return converse(chat, session, options.no_history);
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
  verb->add_flag("--no-history", options->no_history,
                 "what is typed in a chat is not read from or kept in a file");
}

}  // namespace hearth::cli
