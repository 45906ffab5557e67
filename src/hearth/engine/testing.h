// What the engine's tests share: an answer as its sink heard it, and held to the sink's contract.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "hearth/engine/engine.h"

namespace hearth::test {

struct Answer {
  std::vector<int32_t> tokens;
  std::optional<FinishReason> reason;
  bool operator==(const Answer&) const = default;
};

inline TokenSink into(Answer& answer) {
  TokenSink sink;
  sink.on_token = [&answer](int32_t id) {
    EXPECT_FALSE(answer.reason.has_value()) << "a token after the end";
    answer.tokens.push_back(id);
    return true;
  };
  sink.on_finish = [&answer](FinishReason reason) {
    EXPECT_FALSE(answer.reason.has_value()) << "finished twice";
    answer.reason = reason;
  };
  return sink;
}

}  // namespace hearth::test
