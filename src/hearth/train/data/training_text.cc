// See training_text.h.
#include "hearth/train/data/training_text.h"

#include <fmt/ranges.h>

#include <algorithm>

namespace hearth::train {
namespace {

constexpr int64_t kBadShown = 5;
constexpr int kDepthMax = 16;

bool holds_any(const Json& object, const char* key) {
  const Json* value = json_find(object, key);
  return value && !value->is_null() && !value->empty();
}

Status check_message(const Json& message) {
  TRY_ASSIGN(const std::string role, json_string(message, "role"));
  if (role != "system" && role != "user" && role != "assistant" && role != "tool") {
    return error(Code::corrupt, "`role`: expected system, user, assistant or tool, found \"{}\"",
                 json_excerpt(Json(role)));
  }
  TRY_ASSIGN(const std::string content, json_string(message, "content"));
  TRY_ASSIGN(const std::string thought, json_string_or(message, "reasoning_content", ""));
  if (role == "assistant" && holds_any(message, "tool_calls")) {
    return error(Code::unsupported, "`tool_calls`: expected none, calls of tools are not learned");
  }
  if (role == "assistant" && content.empty() && thought.empty()) {
    return error(Code::corrupt, "an assistant's message: expected text, found none");
  }
  return Status::ok();
}

Result<Json> conversation(const Json& line) {
  TRY_ASSIGN(const Json* messages, json_array(line, "messages"));
  for (size_t i = 0; i < messages->size(); ++i) {
    Status status = check_message((*messages)[i]);
    if (!status.is_ok()) return std::move(status).at(fmt::format("messages[{}]", i));
  }
  if (messages->empty() || messages->back()["role"] != "assistant") {
    return error(Code::corrupt, "`messages`: expected the last to be the assistant's");
  }
  return *messages;
}

Result<Json> prompt_and_completion(const Json& line) {
  TRY_ASSIGN(const std::string prompt, json_string(line, "prompt"));
  TRY_ASSIGN(const std::string completion, json_string(line, "completion"));
  if (completion.empty()) return error(Code::corrupt, "`completion`: expected text, found none");
  return Json::array(
      {{{"role", "user"}, {"content", prompt}}, {{"role", "assistant"}, {"content", completion}}});
}

}  // namespace

Result<TrainingText> parse_training_line(std::string_view line) {
  JsonLimits limits;
  limits.bytes_max = kTrainingLineMax;
  limits.depth_max = kDepthMax;
  TRY_ASSIGN(const Json json, parse_json(line, limits));
  if (holds_any(json, "tools")) {
    return error(Code::unsupported, "`tools`: expected none, calls of tools are not learned");
  }
  TrainingText out;
  if (json_find(json, "messages")) {
    TRY_ASSIGN(out.messages, conversation(json));
  } else if (json_find(json, "prompt")) {
    TRY_ASSIGN(out.messages, prompt_and_completion(json));
    out.is_pair = true;
  } else if (json_find(json, "text")) {
    TRY_ASSIGN(out.text, json_string(json, "text"));
    if (out.text.empty()) return error(Code::corrupt, "`text`: expected text, found none");
  } else {
    return error(Code::corrupt,
                 "expected an object with `messages`, `prompt` and `completion`, or `text`, found "
                 "{}",
                 json_excerpt(json));
  }
  return out;
}

Result<std::vector<TrainingText>> parse_training_lines(std::string_view text) {
  std::vector<TrainingText> out;
  std::vector<std::string> bad;  // the first of them
  int64_t bad_count = 0;
  int64_t number = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = text.substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    auto parsed = parse_training_line(line);
    if (!parsed) {
      if (++bad_count > kBadShown) continue;
      bad.push_back(fmt::format("line {}: {}", number, parsed.status().message()));
      continue;
    }
    parsed->line = number;
    out.push_back(*std::move(parsed));
  }
  if (!bad.empty()) {
    const std::string more =
        bad_count > kBadShown ? fmt::format("; and {} more bad lines", bad_count - kBadShown) : "";
    return error(Code::corrupt, "{}{}", fmt::join(bad, "; "), more);
  }
  if (out.empty()) return error(Code::corrupt, "expected training examples, found none");
  return out;
}

}  // namespace hearth::train
