// One line of training data, as text: JSON with a conversation, a prompt and its completion, or
// plain text. Outside input: read within limits, refused with what was expected and what was found.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/files/json.h"

namespace hearth::train {

inline constexpr int64_t kTrainingBytesMax = int64_t{1} << 30;  // of a file
inline constexpr int64_t kTrainingLineMax = 16 << 20;

struct TrainingText {
  int64_t line = 0;  // from 1
  Json messages;     // array of {role, content, ...}, the last by the assistant; null: plain text
  bool is_pair = false;  // the messages are a prompt and a completion
  std::string text;
};

// {"messages": [...]}, {"prompt": "...", "completion": "..."} or {"text": "..."}; other keys are
// ignored. unsupported: `tools`, or `tool_calls` of an assistant.  corrupt: anything else.
Result<TrainingText> parse_training_line(std::string_view line);

// All lines of a JSONL text; blank ones are skipped. corrupt: the first bad lines with their
// numbers, and how many there are.
Result<std::vector<TrainingText>> parse_training_lines(std::string_view text);

}  // namespace hearth::train
