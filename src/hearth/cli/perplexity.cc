// hearth perplexity: how well a model predicts a text, and how far it lies from a reference.
#include <nlohmann/json.hpp>

#include "hearth/base/mapped_file.h"
#include "hearth/cli/model_options.h"
#include "hearth/cli/progress.h"
#include "hearth/eval/perplexity.h"
#include "hearth/eval/stored_logits.h"

namespace hearth::cli {
namespace {

constexpr int64_t kTextBytesMax = int64_t{1} << 30;

struct Options {
  ModelOptions model;
  std::string file;
  std::string against;
  std::string against_logits;
  std::string save_logits;
};

Json to_json(const PerplexityResult& r) {
  Json out = {{"tokens", r.tokens}, {"ppl", r.ppl}, {"ppl_stderr", r.ppl_stderr}};
  if (r.kld_mean) {
    out["kld_mean"] = *r.kld_mean;
    out["kld_p99"] = *r.kld_p99;
    out["same_top1"] = *r.same_top1;
  }
  return out;
}

void print(const PerplexityResult& r) {
  fmt::print("perplexity {:.4f} ± {:.4f} over {} tokens\n", r.ppl, r.ppl_stderr, r.tokens);
  if (r.kld_mean) {
    fmt::print("KL(reference || model): mean {:.6f}, 99% {:.6f} nats; same best token {:.2f}%\n",
               *r.kld_mean, *r.kld_p99, 100 * *r.same_top1);
  }
}

// The reference as stored, held to the same tokenizer.
Result<OpenedText> open_reference(const Options& options, const Session& session,
                                  const std::string& text, const std::vector<int32_t>& ids) {
  ModelOptions reference = options.model;
  reference.model = options.against;
  reference.dtype = "auto";
  reference.kv_format = "auto";
  reference.load_in_8bit = false;
  TRY_ASSIGN(OpenedText opened, open_text_model(reference, session));
  if (opened.model->plain(text, true).ids != ids) {
    return error(Code::invalid, "--against {}: expected the tokenizer of {}, found another",
                 options.against, options.model.model);
  }
  return opened;
}

Status measure(const Options& options, const Session& session) {
  std::optional<StoredLogits> stored;
  if (!options.against_logits.empty()) {
    TRY_ASSIGN(stored, StoredLogits::open(options.against_logits));
  }
  TRY_ASSIGN(const std::string text, read_file(options.file, kTextBytesMax));
  TRY_ASSIGN(const OpenedText subject, open_text_model(options.model, session));
  const std::vector<int32_t> ids = subject.model->plain(text, true).ids;
  OpenedText other;
  std::optional<LogitSource> reference;
  if (!options.against.empty()) {
    TRY_ASSIGN(other, open_reference(options, session, text, ids));
    reference = LogitSource{&other.model->model(), other.backend.get(), Format::f16};
  }
  const Model& model = subject.model->model();
  PerplexitySettings settings;
  settings.window = std::min(options.model.context, model.info().max_position_embeddings - 1);
  settings.against = stored ? &*stored : nullptr;
  const std::optional<int32_t> bos = subject.model->tokenizer().bos();
  std::optional<LogitsWriter> writer;
  if (!options.save_logits.empty()) {
    TRY_ASSIGN(LogitsWriter made,
               LogitsWriter::create(options.save_logits,
                                    {ids, bos, settings.window, model.info().vocab_size}));
    writer.emplace(std::move(made));
    settings.on_logits = [&](std::span<const float> row) { return writer->add(row); };
  }
  Progress progress(session.say("scoring", "评分中"));
  settings.progress = [&](int64_t done, int64_t total) {
    progress.update(done, total);
    return true;
  };
  TRY_ASSIGN(const PerplexityResult result,
             perplexity({&model, subject.backend.get(), kv_format_of(options.model)}, reference,
                        ids, bos, settings));
  progress.clear();
  if (writer) TRY(writer->finish());
  if (session.json) {
    fmt::print("{}\n", to_json(result).dump());
  } else {
    print(result);
  }
  return Status::ok();
}

}  // namespace

void add_perplexity(CLI::App& app, Session& session) {
  auto options = std::make_shared<Options>();
  options->model.context = 512;
  CLI::App* verb =
      add_verb(app, session, "perplexity",
               std::string(session.say("Perplexity of a text, and KL against a reference model",
                                       "计算文本的困惑度，以及与参考模型的 KL 散度")),
               "hearth perplexity --model mini --dtype int8 --against mini --file book.txt",
               [options, &session] { return measure(*options, session); });
  options->model.declare(*verb, true);
  verb->add_option("--file", options->file, "text to score")->required();
  auto* against = verb->add_option("--against", options->against, "reference model, as stored");
  verb->add_option("--against-logits", options->against_logits,
                   "the reference's logits, of --save-logits, instead of itself")
      ->excludes(against);
  verb->add_option("--save-logits", options->save_logits,
                   "the model's logits before each token: FILE.safetensors, float32");
}

}  // namespace hearth::cli
