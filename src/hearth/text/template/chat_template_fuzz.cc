// Any bytes as a template over one fixed conversation: no crash, no leak, small limits hold.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "hearth/text/template/chat_template.h"

namespace {

hearth::ChatRequest conversation() {
  hearth::ChatRequest request;
  request.messages = hearth::Json::parse(R"([
    {"role": "system", "content": "s"}, {"role": "user", "content": "<think>é\n</think>x"},
    {"role": "assistant", "content": null, "tool_calls": [
      {"type": "function", "function": {"name": "f", "arguments": {"a": [1, 2.5, true]}}}]},
    {"role": "tool", "content": [{"type": "text", "text": "t"}]}])");
  request.tools = hearth::Json::parse(R"([{"function": {"name": "f", "parameters": {}}}])");
  request.extra = hearth::Json::parse(R"({"i": 7, "x": 2.5, "s": "Ab c", "l": [3, 1, 2]})");
  request.now.emplace();
  return request;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const hearth::ChatRequest kConversation = conversation();
  hearth::TemplateLimits limits;
  limits.steps_max = 20'000;
  limits.memory_bytes_max = 4 << 20;
  limits.output_bytes_max = 1 << 20;
  limits.nesting_max = 60;
  limits.evaluation_max = 120;
  const std::string_view source(reinterpret_cast<const char*>(data), size);
  const auto compiled = hearth::ChatTemplate::compile(source, limits);
  if (!compiled) return 0;
  const auto prompt = compiled->render(kConversation, "<BOS>", "<EOS>");
  if (!prompt) return 0;
  // Ranges are in order, apart from each other, inside the text.
  int64_t end = -1;
  for (const hearth::ByteRange& range : prompt->trusted) {
    if (range.begin <= end || range.end <= range.begin) __builtin_trap();
    end = range.end;
  }
  if (end > static_cast<int64_t>(prompt->text.size())) __builtin_trap();
  return 0;
}
