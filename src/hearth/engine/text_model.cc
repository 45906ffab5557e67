// See text_model.h.
#include "hearth/engine/text_model.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "hearth/engine/model_defaults.h"
#include "hearth/text/template/template_source.h"
#include "hearth/text/tokenizer/vocabulary_data.h"

namespace hearth {
namespace {

constexpr std::string_view kAssistant = "<｜Assistant｜>";  // how R1's prompts end
constexpr std::string_view kThink = "<think>";
constexpr std::string_view kThinkEnd = "</think>";
constexpr std::string_view kForcedThought = "<think>\n";

}  // namespace

Result<Tokenizer> load_tokenizer(const Checkpoint& checkpoint) {
  if (const Gguf* gguf = checkpoint.gguf()) {
    TRY_ASSIGN(VocabularyData data, vocabulary_from_gguf(*gguf));
    return Tokenizer::from_vocabulary(std::move(data));
  }
  TRY_ASSIGN(const std::string json, checkpoint.text("tokenizer.json"));
  std::string config;
  if (checkpoint.has("tokenizer_config.json")) {
    TRY_ASSIGN(config, checkpoint.text("tokenizer_config.json"));
  }
  return Tokenizer::from_tokenizer_json(json, config);
}

Result<std::optional<ChatTemplate>> load_chat_template(const Checkpoint& checkpoint) {
  TRY_ASSIGN(const std::string source, chat_template_source(checkpoint));
  if (source.empty()) return std::optional<ChatTemplate>();
  auto compiled = ChatTemplate::compile(source);
  if (!compiled) return std::move(compiled).status().at("chat template");
  return std::optional<ChatTemplate>(*std::move(compiled));
}

Result<std::unique_ptr<TextModel>> TextModel::load(const std::string& path, Backend& backend,
                                                   const LoadOptions& options) {
  std::unique_ptr<TextModel> out(new TextModel());
  out->path_ = path;
  TRY_ASSIGN(Checkpoint checkpoint, Checkpoint::open(path));
  out->checkpoint_ = std::make_unique<Checkpoint>(std::move(checkpoint));
  TRY(out->load_text().at(path));  // before the weights: a bad vocabulary is found at once
  TRY_ASSIGN(out->loaded_, load_model(*out->checkpoint_, backend, options));
  TRY(out->load_defaults().at(path));
  return out;
}

Status TextModel::load_text() {
  TRY_ASSIGN(Tokenizer tokenizer, load_tokenizer(*checkpoint_));
  tokenizer_ = std::make_unique<Tokenizer>(std::move(tokenizer));
  TRY_ASSIGN(template_, load_chat_template(*checkpoint_));
  if (template_) tool_manner_ = find_tool_manner(*template_, *tokenizer_);
  return Status::ok();
}

Status TextModel::load_defaults() {
  const int64_t vocab = loaded_.model->info().vocab_size;
  if (tokenizer_->vocab_size() > vocab) {
    return error(Code::corrupt, "tokenizer: expected at most {} tokens (the model's), found {}",
                 vocab, tokenizer_->vocab_size());
  }
  banned_.assign(static_cast<size_t>(vocab), 0);
  for (int32_t id = 0; id < static_cast<int32_t>(vocab); ++id) {
    banned_[static_cast<size_t>(id)] = tokenizer_->has(id) ? 0 : 1;
  }
  stop_ids_ = stated_stop_ids(checkpoint_->generation_config());
  if (stop_ids_.empty()) stop_ids_ = stated_stop_ids(checkpoint_->config());
  if (tokenizer_->eos()) stop_ids_.push_back(*tokenizer_->eos());
  std::sort(stop_ids_.begin(), stop_ids_.end());
  stop_ids_.erase(std::unique(stop_ids_.begin(), stop_ids_.end()), stop_ids_.end());
  // Ids of a larger vocabulary: the model has no logit for them, so it never stops there.
  std::erase_if(stop_ids_, [vocab](int32_t id) { return id >= vocab; });
  TRY_ASSIGN(defaults_, recommended_sampling(checkpoint_->generation_config()));
  return Status::ok();
}

// Tools first put into the form that the template takes.
Result<RenderedPrompt> TextModel::render(const ChatRequest& request) const {
  const auto calls = [](const Json& message) { return message.contains("tool_calls"); };
  const bool offers = request.tools.is_array() && !request.tools.empty();
  if (!offers && std::none_of(request.messages.begin(), request.messages.end(), calls)) {
    return template_->render(request, tokenizer_->bos_text(), tokenizer_->eos_text());
  }
  if (!tool_manner_) {
    return error(Code::unsupported, "{}: the model has no way to call tools", path_);
  }
  ChatRequest fitted = request;
  const std::string description = apply_tool_manner(*tool_manner_, fitted);
  TRY_ASSIGN(RenderedPrompt rendered,
             template_->render(fitted, tokenizer_->bos_text(), tokenizer_->eos_text()));
  const size_t found = rendered.text.find(description);
  if (!description.empty() && found != std::string::npos) {
    // The marks of our own example are marks; what it says of the tools is the client's text.
    const size_t end = found + description.size();
    const size_t begin = end - tool_call_example(tool_manner_->dialect).size();
    rendered.trusted.push_back({static_cast<int64_t>(begin), static_cast<int64_t>(end)});
    std::ranges::sort(rendered.trusted, {}, &ByteRange::begin);
  }
  return rendered;
}

Result<Prompt> TextModel::chat(const ChatRequest& request) const {
  if (!template_) {
    return error(Code::unsupported,
                 "{}: the checkpoint has no chat template; use a plain prompt instead", path_);
  }
  TRY_ASSIGN(RenderedPrompt rendered, render(request));
  // DeepSeek's guide: an R1 prompt must end in "<think>\n", which older templates leave out.
  const bool forced = request.add_generation_prompt && rendered.text.ends_with(kAssistant) &&
                      tokenizer_->find(kThink).has_value();
  if (forced) {
    const auto begin = static_cast<int64_t>(rendered.text.size());
    rendered.text += kForcedThought;
    rendered.trusted.push_back({begin, static_cast<int64_t>(rendered.text.size())});
  }
  Prompt prompt;
  prompt.ids = tokenizer_->encode_trusted(rendered.text, rendered.trusted);
  std::string_view tail = rendered.text;
  while (!tail.empty() && tail.back() == '\n') tail.remove_suffix(1);
  prompt.opens_thought = request.add_generation_prompt && tail.ends_with(kThink);
  prompt.closes_thought = request.add_generation_prompt && tail.ends_with(kThinkEnd);
  prompt.text = std::move(rendered.text);
  return prompt;
}

const ConstraintVocabulary& TextModel::constraint_vocabulary() const {
  std::call_once(vocabulary_made_, [this] {
    std::optional<ToolMarkIds> marks;
    if (tool_manner_) marks.emplace(tool_manner_->dialect, *tokenizer_);
    vocabulary_ = std::make_unique<ConstraintVocabulary>(
        *tokenizer_, loaded_.model->info().vocab_size, stop_ids_,
        marks ? marks->ids() : std::span<const int32_t>());
  });
  return *vocabulary_;
}

Prompt TextModel::plain(std::string_view text, bool raw) const {
  Prompt prompt;
  prompt.text = text;
  EncodeOptions options;
  options.add_special_prefix_suffix = !raw;
  prompt.ids = tokenizer_->encode(text, options);
  return prompt;
}

}  // namespace hearth
