// hearth generate: one completion of a prompt, a list of ids, or a conversation.
#include <chrono>
#include <nlohmann/json.hpp>

#include "hearth/base/mapped_file.h"
#include "hearth/cli/chat_file.h"
#include "hearth/cli/expert_cache_json.h"
#include "hearth/cli/interrupt.h"
#include "hearth/cli/model_options.h"
#include "hearth/cli/sampling_options.h"
#include "hearth/cli/watermark_options.h"
#include "hearth/engine/generation.h"
#include "hearth/engine/output_format.h"
#include "hearth/files/json.h"
#include "hearth/text/grammar/gbnf.h"

namespace hearth::cli {
namespace {

struct Options {
  ModelOptions model;
  SamplingOptions sampling;
  WatermarkOptions watermark;
  std::string adapter;
  std::string prompt;
  std::vector<int32_t> prompt_ids;
  std::string chat;
  bool raw = false;
  std::string schema, grammar, regex;  // files, but the regex
};

// What the answer must look like, of the flag that was given.
Result<OutputFormat> format_of(const Options& options) {
  OutputFormat format;
  if (!options.schema.empty()) {
    TRY_ASSIGN(const Json schema, read_json_file(options.schema));
    format = {OutputFormat::Kind::json_schema, schema.dump()};
  } else if (!options.grammar.empty()) {
    TRY_ASSIGN(std::string text, read_file(options.grammar, grammar::kGbnfBytesMax));
    format = {OutputFormat::Kind::gbnf, std::move(text)};
  } else if (!options.regex.empty()) {
    format = {OutputFormat::Kind::regex, options.regex};
  }
  return format;
}

Status add_grammar(const Options& options, const TextModel& model, TextRequest& request) {
  TRY_ASSIGN(const OutputFormat format, format_of(options));
  if (format.kind == OutputFormat::Kind::text) return Status::ok();
  auto compiled = compile_format(format, model.constraint_vocabulary().tokens());
  if (!compiled) {
    const std::string& file = options.schema.empty() ? options.grammar : options.schema;
    return std::move(compiled).status().at(file.empty() ? "--regex" : file);
  }
  request.grammar = *std::move(compiled);
  return Status::ok();
}

Result<Prompt> prompt_of(const Options& options, const TextModel& model) {
  if (!options.prompt_ids.empty()) {
    Prompt prompt;
    prompt.ids = options.prompt_ids;
    return prompt;
  }
  if (!options.chat.empty()) {
    TRY_ASSIGN(const ChatRequest request, read_chat_file(options.chat));
    return model.chat(request);
  }
  if (options.raw || !model.chat_template()) return model.plain(options.prompt, options.raw);
  return model.chat(one_message(options.prompt));
}

Json to_json(const TextReply& reply, const std::vector<int32_t>& prompt_ids, const Timings& t,
             double load_ms) {
  return {{"prompt_ids", prompt_ids},
          {"output_ids", reply.output_ids},
          {"text", reply.text},
          {"reasoning", reply.reasoning},
          {"finish_reason", std::string(finish_reason_name(reply.finish_reason))},
          {"timings",
           {{"load_ms", load_ms},
            {"prefill_tokens", t.prefill_tokens},
            {"prefill_ms", t.prefill_ms},
            {"decode_tokens", t.decode_tokens},
            {"decode_ms", t.decode_ms},
            {"drafted", t.drafts.drafted},
            {"accepted", t.drafts.accepted}}}};
}

// `wrote`: null where nothing is to be shown; else whether something was.
TextRequest request_of(const Options& options, const TextModel& model, bool* wrote) {
  TextRequest request;
  request.sampling = options.sampling.over(model.defaults());
  request.max_tokens =
      options.sampling.max_tokens > 0 ? options.sampling.max_tokens : options.model.context;
  request.stop = options.sampling.stop;
  request.thought = options.sampling.thought;
  if (wrote) {
    request.on_token = [wrote](int32_t, std::string_view text, bool) {
      *wrote = *wrote || !text.empty();
      fmt::print("{}", text);
      std::fflush(stdout);
      return true;
    };
  }
  return request;
}

Status run_generate(const Options& options, const Session& session) {
  const auto start = std::chrono::steady_clock::now();
  TRY_ASSIGN(const OpenedText opened, open_text_model(options.model, session));
  const std::chrono::duration<double, std::milli> load = std::chrono::steady_clock::now() - start;
  const TextModel& model = *opened.model;
  TRY_ASSIGN(auto adapter, open_adapter(options.adapter, opened));
  bool wrote = false;
  TextRequest request = request_of(options, model, session.json ? nullptr : &wrote);
  TRY_ASSIGN(request.prompt, prompt_of(options, model));
  request.raw = options.raw;
  request.adapter = std::move(adapter);
  TRY(add_grammar(options, model, request));
  TRY_ASSIGN(request.mark, mark_of(options.watermark, request.sampling, options.adapter));
  const std::vector<int32_t> prompt_ids = request.prompt.ids;
  Engine engine(model.model(), *opened.backend, engine_options_of(options.model, opened),
                model.banned());
  Timings timings;
  const InterruptGuard interrupt;
  std::vector<TextRequest> requests;
  requests.push_back(std::move(request));
  auto made =
      generate(model, engine, std::move(requests), &timings, [&] { return !interrupt.pressed(); });
  if (!made && wrote) fmt::print("\n");  // the error stands on a line of its own
  TRY_ASSIGN(const std::vector<TextReply> replies, std::move(made));
  if (session.json) {
    Json out = to_json(replies[0], prompt_ids, timings, load.count());
    const ExpertCacheStats experts = opened.backend->expert_cache_stats();
    if (experts.active()) out["expert_cache"] = expert_cache_json(experts);
    fmt::print("{}\n", out.dump(-1, ' ', false, Json::error_handler_t::replace));
  } else {
    fmt::print("\n");
  }
  if (replies[0].finish_reason == FinishReason::cancelled) {
    return error(Code::cancelled, "interrupted");
  }
  return Status::ok();
}

}  // namespace

void add_generate(CLI::App& app, Session& session) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = add_verb(
      app, session, "generate",
      std::string(session.say("Complete a prompt or a conversation", "补全一段提示或对话")),
      "hearth generate --model mini --prompt '37*48=?' --temperature 0 --json",
      [options, &session] { return run_generate(*options, session); });
  options->model.declare(*verb, true);
  options->model.declare_drafts(*verb);
  declare_adapter(*verb, options->adapter);
  options->sampling.declare(*verb);
  options->watermark.declare(*verb);
  auto* source = verb->add_option_group("prompt", "what to complete (one of these)");
  source->add_option("--prompt", options->prompt, "text; the chat template is put around it");
  add_ids(*source, "--prompt-ids", options->prompt_ids);
  source->add_option("--chat", options->chat, "JSON file: messages, or {messages, tools}");
  source->require_option(1);
  auto* format = verb->add_option_group("format", "what the answer must be (at most one of these)");
  format->add_option("--json-schema", options->schema,
                     "JSON file: a document valid by this schema");
  format->add_option("--grammar", options->grammar, "file: a text of this GBNF grammar");
  format->add_option("--regex", options->regex, "a text that this expression matches whole");
  format->require_option(0, 1);
  verb->add_flag("--raw", options->raw,
                 "no template, no beginning-of-sequence token; a thought is text like all else");
}

}  // namespace hearth::cli
