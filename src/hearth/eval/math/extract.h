// Finds the answer in a reply: what stands in the last \boxed{}, after "####" on the last
// line, after "the answer is" (or 答案是, 故选 ...), or else the last number.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hearth::math {

enum class AnswerPlace { boxed, hashes, phrase, last_number };
std::string_view answer_place_name(AnswerPlace place);

struct ExtractedAnswer {
  std::string text;  // not empty; LaTeX or plain, without $ around it; digits are ASCII's
  AnswerPlace place;
};

// Work is linear in the reply. nullopt: no box, no mark and no number.
std::optional<ExtractedAnswer> extract_answer(std::string_view reply);

// The content of the last complete \boxed{...} or \fbox{...}, braces balanced ("\{" and "\}" don't
// count), a box inside a box opened: "\boxed{\boxed{5}}" is 5. An empty box is none.
std::optional<std::string> last_boxed(std::string_view text);

// The last decimal number of a text, with its sign, thousands separators removed.
std::optional<std::string> last_number(std::string_view text);

}  // namespace hearth::math
