// See tool_dialect.h.
#include "hearth/text/tools/tool_dialect.h"

namespace hearth {
namespace {

using Marks = std::array<std::string_view, kToolMarks>;
constexpr Marks kDeepseek = {"<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>",
                             "<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", "<｜tool▁sep｜>"};
constexpr Marks kHermes = {"", "", "<tool_call>", "</tool_call>", ""};

}  // namespace

const std::array<std::string_view, kToolMarks>& tool_mark_texts(ToolDialect dialect) {
  return dialect == ToolDialect::deepseek ? kDeepseek : kHermes;
}

ToolMarkIds::ToolMarkIds(ToolDialect dialect, const Tokenizer& tokenizer) {
  const Marks& texts = tool_mark_texts(dialect);
  for (size_t i = 0; i < kToolMarks; ++i) {
    ids_[i] = texts[i].empty() ? -1 : tokenizer.find(texts[i]).value_or(-1);
    complete_ = complete_ && (texts[i].empty() || ids_[i] >= 0);
  }
}

std::optional<ToolMark> ToolMarkIds::find(int32_t id) const {
  for (size_t i = 0; i < kToolMarks; ++i) {
    if (complete_ && ids_[i] == id && id >= 0) return static_cast<ToolMark>(i);
  }
  return std::nullopt;
}

}  // namespace hearth
