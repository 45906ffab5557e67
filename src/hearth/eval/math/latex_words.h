// The vocabulary of the lexer: what a command or a word of an answer stands for.
#pragma once

#include <string_view>

#include "hearth/eval/math/latex_lexer.h"

namespace hearth::math {

// What `\name` means. `skipped`: it changes looks only. `text`: a group of words follows.
enum class CommandUse { token, skipped, text, unknown };
struct CommandMeaning {
  CommandUse use = CommandUse::unknown;
  TokenKind kind = TokenKind::command;
  std::string_view text;
};
CommandMeaning meaning_of_command(std::string_view name);

// What one character beyond ASCII means; `unknown` for letters of a text.
CommandMeaning meaning_of_character(uint32_t code_point);

bool is_function(std::string_view word);   // of one argument, written without brackets at times
bool is_unit(std::string_view word);       // of two letters, which else were a product
bool is_word(std::string_view word);       // short, but no product
bool is_separator(std::string_view word);  // between the items of a list: "and", "or"

}  // namespace hearth::math
