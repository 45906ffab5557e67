// What is laid over one answer beside its sampling: a grammar, a bound of its thought, or both,
// which then agree on where the thought is. For whoever puts a prompt on the engine.
#pragma once

#include <memory>

#include "hearth/engine/answer_stream.h"
#include "hearth/engine/engine.h"
#include "hearth/engine/text_model.h"
#include "hearth/engine/thought_limit.h"
#include "hearth/text/grammar/matcher.h"

namespace hearth {

// How the answer to a prompt of a chat begins.
AnswerStream::Form chat_form(const Prompt& prompt);

// Sets the mask and the forced tokens of `request`. `form`: that the answer is shown in. `grammar`:
// of the answer after its thought; null: none. unsupported: a bound of the thought, of a model that
// has no marks around one.
Status constrain(TokenRequest& request, const TextModel& model, const Prompt& prompt,
                 AnswerStream::Form form, std::shared_ptr<grammar::CompiledGrammar> grammar,
                 const ThoughtOptions& thought);

}  // namespace hearth
