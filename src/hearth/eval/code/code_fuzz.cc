// A reply's program is found in any text, and a task's JSON is read or refused: what is read and
// written again is read the same.
#include <nlohmann/json.hpp>

#include "hearth/base/check.h"
#include "hearth/eval/code/code_task.h"
#include "hearth/eval/code/extract_code.h"
#include "hearth/files/fuzz_tools.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  const std::string_view text = text_of(data, size);
  for (const code::Language language : {code::Language::python, code::Language::cpp}) {
    for (const char* name : {"", "f"}) {
      const std::string found = code::extract_code(text, language, name);
      CHECK(found.size() <= text.size());
      const size_t definition = code::definition_of(text, language, "f");
      CHECK(definition == text.npos || definition < text.size());
    }
  }
  const auto json = parse_json(text);
  if (!json) return 0;
  const auto task = code::task_from(*json);
  if (!task) return 0;
  const Json written = code::to_json(*task);
  const auto again = code::task_from(written);
  CHECK(again.has_value());
  CHECK(code::to_json(*again) == written);
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace hearth;
  static constexpr std::array<std::string_view, 14> kPieces = {
      "```python\n",
      "```\n",
      "~~~\n",
      "```cpp\n",
      "def f(x):\n",
      "  return 1\n",
      "int f(int x) {",
      "}\n",
      "class f:",
      "````\n",
      R"({"language":"cpp","cases":[{"input":"1","output":"2"}]})",
      R"({"entry_point":"f","cases":[{"args":[1],"expected":null}],"compare":"close"})",
      R"x({"tests":"assert f()","seconds":1e300})x",
      "``` python {x}\n"};
  FuzzRandom random(seed);
  std::string text(text_of(data, size));
  if (random.once_in(3)) return give(mutate_bytes(std::move(text), 16), data, max_size);
  if (random.once_in(2) && text.starts_with('{')) {
    return give(mutate_json(std::move(text), random), data, max_size);
  }
  text.insert(random.below(text.size() + 1), random.of(kPieces));
  return give(text, data, max_size);
}
