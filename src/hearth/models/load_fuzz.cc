// A whole small checkpoint, a config.json, a NUL and a safetensors file, or a GGUF file: opened and
// loaded, or refused with one line. Memory stays near the size of the file.
#include <algorithm>

#include "hearth/backend/reference/reference_backend.h"
#include "hearth/base/check.h"
#include "hearth/files/fuzz_tools.h"
#include "hearth/files/gguf/mutate_gguf.h"
#include "hearth/files/outside_bytes.h"
#include "hearth/models/load.h"

namespace hearth {
namespace {

// Vectors become floats: those of a format of a quarter byte a weight sixteen times as many bytes.
constexpr int64_t kGrowthMax = 16;

std::string write_checkpoint(std::string_view input) {
  const size_t nul = input.find('\0');
  if (input.starts_with("GGUF") || nul == input.npos) {
    write_fuzz_file("model.gguf", input);
    return fuzz_folder() + "/model.gguf";
  }
  write_fuzz_file("config.json", input.substr(0, nul));
  write_fuzz_file("model.safetensors", input.substr(nul + 1));
  return fuzz_folder();
}

}  // namespace
}  // namespace hearth

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  if (size == 0) return 0;
  const auto checkpoint = Checkpoint::open(write_checkpoint(text_of(data, size)));
  if (!checkpoint) {
    check_message(checkpoint.status());
    return 0;
  }
  ReferenceBackend backend{Activation::f32};
  const auto loaded = load_model(*checkpoint, backend, {});
  if (!loaded) {
    check_message(loaded.status());
    return 0;
  }
  CHECK_LE(loaded->weight_bytes, static_cast<int64_t>(size) * kGrowthMax);
  for (const std::string& notice : loaded->notices) CHECK(is_utf8(notice));
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace hearth;
  FuzzRandom random(seed);
  const std::string all(text_of(data, size));
  const size_t nul = all.find('\0');
  if (all.starts_with("GGUF") || nul == all.npos) {
    return give(mutate_gguf(all, random), data, max_size);
  }
  std::string config = all.substr(0, nul);
  std::string file = all.substr(nul + 1);
  if (random.once_in(2)) {
    config = mutate_json(config, random);
  } else {
    file = mutate_safetensors(file, random);
  }
  return give(config + std::string(1, '\0') + file, data, max_size);
}
