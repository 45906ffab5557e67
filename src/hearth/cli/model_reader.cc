// See model_reader.h.
#include "hearth/cli/model_reader.h"

#include <fmt/format.h>

#include "hearth/cli/chat_file.h"
#include "hearth/cli/model_options.h"
#include "hearth/engine/generation.h"
#include "hearth/engine/output_format.h"

namespace hearth::cli {
namespace {

class Reader {
 public:
  Reader(const TextModel& model, Backend& backend, const EngineOptions& options,
         std::shared_ptr<grammar::CompiledGrammar> form)
      : model_(model),
        engine_(model.model(), backend, options, model.banned()),
        room_(options.context - kReaderTokens),
        form_(std::move(form)) {}

  Result<pii::ReaderReply> ask(const std::string& question) {
    std::vector<TextRequest> requests(1);
    TRY_ASSIGN(requests[0], request_of(question));
    TRY_ASSIGN(const std::vector<TextReply> replies,
               generate(model_, engine_, std::move(requests)));
    return pii::ReaderReply{replies[0].text, replies[0].finish_reason == FinishReason::stop};
  }

 private:
  Result<TextRequest> request_of(const std::string& question) const {
    TextRequest request;
    if (model_.chat_template()) {
      TRY_ASSIGN(request.prompt, model_.chat(one_message(question)));
    } else {
      request.prompt = model_.plain(question, false);
    }
    const auto tokens = static_cast<int64_t>(request.prompt.ids.size());
    if (tokens > room_) {
      return error(Code::invalid,
                   "--model-reader: expected a passage of at most {} tokens, found {}", room_,
                   tokens);
    }
    request.sampling = model_.defaults();
    request.sampling.temperature = 0;
    request.max_tokens = kReaderTokens;
    request.grammar = form_;
    const Tokenizer& tokenizer = model_.tokenizer();
    if (tokenizer.find("<think>") && tokenizer.find("</think>")) request.thought.tokens_max = 0;
    return request;
  }

  const TextModel& model_;
  Engine engine_;
  const int64_t room_;  // tokens of a question, at most
  const std::shared_ptr<grammar::CompiledGrammar> form_;
};

}  // namespace

Result<pii::NamesRead> read_names_by_model(const std::string& model, std::string_view text,
                                           const Session& session) {
  ModelOptions options;
  options.model = model;
  TRY_ASSIGN(const OpenedText opened, open_text_model(options, session));
  const OutputFormat format = {OutputFormat::Kind::json_schema,
                               std::string(pii::name_reader_schema())};
  TRY_ASSIGN(auto form, compile_format(format, opened.model->constraint_vocabulary().tokens()));
  Reader reader(*opened.model, *opened.backend, engine_options_of(options, opened),
                std::move(form));
  TRY_ASSIGN(pii::NamesRead read, pii::read_names(text, [&](const std::string& question) {
               return reader.ask(question);
             }));
  if (read.cut > 0) {
    fmt::print(stderr, "{} / {} {}\n", read.cut, read.passages,
               session.say("passages: the model's reply was cut off, names in them may be missing",
                           "段：模型的回复被截断，其中的姓名可能有遗漏"));
  }
  return read;
}

}  // namespace hearth::cli
