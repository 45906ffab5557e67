// Any answer, cut anywhere: the events are those of the whole, and no byte of plain text is lost.
#include "hearth/base/check.h"
#include "hearth/files/fuzz_tools.h"
#include "hearth/text/tools/tool_call_parser.h"

namespace hearth {
namespace {

struct Read {
  std::string text;
  std::vector<std::string> names, arguments;
  bool operator==(const Read&) const = default;
};

Read read(ToolDialect dialect, bool marks_in_text, std::string_view answer, size_t piece) {
  ToolCallParser parser(dialect, marks_in_text);
  std::vector<ToolEvent> events;
  for (size_t at = 0; at < answer.size(); at += piece) {
    parser.push(answer.substr(at, piece), events);
  }
  parser.finish(events);
  Read out;
  for (const ToolEvent& e : events) {
    if (e.kind == ToolEvent::Kind::text) out.text += e.text;
    if (e.kind == ToolEvent::Kind::name) {
      CHECK_EQ(e.call, static_cast<int32_t>(out.names.size()));
      out.names.push_back(e.text);
      out.arguments.emplace_back();
    }
    if (e.kind == ToolEvent::Kind::arguments) {
      CHECK_LT(e.call, static_cast<int32_t>(out.names.size()));
      out.arguments[static_cast<size_t>(e.call)] += e.text;
    }
  }
  return out;
}

}  // namespace
}  // namespace hearth

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  if (size < 2) return 0;
  const auto dialect = (data[0] & 1) != 0 ? ToolDialect::hermes : ToolDialect::deepseek;
  const std::string answer(text_of(data + 2, size - 2));
  const Read whole = read(dialect, true, answer, answer.size() + 1);
  CHECK(whole == read(dialect, true, answer, 1 + data[1] % 16));
  const Read unmarked = read(dialect, false, answer, 1 + data[1] % 16);
  CHECK(unmarked.names.empty() && unmarked.text == answer);
  return 0;
}
