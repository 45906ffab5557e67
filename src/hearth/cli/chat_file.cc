// See chat_file.h.
#include "hearth/cli/chat_file.h"

#include <nlohmann/json.hpp>

#include "hearth/files/json.h"

namespace hearth::cli {

Result<ChatRequest> read_chat_file(const std::string& path) {
  TRY_ASSIGN(const Json file, read_json_file(path));
  ChatRequest request;
  const Json* messages = file.is_array() ? &file : json_find(file, "messages");
  if (!messages || !messages->is_array()) {
    return error(Code::invalid, "{}: expected a list of messages or an object with `messages`",
                 path);
  }
  request.messages = *messages;
  if (const Json* tools = json_find(file, "tools")) request.tools = *tools;
  return request;
}

ChatRequest one_message(const std::string& content) {
  ChatRequest request;
  request.messages = Json::array({{{"role", "user"}, {"content", content}}});
  return request;
}

}  // namespace hearth::cli
