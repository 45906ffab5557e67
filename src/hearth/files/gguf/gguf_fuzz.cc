// The GGUF reader on any bytes: what it accepts can be asked everything, and its tensors lie whole
// inside the file. The mutator finds the fields of the file and puts hostile numbers into them.
#include <algorithm>

#include "hearth/base/check.h"
#include "hearth/files/fuzz_tools.h"
#include "hearth/files/gguf/gguf.h"
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

struct Field {
  size_t at;
  size_t width;
};

// Follows the layout as far as it makes sense and notes each length, count, type, size and offset.
class FieldWalk {
 public:
  explicit FieldWalk(const std::string& bytes) : bytes_(bytes) {
    number(4);
    const uint64_t tensors = number(8);
    const uint64_t values = number(8);
    for (uint64_t i = 0; i < values && good(); ++i) {
      at_ += number(8);
      value(number(4), 0);
    }
    for (uint64_t i = 0; i < tensors && good(); ++i) {
      at_ += number(8);
      const uint64_t rank = number(4);
      for (uint64_t d = 0; d < rank && good(); ++d) number(8);
      number(4);
      number(8);
    }
  }
  const std::vector<Field>& fields() const { return fields_; }

 private:
  bool good() const { return at_ < bytes_.size() && fields_.size() < 500; }

  uint64_t number(size_t width) {
    if (at_ > bytes_.size() || bytes_.size() - at_ < width) {
      at_ = bytes_.size();
      return 0;
    }
    uint64_t found = 0;
    std::memcpy(&found, bytes_.data() + at_, width);
    fields_.push_back({at_, width});
    at_ += width;
    return std::min<uint64_t>(found, bytes_.size());
  }

  void value(uint64_t type, int depth) {
    if (type == 8) {
      at_ += number(8);
    } else if (type == 9 && depth == 0) {
      const uint64_t element = number(4);
      const uint64_t count = number(8);
      for (uint64_t i = 0; i < count && good(); ++i) value(element, 1);
    } else if (type < kGgufTypes) {
      number(
          static_cast<size_t>(std::max<int64_t>(gguf_type_bytes(static_cast<GgufType>(type)), 1)));
    }
  }

  const std::string& bytes_;
  size_t at_ = 4;
  std::vector<Field> fields_;
};

std::string mutate_fields(std::string bytes, FuzzRandom& random) {
  const FieldWalk walk(bytes);
  if (walk.fields().empty()) return bytes;
  for (uint64_t edits = 1 + random.below(2); edits > 0; --edits) {
    const Field field = walk.fields()[random.below(walk.fields().size())];
    uint64_t old = 0;
    std::memcpy(&old, bytes.data() + field.at, field.width);
    const uint64_t fresh = random.hostile(random.once_in(2) ? old : bytes.size());
    std::memcpy(bytes.data() + field.at, &fresh, field.width);
  }
  return bytes;
}

}  // namespace
}  // namespace hearth

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace hearth;
  FuzzRandom random(seed);
  std::string file =
      size < 24 || random.once_in(6) ? random_file(random) : std::string(text_of(data, size));
  switch (random.below(8)) {
    case 0:
      file = mutate_bytes(std::move(file), 32);
      break;
    case 1:
      file.resize(random.below(file.size() + 1));
      break;
    case 2:
      break;
    default:
      file = mutate_fields(std::move(file), random);
  }
  return give(file, data, max_size);
}
