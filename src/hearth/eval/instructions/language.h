// Whether a text is in a language: by its script, and where languages share one by their commonest
// words. Coarser than a trained classifier, and the same on every machine.
#pragma once

#include <string_view>

namespace hearth::instructions {

bool is_known_language(std::string_view code);  // of ISO 639-1, as in "de"

// `text` is valid UTF-8. Most letters are of the language's script; of the languages that share it
// none has more of its commonest words in the text. A text without any such word is judged by its
// script alone; one without letters is in no language.
bool is_in_language(std::string_view text, std::string_view code);

}  // namespace hearth::instructions
