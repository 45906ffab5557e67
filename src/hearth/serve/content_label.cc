// See content_label.h.
#include "hearth/serve/content_label.h"

#include <nlohmann/json.hpp>

namespace hearth::serve {

bool takes_explicit_label(const GenerationRequest& request) {
  return request.endpoint == Endpoint::chat && request.chat.tools.is_null() &&
         request.format.kind == OutputFormat::Kind::text;
}

void AnswerLabeller::label(std::vector<Piece>& pieces) {
  for (Piece& piece : pieces) {
    if (piece.thought || piece.call >= 0) continue;
    const auto choice = static_cast<size_t>(piece.choice);
    const bool last = !piece.finish.empty();
    if (!begun_[choice] && (!piece.text.empty() || last)) {
      begun_[choice] = true;
      piece.text.insert(0, prefix_);
    }
    if (last) piece.text += suffix_;
  }
}

void remove_explicit_labels(GenerationRequest& request) {
  if (!request.chat.messages.is_array()) return;
  for (Json& message : request.chat.messages) {
    const Json* const role = json_find(message, "role");
    if (!role || *role != "assistant") continue;
    const auto content = message.find("content");
    if (content == message.end() || !content->is_string()) continue;
    *content = label::without_explicit_text(content->get_ref<const std::string&>());
  }
}

}  // namespace hearth::serve
