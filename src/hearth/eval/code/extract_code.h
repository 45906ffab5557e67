// Finds the program in a reply: the last fenced block of the language that defines what is asked
// for, else the last one of the language, else the whole reply.
#pragma once

#include <string>
#include <string_view>

#include "hearth/eval/code/code_task.h"

namespace hearth::code {

// Work is linear in the reply. `name` is the function asked for; "": any block will do.
std::string extract_code(std::string_view reply, Language language, std::string_view name);

// Where `name` is defined in a program: the start of the line that does; npos: nowhere. In Python
// `def name(` or `class name`, in C++ a line with `name(` whose next brace opens before a `;`.
size_t definition_of(std::string_view program, Language language, std::string_view name);

}  // namespace hearth::code
