// TextModel: a checkpoint ready to talk: network, tokenizer, chat template and the defaults that
// its authors recommend. What the command line, the server and the evaluation open.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "hearth/backend/backend.h"
#include "hearth/engine/answer_constraint.h"
#include "hearth/engine/sampler.h"
#include "hearth/files/checkpoint.h"
#include "hearth/models/load.h"
#include "hearth/text/template/chat_template.h"
#include "hearth/text/tokenizer/tokenizer.h"
#include "hearth/text/tools/tool_manner.h"

namespace hearth {

// A prompt as the network takes it.
struct Prompt {
  std::vector<int32_t> ids;
  std::string text;
  bool opens_thought = false;   // it ends in <think>: the answer begins inside a thought
  bool closes_thought = false;  // it ends in </think>: there will be none
};

// Owner of everything but the backend. Thread-safe after load (const).
class TextModel {
 public:
  static Result<std::unique_ptr<TextModel>> load(const std::string& path, Backend& backend,
                                                 const LoadOptions& options);

  const Model& model() const { return *loaded_.model; }
  Model& model() { return *loaded_.model; }  // whose tensors may be visited
  const LoadedModel& loaded() const { return loaded_; }
  const Checkpoint& checkpoint() const { return *checkpoint_; }
  const Tokenizer& tokenizer() const { return *tokenizer_; }
  const ChatTemplate* chat_template() const { return template_ ? &*template_ : nullptr; }
  // How the model calls tools; nullopt: it knows no way to.
  const std::optional<ToolManner>& tool_manner() const { return tool_manner_; }
  const std::string& path() const { return path_; }

  const SamplingParams& defaults() const { return defaults_; }
  const std::vector<int32_t>& stop_ids() const { return stop_ids_; }
  const std::vector<uint8_t>& banned() const { return banned_; }  // ids without a token
  // For grammars over answers; made at the first call, which takes a few tenths of a second.
  const ConstraintVocabulary& constraint_vocabulary() const;

  // A conversation through the model's own template. Text of messages never becomes a control
  // token. unsupported: the checkpoint has no template, or no way to call the request's tools.
  // invalid: the template refuses the messages.
  Result<Prompt> chat(const ChatRequest& request) const;
  // Plain text after the beginning-of-sequence token (unless `raw`: nothing is added).
  Prompt plain(std::string_view text, bool raw) const;

 private:
  TextModel() = default;
  Status load_text();
  Result<RenderedPrompt> render(const ChatRequest& request) const;
  Status load_defaults();

  std::string path_;
  std::unique_ptr<Checkpoint> checkpoint_;
  LoadedModel loaded_;
  std::unique_ptr<Tokenizer> tokenizer_;
  std::optional<ChatTemplate> template_;
  std::optional<ToolManner> tool_manner_;
  SamplingParams defaults_;
  std::vector<int32_t> stop_ids_;
  std::vector<uint8_t> banned_;
  mutable std::once_flag vocabulary_made_;
  mutable std::unique_ptr<ConstraintVocabulary> vocabulary_;
};

// The tokenizer of a checkpoint alone, without its weights.
Result<Tokenizer> load_tokenizer(const Checkpoint& checkpoint);
// The chat template of a checkpoint; nullopt: it has none.
Result<std::optional<ChatTemplate>> load_chat_template(const Checkpoint& checkpoint);

}  // namespace hearth
