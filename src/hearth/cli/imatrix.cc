// hearth imatrix: what a text feeds each matrix of a model, for the quantiser.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "hearth/base/mapped_file.h"
#include "hearth/cli/interrupt.h"
#include "hearth/cli/model_options.h"
#include "hearth/cli/progress.h"
#include "hearth/convert/collect_imatrix.h"

namespace hearth::cli {
namespace {

constexpr int64_t kTextBytesMax = int64_t{1} << 30;

struct Options {
  ModelOptions model;
  std::string file;
  std::string out;
  int64_t chunks = 0;
};

// The network itself, whose slots say which weight is which, and the tokenizer beside it.
Status collect(const Options& options, const Session& session) {
  TRY_ASSIGN(const std::string text, read_file(options.file, kTextBytesMax));
  ModelOptions model = options.model;
  model.needs_all_weights = true;
  TRY_ASSIGN(const OpenedModel opened, open_model(model, session));
  TRY_ASSIGN(const Tokenizer tokenizer, load_tokenizer(*opened.checkpoint));
  EncodeOptions encode;
  encode.add_special_prefix_suffix = false;
  const std::vector<int32_t> ids = tokenizer.encode(text, encode);
  const std::optional<int32_t> bos = tokenizer.adds_bos() ? tokenizer.bos() : std::nullopt;

  CollectSettings settings;
  settings.window = options.model.context;
  settings.chunks_max = options.chunks;
  const InterruptGuard interrupt;
  Progress progress(session.say("measuring", "统计中"));
  settings.progress = [&](int64_t done, int64_t total) {
    progress.update(done, total);
    return !interrupt.pressed();
  };
  TRY_ASSIGN(CollectedImatrix collected,
             collect_imatrix(*opened.loaded.model, *opened.backend, ids, bos, settings));
  progress.clear();
  collected.dataset = std::filesystem::path(options.file).filename().string();
  TRY(write_imatrix(options.out, collected));
  if (collected.experts_unseen > 0) {
    fmt::print(stderr, "note: {} experts were not chosen once: take a longer or wider text\n",
               collected.experts_unseen);
  }
  const Json out = {{"path", options.out},
                    {"tensors", collected.tensors.size()},
                    {"chunks", collected.chunks},
                    {"tokens", collected.chunks * collected.window},
                    {"experts_unseen", collected.experts_unseen}};
  if (session.json) {
    fmt::print("{}\n", out.dump(-1, ' ', false, Json::error_handler_t::replace));
  } else {
    fmt::print("{}: {} {}, {} {}\n", options.out, collected.tensors.size(),
               session.say("tensors", "个张量"), collected.chunks * collected.window,
               session.say("tokens", "个词元"));
  }
  return Status::ok();
}

}  // namespace

void add_imatrix(CLI::App& app, Session& session) {
  auto options = std::make_shared<Options>();
  options->model.context = 512;
  CLI::App* verb =
      add_verb(app, session, "imatrix",
               std::string(session.say("Measure which weights matter, for the quantiser",
                                       "统计权重的重要性，供量化使用")),
               "hearth imatrix --model DeepSeek-R1/ --file text.txt --out r1.imatrix.gguf",
               [options, &session] { return collect(*options, session); });
  options->model.declare(*verb, true);
  verb->add_option("--file", options->file, "text to run through the model")->required();
  verb->add_option("--out", options->out, "NAME.gguf, or NAME.dat for llama.cpp's older form")
      ->required();
  verb->add_option("--chunks", options->chunks, "windows of --ctx tokens at most; 0: all")
      ->check(CLI::Range(0, 1 << 24));
}

}  // namespace hearth::cli
