// The GGUF reader on any bytes: what it accepts can be asked everything, and its tensors lie whole
// inside the file. The mutator finds the fields of the file and puts hostile numbers into them.
#include <algorithm>

#include "hearth/base/check.h"
#include "hearth/files/fuzz_tools.h"
#include "hearth/files/gguf/gguf.h"
#include "hearth/files/gguf/mutate_gguf.h"
#include "hearth/files/gguf/raw_gguf.h"
#include "hearth/files/outside_bytes.h"

namespace hearth {
namespace {

void ask_everything(const Gguf& gguf, const GgufValue& value) {
  CHECK(gguf.find_value(value.key) == &value);
  CHECK(is_utf8(value.to_string()));
  static_cast<void>(gguf.opt_u32(value.key));
  static_cast<void>(gguf.opt_u64(value.key));
  static_cast<void>(gguf.get_i64(value.key));
  static_cast<void>(gguf.opt_f32(value.key));
  static_cast<void>(gguf.opt_bool(value.key));
  static_cast<void>(gguf.opt_string(value.key));
  int64_t seen = 0;
  if (const auto strings = gguf.get_strings(value.key)) {
    for (const std::string_view text : *strings) {
      seen += static_cast<int64_t>(text.size() + 1);
      if (!text.empty()) seen += text.back() == 'x';
    }
    CHECK_GE(seen, strings->size());
  }
  if (const auto numbers = gguf.get_integers(value.key)) {
    for (int64_t i = 0; i < numbers->size(); ++i) seen += numbers->integer(i) == 7;
  }
  if (const auto numbers = gguf.get_floats(value.key)) {
    for (int64_t i = 0; i < numbers->size(); ++i) seen += numbers->number(i) > 7;
  }
}

}  // namespace
}  // namespace hearth

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto gguf = Gguf::parse(bytes);
  if (!gguf) {
    check_message(gguf.status());
    return 0;
  }
  for (const GgufValue& value : gguf->metadata()) ask_everything(*gguf, value);
  for (const TensorEntry& entry : gguf->tensors()) {
    CHECK(gguf->find(entry.name) == &entry);
    const int64_t begin = entry.tensor.data - bytes.data();
    CHECK(begin >= 0 && entry.bytes > 0 && begin + entry.bytes <= static_cast<int64_t>(size));
    CHECK_EQ(begin % 8, 0);
    CHECK_GT(entry.tensor.shape.elements(), 0);
    if (entry.format) CHECK_EQ(entry.tensor.bytes(), entry.bytes);
  }
  return 0;
}

namespace hearth {
namespace {

std::string random_value(FuzzRandom& random, uint64_t number) {
  const std::string key = random.once_in(8) ? "general.alignment" : fmt::format("k{}", number);
  const auto type = static_cast<GgufType>(random.below(kGgufTypes));
  const auto scalar = [&](GgufType t) {
    if (t == GgufType::string) return raw_text(fmt::format("s{}", random.below(100)));
    std::string bytes = raw(random.once_in(2) ? random.below(2) : random.hostile(32));
    bytes.resize(static_cast<size_t>(gguf_type_bytes(t)));
    if (t == GgufType::boolean) bytes[0] &= 1;
    return bytes;
  };
  if (key == "general.alignment") {
    return raw_value(key, GgufType::u32, raw(uint32_t{8} << random.below(4)));
  }
  if (type != GgufType::array) return raw_value(key, type, scalar(type));
  GgufType element = static_cast<GgufType>(random.below(kGgufTypes));
  if (element == GgufType::array) element = GgufType::string;
  const uint64_t count = random.below(4);
  std::string items;
  for (uint64_t i = 0; i < count; ++i) items += scalar(element);
  return raw_array(key, element, count, items);
}

std::string random_file(FuzzRandom& random) {
  static constexpr std::array<uint32_t, 10> kTypes = {0, 1, 30, 8, 2, 12, 14, 24, 39, 23};
  RawGguf file;
  file.version = random.once_in(4) ? 2 : 3;
  for (uint64_t i = random.below(5); i > 0; --i) file.values.push_back(random_value(random, i));
  file.tensors.clear();
  uint64_t offset = 0;
  for (uint64_t i = random.below(4); i > 0; --i) {
    const GgmlType& type = *ggml_type(random.of(kTypes));
    RawTensor tensor{fmt::format("t{}", i), {}, type.id, offset, {}};
    uint64_t bytes = static_cast<uint64_t>(type.block_bytes);
    tensor.sizes.push_back(static_cast<uint64_t>(type.block_elements));
    for (uint64_t rank = random.below(4); rank > 0; --rank) {
      tensor.sizes.push_back(1 + random.below(2));
      bytes *= tensor.sizes.back();
    }
    offset += (bytes + 63) / 64 * 64;
    file.tensors.push_back(std::move(tensor));
  }
  file.data_bytes = offset;
  return file.encode();
}

}  // namespace
}  // namespace hearth

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace hearth;
  FuzzRandom random(seed);
  std::string file =
      size < 24 || random.once_in(6) ? random_file(random) : std::string(text_of(data, size));
  if (!random.once_in(8)) file = mutate_gguf(std::move(file), random);
  return give(file, data, max_size);
}
