// TerminalChat: one conversation of `hearth run` and the engine it runs on: what was said, and what
// the commands of chat_commands.h change.
#pragma once

#include <memory>
#include <string>

#include "hearth/cli/model_options.h"
#include "hearth/cli/sampling_options.h"
#include "hearth/cli/verb.h"
#include "hearth/cli/watermark_options.h"
#include "hearth/engine/generation.h"

namespace hearth::cli {

struct ChatSetup {
  ModelOptions model;
  SamplingOptions sampling;
  WatermarkOptions watermark;
  std::string system;   // a message before the conversation; "": none
  std::string adapter;  // its path; "": none
};

class TerminalChat {
 public:
  // `session` must outlive it. What is opened is what `setup` names.
  TerminalChat(ChatSetup setup, const Session& session, OpenedText opened,
               std::shared_ptr<const Adapter> adapter);

  // Writes the answer as it comes. cancelled: Ctrl-C. Errors leave the question out again.
  Status answer(const std::string& text);
  // The last question once more, answered with other chances. invalid: there is none.
  Status retry();
  void start_over();
  void set_system(std::string text);

  // {"messages": [...]}, as `hearth generate --chat` reads it too.
  Status save(const std::string& path) const;
  Status load(const std::string& path);
  // A model in place of this one, which goes on with the conversation; both are in memory for a
  // moment. Adapters belong to their model.
  Status use_model(const std::string& path);
  Status use_adapter(const std::string& path);  // "": none
  const std::string& model() const { return setup_.model.model; }

  SamplingOptions& sampling() { return setup_.sampling; }
  void show_thoughts(bool shown) { thoughts_shown_ = shown; }

 private:
  Result<TextRequest> next_request() const;
  Status reply();
  std::unique_ptr<Engine> new_engine() const;

  ChatSetup setup_;
  const Session& session_;
  OpenedText opened_;
  std::shared_ptr<const Adapter> adapter_;
  std::unique_ptr<Engine> engine_;
  Json messages_;
  uint64_t retries_ = 0;  // of the last question
  bool thoughts_shown_ = true;
};

}  // namespace hearth::cli
