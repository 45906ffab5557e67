// The structure-aware mutator of GGUF files that fuzz targets share: it finds the fields of a file
// and puts hostile numbers into them. For fuzz targets only.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "hearth/files/fuzz_tools.h"
#include "hearth/files/gguf/gguf_types.h"

namespace hearth {

struct GgufField {
  size_t at;
  size_t width;
};

// Follows the layout as far as it makes sense and notes each length, count, type, size and offset.
class GgufFieldWalk {
 public:
  explicit GgufFieldWalk(const std::string& bytes) : bytes_(bytes) {
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
  const std::vector<GgufField>& fields() const { return fields_; }

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
  std::vector<GgufField> fields_;
};

inline std::string mutate_gguf_fields(std::string bytes, FuzzRandom& random) {
  const GgufFieldWalk walk(bytes);
  if (walk.fields().empty()) return bytes;
  for (uint64_t edits = 1 + random.below(2); edits > 0; --edits) {
    const GgufField field = walk.fields()[random.below(walk.fields().size())];
    uint64_t old = 0;
    std::memcpy(&old, bytes.data() + field.at, field.width);
    const uint64_t fresh = random.hostile(random.once_in(2) ? old : bytes.size());
    std::memcpy(bytes.data() + field.at, &fresh, field.width);
  }
  return bytes;
}

// Fields mostly; now and then any bytes, or the file cut off.
inline std::string mutate_gguf(std::string bytes, FuzzRandom& random) {
  switch (random.below(7)) {
    case 0:
      return mutate_bytes(std::move(bytes), 32);
    case 1:
      bytes.resize(random.below(bytes.size() + 1));
      return bytes;
    default:
      return mutate_gguf_fields(std::move(bytes), random);
  }
}

}  // namespace hearth
