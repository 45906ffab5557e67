// Questions with lettered choices: MMLU, CMMLU, C-Eval and XCOPA in the formats of their public
// files. The model thinks and names a letter; the reply is right when the letter is. Or no reply is
// written, and the choice counts that the model finds likeliest.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "hearth/eval/suite.h"

namespace hearth {

std::span<const Suite> choice_suites();

// The same suite by log-likelihood (likelihood.h): its items are plain questions with
// `continuations`, and the reply is the letter of the likeliest. nullptr: no such suite.
const Suite* likelihood_suite(std::string_view name);

// The letter that a reply names, among the first `choices` capital letters: in the last \boxed{},
// else behind "the answer is", 答案是 and their like, else the last one that stands alone. Work is
// linear in the reply.
std::optional<char> chosen_letter(std::string_view reply, size_t choices);

}  // namespace hearth
