// See generation_job.h.
#include "hearth/serve/generation_job.h"

#include "hearth/engine/constrain.h"

namespace hearth::serve {

int64_t GenerationJob::prompt_tokens() const {
  int64_t tokens = 0;
  for (const Prompt& p : prompts) tokens += static_cast<int64_t>(p.ids.size());
  return tokens * n;
}

AnswerText::Form GenerationJob::form_of(const Prompt& prompt) const {
  return raw ? AnswerText::Form::raw : chat_form(prompt);
}

const char* GenerationJob::field() const {
  if (pooling) return "input";
  return raw ? "prompt" : "messages";
}

}  // namespace hearth::serve
