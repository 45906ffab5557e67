// Stored logits on any safetensors file: what opens answers for each of its rows, and for texts
// that are not its own, or is refused with one line.
#include <cmath>

#include "hearth/base/check.h"
#include "hearth/eval/stored_logits.h"
#include "hearth/files/fuzz_tools.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  write_fuzz_file("logits.safetensors", text_of(data, size));
  const auto stored = StoredLogits::open(fuzz_folder() + "/logits.safetensors");
  if (!stored) {
    check_message(stored.status());
    return 0;
  }
  for (const LogitsSubject& subject :
       {LogitsSubject{{1, 2, 3}, 1, 128, 4}, LogitsSubject{{1, 2, 3}, std::nullopt, 64, 3}}) {
    const Status fits = stored->check(subject);
    if (!fits.is_ok()) check_message(fits);
  }
  for (int64_t i = 0; i < 64; ++i) {
    const auto row = stored->rows(i, 1);
    if (!row) {
      check_message(row.status());
      break;
    }
    CHECK(row->size() == 1 && !row->front().empty());
    for (const float value : row->front()) CHECK(std::isfinite(value));
  }
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace hearth;
  FuzzRandom random(seed);
  return give(mutate_safetensors(std::string(text_of(data, size)), random), data, max_size);
}
