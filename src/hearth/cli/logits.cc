// hearth logits: the raw logits of a prompt, as float32 .npy, for whoever checks us.
#include <nlohmann/json.hpp>

#include "hearth/cli/model_options.h"
#include "hearth/cli/npy.h"
#include "hearth/engine/engine.h"

namespace hearth::cli {
namespace {

struct Options {
  ModelOptions model;
  std::vector<int32_t> prompt_ids;
  std::string out;
};

Status logits(const Options& options, const Session& session) {
  TRY_ASSIGN(const OpenedModel opened, open_model(options.model, session));
  const Model& model = *opened.loaded.model;
  EngineOptions engine_options;
  engine_options.context = static_cast<int64_t>(options.prompt_ids.size()) + 1;
  if (options.model.kv_format == "auto") {
    engine_options.kv_format = Format::f32;
  } else {
    engine_options.kv_format = kv_format_of(options.model);
  }
  Engine engine(model, *opened.backend, engine_options, {});
  std::vector<float> values;
  TokenRequest request;
  request.prompt = options.prompt_ids;
  request.max_tokens = 0;
  TokenSink sink;
  sink.on_logits = [&](std::span<const float> row) {
    values.insert(values.end(), row.begin(), row.end());
  };
  TRY(engine.submit(std::move(request), std::move(sink)));
  while (!engine.idle()) engine.step();
  const auto tokens = static_cast<int64_t>(options.prompt_ids.size());
  const int64_t vocab = model.info().vocab_size;
  TRY(write_npy(options.out, values, tokens, vocab));
  const Json result = {{"tokens", tokens}, {"vocab", vocab}};
  fmt::print(session.json ? stdout : stderr, "{}\n", result.dump());
  return Status::ok();
}

}  // namespace

void add_logits(CLI::App& app, Session& session) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = add_verb(app, session, "logits",
                            std::string(session.say("Write the logits of a prompt to a .npy file",
                                                    "把提示的 logits 写入 .npy 文件")),
                            "hearth logits --model mini --prompt-ids 0,5,9 --out logits.npy",
                            [options, &session] { return logits(*options, session); });
  options->model.declare(*verb, true);
  add_ids(*verb, "--prompt-ids", options->prompt_ids)->required();
  verb->add_option("--out", options->out, "float32 .npy file [tokens, vocab]")->required();
}

}  // namespace hearth::cli
