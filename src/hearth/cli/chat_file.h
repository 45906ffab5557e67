// Conversations from JSON files: a list of messages, or {messages, tools}.
#pragma once

#include <string>

#include "hearth/text/template/chat_template.h"

namespace hearth::cli {

Result<ChatRequest> read_chat_file(const std::string& path);
ChatRequest one_message(const std::string& content);

}  // namespace hearth::cli
