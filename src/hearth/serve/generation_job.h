// GenerationJob: a request in tokens, as the engine's loop takes it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hearth/engine/answer_mark.h"
#include "hearth/engine/engine.h"
#include "hearth/engine/pooling.h"
#include "hearth/engine/text_model.h"
#include "hearth/engine/thought_limit.h"
#include "hearth/serve/answer_channel.h"
#include "hearth/serve/answer_text.h"

namespace hearth::serve {

// Choice i answers prompt i / n.
struct GenerationJob {
  std::vector<Prompt> prompts;
  int64_t n = 1;
  SamplingParams sampling;  // the seed is that of choice 0
  int64_t max_tokens = 0;
  std::vector<std::string> stop;
  std::optional<Pooling> pooling;  // set: embeddings of the prompts, instead of answers
  std::shared_ptr<grammar::CompiledGrammar> grammar;  // of the answers; null: none
  int64_t priority = 0;                               // lower goes first
  uint64_t tenant = 0;               // only its own requests share cached prompts with it
  bool raw = false;                  // a completion: no thought is split off
  std::optional<ToolDialect> tools;  // calls of tools are read from the reply
  ThoughtOptions thought;
  std::optional<watermark::Mark> mark;  // how the answers are drawn; absent: by the seed
  bool single_call = false;             // the first of them ends it
  bool resumable = false;  // its channel is told the tokens, too: another replica may go on with it
  std::vector<int32_t> generated;          // another one did: the beginning of the one answer
  std::optional<int64_t> logprobs;         // how many alternatives; absent: none are wanted
  std::shared_ptr<const Adapter> adapter;  // null: the bare model
  std::optional<std::chrono::steady_clock::time_point> deadline;  // the client's
  std::shared_ptr<AnswerChannel> channel;
  std::function<void(const Usage&)> on_end;  // told by the engine's thread; may be empty
  int64_t at_once = 0;  // choices in the engine at the same time; set by the loop
  std::chrono::steady_clock::time_point arrival;  // when the loop took it; set by the loop

  int64_t choices() const { return n * static_cast<int64_t>(prompts.size()); }
  int64_t prompt_tokens() const;  // of all choices
  AnswerText::Form form_of(const Prompt& prompt) const;
  const char* field() const;  // of the request that its prompts came in
};

}  // namespace hearth::serve
