// How a family of models writes calls of tools into its answers: which marks stand around a call.
// A row of a table for each, which the parser and the prompt read.
//
//   deepseek  <｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>NAME
//             ```json
//             {ARGUMENTS}
//             ```<｜tool▁call▁end｜> more calls <｜tool▁calls▁end｜>                V3, R1
//             <｜tool▁call▁begin｜>NAME<｜tool▁sep｜>{ARGUMENTS}<｜tool▁call▁end｜>     V3.1 and
//             later
//   hermes    <tool_call>
//             {"name": "NAME", "arguments": {ARGUMENTS}}
//             </tool_call>                                                  Qwen
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "hearth/text/tokenizer/tokenizer.h"

namespace hearth {

enum class ToolDialect : uint8_t { deepseek, hermes };
enum class ToolMark : uint8_t { calls_begin, calls_end, call_begin, call_end, separator };
inline constexpr size_t kToolMarks = 5;

// The text of each mark, by ToolMark; empty: the dialect has none.
const std::array<std::string_view, kToolMarks>& tool_mark_texts(ToolDialect dialect);

// The marks as tokens of a vocabulary.
class ToolMarkIds {
 public:
  ToolMarkIds(ToolDialect dialect, const Tokenizer& tokenizer);

  // False: the vocabulary writes marks in several tokens, so that their text must be looked for.
  bool complete() const { return complete_; }
  std::optional<ToolMark> find(int32_t id) const;
  // By ToolMark, -1 for those that the dialect doesn't have; empty where not complete().
  std::span<const int32_t> ids() const {
    return complete_ ? std::span<const int32_t>(ids_) : std::span<const int32_t>();
  }

 private:
  std::array<int32_t, kToolMarks> ids_;  // -1: none
  bool complete_ = true;
};

}  // namespace hearth
