// The reader of importance matrices on any bytes: what it accepts can be asked for each of its
// tensors in any shape. The mutator edits the fields of both forms.
#include <algorithm>

#include "hearth/base/check.h"
#include "hearth/convert/imatrix.h"
#include "hearth/files/fuzz_tools.h"
#include "hearth/files/gguf/raw_gguf.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  std::vector<uint64_t> aligned((size + 7) / 8);
  if (size > 0) std::memcpy(aligned.data(), data, size);
  const auto imatrix = Imatrix::parse(std::as_bytes(std::span(aligned)).first(size));
  if (!imatrix) {
    CHECK(imatrix.status().message().find('\n') == std::string::npos);
    return 0;
  }
  for (const auto& [name, entry] : imatrix->entries()) {
    CHECK_GT(entry.size, 0);
    for (const int64_t groups : {int64_t{1}, int64_t{2}, entry.size}) {
      const int64_t columns = std::max<int64_t>(1, entry.size / groups);
      const auto found = imatrix->find(name, groups, columns);
      if (!found) continue;
      CHECK(found->has_value());
      for (int64_t g = 0; g < (*found)->groups; ++g) {
        const float* values = (*found)->of(g);
        for (int64_t c = 0; values && c < columns; ++c) CHECK(values[c] >= 0);
      }
    }
  }
  return 0;
}

namespace hearth {
namespace {

std::string numbers(uint64_t count) {
  std::string bytes;
  for (uint64_t i = 0; i < count; ++i) bytes += raw(static_cast<float>(i) * 0.5f);
  return bytes;
}

std::string dat_file(FuzzRandom& random) {
  const auto count = static_cast<int32_t>(1 + random.below(3));
  std::string bytes = raw(count);
  for (int32_t i = 0; i < count; ++i) {
    const std::string name = fmt::format("blk.{}.attn_q.weight", i);
    const auto size = static_cast<int32_t>(1 + random.below(8));
    bytes += raw(static_cast<int32_t>(name.size())) + name + raw(int32_t{4}) + raw(size);
    bytes += numbers(static_cast<uint64_t>(size));
  }
  return bytes + raw(int32_t{4}) + raw(int32_t{5}) + "a.txt";
}

std::string gguf_file(FuzzRandom& random) {
  const uint64_t groups = 1 + random.below(3);
  RawGguf file;
  file.values = {raw_value("general.type", GgufType::string, raw_text("imatrix"))};
  file.tensors = {RawTensor{"a.weight.in_sum2", {4, groups}, 0, 0, {}},
                  RawTensor{"a.weight.counts", {1, groups}, 0, 64, {}}};
  file.data_bytes = 128;
  return file.encode();
}

}  // namespace
}  // namespace hearth

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace hearth;
  FuzzRandom random(seed);
  std::string file(text_of(data, size));
  if (size < 8 || random.once_in(6))
    file = random.once_in(2) ? dat_file(random) : gguf_file(random);
  switch (random.below(4)) {
    case 0:
      file = mutate_bytes(std::move(file), 32);
      break;
    case 1:
      file.resize(random.below(file.size() + 1));
      break;
    case 2:
      break;
    default: {
      if (file.size() < 8) break;
      const auto value = static_cast<uint32_t>(random.hostile(file.size()));
      std::memcpy(file.data() + random.below(file.size() - 4), &value, sizeof value);
    }
  }
  return give(file, data, max_size);
}
