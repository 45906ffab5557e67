// Whatever a server answers is a reply or refused in one line.
#include "hearth/base/check.h"
#include "hearth/eval/endpoint.h"
#include "hearth/files/fuzz_tools.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  const std::string_view text = text_of(data, size);
  const auto reply = read_completion(text);
  if (!reply) CHECK(reply.status().message().find('\n') == std::string::npos);
  const std::string reason = refusal_text(text);
  CHECK(!reason.empty() && reason.find('\n') == std::string::npos);
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace hearth;
  FuzzRandom random(seed);
  std::string text(text_of(data, size));
  if (text.size() < 16) {
    text = R"({"choices":[{"message":{"content":"<think>a</think>b","reasoning":null},)"
           R"("finish_reason":"stop"}],"usage":{"completion_tokens":3},"error":{"message":"m"}})";
  }
  return give(mutate_json(std::move(text), random), data, max_size);
}
