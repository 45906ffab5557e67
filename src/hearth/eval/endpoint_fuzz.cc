// Whatever a server answers is a reply or refused in one line.
#include "hearth/base/check.h"
#include "hearth/eval/completion.h"
#include "hearth/files/fuzz_tools.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  const std::string_view text = text_of(data, size);
  const auto reply = read_completion(text);
  if (!reply) check_message(reply.status());
  const std::string reason = refusal_text(text);
  CHECK(!reason.empty() && reason.find('\n') == std::string::npos);
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace hearth;
  return mutate_json_input(
      data, size, max_size, seed,
      R"({"choices":[{"message":{"content":"<think>a</think>b","reasoning":null},)"
      R"("finish_reason":"stop"}],"usage":{"completion_tokens":3},"error":{"message":"m"}})");
}
