// Files of records are read or refused; a run compared with itself shows no difference.
#include "hearth/base/check.h"
#include "hearth/eval/compare.h"
#include "hearth/files/fuzz_tools.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  const auto stored = parse_records(text_of(data, size), "records");
  if (!stored) return 0;
  const auto comparison = compare_runs(*stored, *stored);
  // One item under two prompts is refused.
  if (!comparison) return 0;
  CHECK(comparison->verdict == Verdict::no_difference && comparison->difference == 0);
  CHECK(comparison->unpaired == 0);
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace hearth;
  static constexpr std::string_view kRecord =
      R"({"id":"a","item":0,"sample":0,"prompt":"p","answer":"a","reply":"r","reasoning":"",)"
      R"("tokens":3,"finish_reason":"stop","right":true,"value":1.0,"note":""})";
  FuzzRandom random(seed);
  std::string text(text_of(data, size));
  if (text.size() < 16) text = "{\"run\":{\"suite\":\"s\"}}\n" + std::string(kRecord) + "\n";
  if (random.once_in(4)) text += std::string(kRecord) + "\n";
  return give(mutate_json(std::move(text), random), data, max_size);
}
