// The commands of a chat in the terminal: lines that begin with a slash. One table says their
// names, what they take and what they do, for /help and for running them.
#pragma once

#include <string_view>

#include "hearth/cli/terminal_chat.h"

namespace hearth::cli {

bool is_command(std::string_view line);
// Runs it, and tells on standard error what it did. False: the chat is over. `line` is_command().
bool run_command(std::string_view line, TerminalChat& chat, const Session& session);

}  // namespace hearth::cli
