// Every scheme on any checkpoint: a `quantization_config`, a NUL, a safetensors file. What is found
// decodes within its tensors, in windows as in the whole, and is held or refused with one line.
#include <cmath>
#include <cstring>
#include <set>

#include "hearth/base/check.h"
#include "hearth/files/fuzz_tools.h"
#include "hearth/models/stored_tensor.h"

namespace hearth {
namespace {

constexpr int64_t kElementsMax = 1 << 16;

void exercise(const ForeignWeight& weight) {
  const Shape& shape = weight.shape();
  if (shape.elements() == 0 || shape.elements() > kElementsMax) return;
  const int64_t columns = shape.columns();
  std::vector<float> whole(static_cast<size_t>(shape.elements()));
  weight.decode({0, shape.rows(), 0, columns}, whole.data());
  const Window window{shape.rows() / 2, (shape.rows() + 1) / 2, columns / 3, (columns + 2) / 3};
  std::vector<float> part(static_cast<size_t>(window.rows * window.columns));
  weight.decode(window, part.data());
  for (int64_t r = 0; r < window.rows; ++r) {
    const float* from = whole.data() + (window.row + r) * columns + window.column;
    CHECK(std::memcmp(part.data() + r * window.columns, from,
                      static_cast<size_t>(window.columns) * 4) == 0);
  }
  Buffer memory(Tensor::packed_row_bytes(weight.home(), columns) * shape.rows());
  const Tensor held = Tensor::packed(weight.home(), shape, memory.data());
  const Status written = write_rows(weight, held);
  if (!written.is_ok()) check_message(written);
}

std::string module_of(const std::string& name) {
  const size_t weight = name.find(".weight");
  return name.substr(0, weight == name.npos ? name.rfind('.') : weight);
}

}  // namespace
}  // namespace hearth

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  const std::string_view text = text_of(data, size);
  const size_t nul = text.find('\0');
  if (nul == text.npos) return 0;
  write_fuzz_file("config.json",
                  fmt::format(R"({{"quantization_config":{}}})", text.substr(0, nul)));
  write_fuzz_file("model.safetensors", text.substr(nul + 1));
  const auto checkpoint = Checkpoint::open(fuzz_folder());
  if (!checkpoint) return 0;
  const auto tensors = StoredTensors::of(*checkpoint);
  if (!tensors) {
    check_message(tensors.status());
    return 0;
  }
  std::set<std::string> modules;
  for (const TensorEntry& entry : checkpoint->tensors()) modules.insert(module_of(entry.name));
  for (const std::string& module : modules) {
    for (const Shape& shape : {Shape{64, 128}, Shape{8, 32}, Shape{16, 8}}) {
      TensorSpec spec;
      spec.name = module + ".weight";
      spec.shape = shape;
      const auto found = tensors->find(spec);
      if (!found) {
        check_message(found.status());
      } else if (*found && (*found)->foreign) {
        exercise(*(*found)->foreign);
      }
    }
  }
  return 0;
}

// Half of the edits go into the JSON: of the config, or of the header that names the tensors.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace hearth;
  FuzzRandom random(seed);
  std::string all(text_of(data, size));
  const size_t nul = all.find('\0');
  if (nul == all.npos || random.once_in(2)) return give(mutate_bytes(all, 16), data, max_size);
  std::string config = all.substr(0, nul);
  if (random.once_in(2)) config = mutate_json(config, random);
  const std::string file = mutate_safetensors(all.substr(nul + 1), random);
  return give(config + std::string(1, '\0') + file, data, max_size);
}
