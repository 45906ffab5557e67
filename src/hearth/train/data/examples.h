// From training text to token ids as the model would meet them: the prompt through the model's own
// chat template, the answer as it would write it, and only the answer to be learned.
#pragma once

#include <string>
#include <vector>

#include "hearth/engine/text_model.h"
#include "hearth/train/data/training_text.h"
#include "hearth/train/network.h"

namespace hearth::train {

struct Example {
  int64_t line = 0;
  std::vector<int32_t> tokens;
  int64_t learned_from = 1;  // tokens from here on are to be predicted; >= 1
};

struct Examples {
  std::vector<Example> items;
  int64_t cut = 0;  // examples that were longer than `length`: their ends are missing
  int64_t first_cut_line = 0;
};

// A conversation gives one example for each of the assistant's messages: what stands before it is
// the prompt, exactly as it is when the model runs (older thoughts left out by R1's template), and
// `reasoning_content` is its thought. Where the prompt opens a thought and the message has none,
// the thought is closed at once. Plain text is learned whole. corrupt, with the line: a template
// that refuses the messages, a prompt that leaves no room below `length` tokens.
Result<Examples> make_examples(const TextModel& model, const std::vector<TrainingText>& texts,
                               int64_t length);

// The examples [begin, end) of `order`, one behind the other.
TokenBatch make_batch(const std::vector<Example>& examples, std::span<const int64_t> order);

// Supervised tokens of an example.
int64_t learned_tokens(const Example& example);

}  // namespace hearth::train
