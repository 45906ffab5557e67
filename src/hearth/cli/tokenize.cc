// hearth tokenize, detokenize, render: the text side of a model, without its weights.
#include <fmt/ranges.h>

#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "hearth/base/mapped_file.h"
#include "hearth/cli/chat_file.h"
#include "hearth/cli/model_options.h"
#include "hearth/cli/store_options.h"

namespace hearth::cli {
namespace {

constexpr int64_t kTextBytesMax = int64_t{1} << 30;

struct Options {
  std::string model;
  std::string tokenizer;
  std::string file;
  std::string chat;
  std::vector<int32_t> ids;
  bool no_bos = false;
  bool parse_special = false;
};

Result<Tokenizer> open_tokenizer(const Options& options, const Session& session) {
  if (!options.tokenizer.empty() && !options.tokenizer.ends_with(".gguf")) {
    TRY_ASSIGN(const std::string json, read_file(options.tokenizer, kCheckpointTextMax));
    auto made = Tokenizer::from_tokenizer_json(json, "");
    if (!made) return std::move(made).status().at(options.tokenizer);
    return made;
  }
  std::string path = options.tokenizer;
  if (path.empty()) {
    TRY_ASSIGN(path, resolve_model(options.model, session));
  }
  TRY_ASSIGN(const Checkpoint checkpoint, Checkpoint::open(path));
  auto made = load_tokenizer(checkpoint);
  if (!made) return std::move(made).status().at(path);
  return made;
}

Status tokenize(const Options& options, const Session& session) {
  TRY_ASSIGN(const Tokenizer tokenizer, open_tokenizer(options, session));
  std::string text;
  if (options.file.empty()) {
    text.assign(std::istreambuf_iterator<char>(std::cin), {});
  } else {
    TRY_ASSIGN(text, read_file(options.file, kTextBytesMax));
  }
  EncodeOptions encode;
  encode.add_special_prefix_suffix = !options.no_bos;
  encode.parse_special = options.parse_special;
  fmt::print("[{}]\n", fmt::join(tokenizer.encode(text, encode), ","));
  return Status::ok();
}

Status detokenize(const Options& options, const Session& session) {
  TRY_ASSIGN(const Tokenizer tokenizer, open_tokenizer(options, session));
  for (int32_t id : options.ids) {
    if (!tokenizer.has(id)) {
      return error(Code::invalid, "--ids: expected ids of tokens in [0, {}), found {}",
                   tokenizer.vocab_size(), id);
    }
  }
  const std::string text = tokenizer.decode(options.ids, false);
  if (session.json) {
    fmt::print("{}\n", Json{{"text", text}}.dump(-1, ' ', false, Json::error_handler_t::replace));
  } else {
    fmt::print("{}\n", text);
  }
  return Status::ok();
}

Status render(const Options& options, const Session& session) {
  TRY_ASSIGN(const std::string path, resolve_model(options.model, session));
  TRY_ASSIGN(const Checkpoint checkpoint, Checkpoint::open(path));
  TRY_ASSIGN(const Tokenizer tokenizer, load_tokenizer(checkpoint));
  TRY_ASSIGN(const std::optional<ChatTemplate> chat, load_chat_template(checkpoint));
  if (!chat) return error(Code::unsupported, "{}: the checkpoint has no chat template", path);
  TRY_ASSIGN(const ChatRequest request, read_chat_file(options.chat));
  TRY_ASSIGN(const RenderedPrompt prompt,
             chat->render(request, tokenizer.bos_text(), tokenizer.eos_text()));
  if (session.json) {
    const Json out = {{"text", prompt.text},
                      {"ids", tokenizer.encode_trusted(prompt.text, prompt.trusted)}};
    fmt::print("{}\n", out.dump(-1, ' ', false, Json::error_handler_t::replace));
  } else {
    fmt::print("{}\n", prompt.text);
  }
  return Status::ok();
}

void declare_source(CLI::App& verb, Options& options) {
  auto* source = verb.add_option_group("source", "whose tokens (one of these)");
  source->add_option("--model", options.model, "checkpoint directory, GGUF file, or a name");
  source->add_option("--tokenizer", options.tokenizer, "tokenizer.json or .gguf");
  source->require_option(1);
}

}  // namespace

void add_tokenize(CLI::App& app, Session& session) {
  auto options = std::make_shared<Options>();
  CLI::App* verb =
      add_verb(app, session, "tokenize",
               std::string(session.say("Token ids of a text, as JSON", "文本的词元编号")),
               "echo -n '你好' | hearth tokenize --model mini",
               [options, &session] { return tokenize(*options, session); });
  declare_source(*verb, *options);
  verb->add_option("--file", options->file, "text file; standard input without it");
  verb->add_flag("--no-bos", options->no_bos, "no beginning-of-sequence token");
  verb->add_flag("--parse-special", options->parse_special,
                 "text of control tokens becomes control tokens");
}

void add_detokenize(CLI::App& app, Session& session) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = add_verb(app, session, "detokenize",
                            std::string(session.say("Text of token ids", "词元编号对应的文本")),
                            "hearth detokenize --model mini --ids 5,9,12",
                            [options, &session] { return detokenize(*options, session); });
  declare_source(*verb, *options);
  add_ids(*verb, "--ids", options->ids)->required();
}

void add_render(CLI::App& app, Session& session) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = add_verb(
      app, session, "render",
      std::string(session.say("The prompt that the chat template makes", "对话模板生成的提示文本")),
      "hearth render --model mini --chat messages.json",
      [options, &session] { return render(*options, session); });
  verb->add_option("--model", options->model, "checkpoint directory, GGUF file, or a name")
      ->required();
  verb->add_option("--chat", options->chat, "JSON file: messages, or {messages, tools}")
      ->required();
}

}  // namespace hearth::cli
