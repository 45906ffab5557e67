// See constrain.h.
#include "hearth/engine/constrain.h"

#include <utility>

#include "hearth/engine/answer_constraint.h"

namespace hearth {

AnswerStream::Form chat_form(const Prompt& prompt) {
  return prompt.opens_thought ? AnswerStream::Form::chat_in_thought : AnswerStream::Form::chat;
}

Status constrain(TokenRequest& request, const TextModel& model, const Prompt& prompt,
                 AnswerStream::Form form, std::shared_ptr<grammar::CompiledGrammar> grammar,
                 const ThoughtOptions& thought) {
  // Behind a prompt that closed the thought a grammar holds at once, and leaves none to bound.
  if (grammar && prompt.closes_thought) form = AnswerStream::Form::raw;
  if (thought.limits()) {
    TRY_ASSIGN(request.forced, make_thought_limit(model, form, thought));
  }
  if (!grammar) return Status::ok();
  auto constraint =
      std::make_shared<AnswerConstraint>(model.constraint_vocabulary(), std::move(grammar), form);
  request.mask = [constraint](std::span<const int32_t> answer, std::span<uint8_t> banned) {
    return constraint->mask(answer, banned);
  };
  return Status::ok();
}

}  // namespace hearth
