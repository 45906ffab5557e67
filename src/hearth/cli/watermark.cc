// hearth watermark key, hearth detect: the key that answers are marked with, and the test of a
// text.
#include <sys/stat.h>

#include <filesystem>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "hearth/base/mapped_file.h"
#include "hearth/cli/model_options.h"
#include "hearth/cli/store_options.h"
#include "hearth/cli/verb.h"
#include "hearth/files/atomic_file.h"
#include "hearth/guard/watermark/detector.h"

namespace hearth::cli {
namespace {

constexpr int64_t kTextBytesMax = 1 << 26;

struct KeyOptions {
  std::string path;
  std::vector<std::string> sources;
  int window = watermark::kWindowDefault;
  bool dual_key = false;
};

struct DetectOptions {
  std::string key_file;
  std::string model = "mini";
  std::string text;
  double level = watermark::kLevelDefault;
};

// Never over a key that is there: what it marked could not be found any more.
Status make_key(const KeyOptions& options, const Session& session) {
  std::error_code ignored;
  if (std::filesystem::exists(options.path, ignored)) {
    return error(Code::invalid, "{}: expected no such file, found one", options.path);
  }
  TRY_ASSIGN(const watermark::Keyring ring,
             watermark::Keyring::make(options.sources, options.window, options.dual_key));
  TRY(write_whole(options.path, ring.to_json(), S_IRUSR | S_IWUSR));
  if (session.json) {
    const Json out = {{"path", options.path}, {"id", ring.id()}, {"sources", ring.sources()}};
    fmt::print("{}\n", out.dump());
  } else {
    fmt::print("{}: {} {}\n", options.path, session.say("key", "密钥"), ring.id());
  }
  return Status::ok();
}

Result<std::string> text_of(const DetectOptions& options) {
  if (!options.text.empty()) return read_file(options.text, kTextBytesMax);
  std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  if (static_cast<int64_t>(text.size()) > kTextBytesMax) {
    return error(Code::invalid, "standard input: expected at most {} bytes", kTextBytesMax);
  }
  return text;
}

Status detect(const DetectOptions& options, const Session& session) {
  TRY_ASSIGN(const watermark::Keyring ring, watermark::Keyring::read(options.key_file));
  TRY_ASSIGN(const std::string text, text_of(options));
  TRY_ASSIGN(const std::string path, resolve_model(options.model, session));
  TRY_ASSIGN(const Checkpoint checkpoint, Checkpoint::open(path));
  TRY_ASSIGN(const Tokenizer tokenizer, load_tokenizer(checkpoint));
  EncodeOptions plain;
  plain.add_special_prefix_suffix = false;
  const watermark::Detection found =
      watermark::detect(tokenizer.encode(text, plain), ring.derive_all());
  const bool marked = found.p_value <= options.level;
  if (session.json) {
    Json out = {{"watermarked", marked},
                {"p_value", found.p_value},
                {"tokens_scored", found.tokens_scored},
                {"source_id", nullptr}};
    if (marked) out["source_id"] = found.source;
    fmt::print("{}\n", out.dump());
    return Status::ok();
  }
  const std::string_view verdict = marked ? session.say("watermarked by", "带有水印，来源")
                                          : session.say("no watermark found", "未发现水印");
  fmt::print("{}{}{}: p = {:.2g}, {} {}\n", verdict, marked ? " " : "", marked ? found.source : "",
             found.p_value, found.tokens_scored, session.say("tokens scored", "个词元参与计分"));
  return Status::ok();
}

}  // namespace

void add_watermark(CLI::App& app, Session& session) {
  CLI::App* group =
      app.add_subcommand("watermark", std::string(session.say("Keys of watermarks", "水印的密钥")));
  group->require_subcommand(1);
  group->footer("Example:\n  hearth watermark key mark.key --source clinic/r1-1.5b");
  auto options = std::make_shared<KeyOptions>();
  CLI::App* verb = add_verb(*group, session, "key",
                            std::string(session.say("make a key file, readable by you alone",
                                                    "生成仅本人可读的密钥文件")),
                            "hearth watermark key mark.key --source clinic/r1-1.5b",
                            [options, &session] { return make_key(*options, session); });
  verb->add_option("FILE", options->path, "the file to write")->required();
  verb->add_option(
          "--source", options->sources,
          "ORGANISATION/MODEL or ORGANISATION/MODEL:ADAPTER whose answers it marks; may be "
          "given again")
      ->required()
      ->allow_extra_args(false);
  verb->add_option("--window", options->window,
                   "tokens of context: fewer bear more edits and are easier to forge")
      ->check(CLI::Range(1, watermark::kWindowMax))
      ->capture_default_str();
  verb->add_flag(
      "--dual-key", options->dual_key,
      "guesses of a draft model or of mtp are drawn by a key of their own: more are right, "
      "marks are weaker, and the same request may get another answer");
}

void add_detect(CLI::App& app, Session& session) {
  auto options = std::make_shared<DetectOptions>();
  CLI::App* verb = add_verb(
      app, session, "detect",
      std::string(session.say("Whether a text bears our watermark", "检测文本是否带有我们的水印")),
      "hearth detect --key-file mark.key --model mini --text answer.txt --json",
      [options, &session] { return detect(*options, session); });
  verb->add_option("--key-file", options->key_file, "the key that marked it")->required();
  verb->add_option("--model", options->model, "the model that may have written it: its tokenizer")
      ->capture_default_str();
  verb->add_option("--text", options->text, "text file; standard input without it");
  verb->add_option("--level", options->level,
                   "largest p-value that is called watermarked: so many false alarms")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
}

}  // namespace hearth::cli
