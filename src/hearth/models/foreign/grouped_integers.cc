// See grouped_integers.h.
#include "hearth/models/foreign/grouped_integers.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "hearth/formats/f16/f16.h"
#include "hearth/formats/q4_0/q4_0.h"
#include "hearth/formats/q4_1/q4_1.h"
#include "hearth/formats/q8_0/q8_0.h"
#include "hearth/models/foreign/parts.h"

namespace hearth {
namespace {

constexpr int kBlock = 32;  // of Q4_0, Q4_1 and Q8_0

uint32_t word_at(const PackedCodes& codes, int64_t index) {
  uint32_t word = 0;
  std::memcpy(&word, codes.data + index * codes.word_bytes, static_cast<size_t>(codes.word_bytes));
  return codes.is_signed ? word ^ (1u << (codes.bits - 1)) : word;
}

// The four-bit codes of 32 columns as Q4_0 and Q4_1 hold them.
void put_nibbles(const uint8_t* codes, uint8_t* out) {
  for (int i = 0; i < kBlock / 2; ++i) {
    out[i] = static_cast<uint8_t>(codes[i] | codes[i + kBlock / 2] << 4);
  }
}

class GroupedIntegers final : public ForeignWeight {
 public:
  explicit GroupedIntegers(const GroupedLayout& layout)
      : ForeignWeight(layout.shape, Format::f16), layout_(layout) {
    set_stored(layout.bulk, layout.stored_bytes);
    set_home(choose_home());
  }

  void decode(const Window& window, float* out) const override {
    std::vector<uint8_t> codes(static_cast<size_t>(window.rows * window.columns));
    layout_.codes.read(window, codes.data());
    std::vector<Group> groups(static_cast<size_t>(group_count()));
    const uint8_t* code = codes.data();
    for (int64_t r = 0; r < window.rows; ++r) {
      read_groups(window.row + r, groups);
      for (int64_t c = window.column; c < window.column + window.columns; ++c) {
        const Group& group = groups[static_cast<size_t>(group_of(c))];
        *out++ = static_cast<float>(*code++ - group.zero) * group.scale * layout_.scales.factor;
      }
    }
  }

  Status repack(int64_t begin, const Tensor& out) const override {
    if (!carries_codes_) return ForeignWeight::repack(begin, out);
    const int64_t columns = shape().columns();
    const Window window{begin, out.rows(), 0, columns};
    std::vector<uint8_t> codes(static_cast<size_t>(window.rows * columns));
    layout_.codes.read(window, codes.data());
    std::vector<Group> groups(static_cast<size_t>(group_count()));
    for (int64_t r = 0; r < window.rows; ++r) {
      read_groups(begin + r, groups);
      for (Group& group : groups) group.scale *= layout_.scales.factor;
      TRY(check(groups).at(fmt::format("row {}", r)));
      const uint8_t* row = codes.data() + r * columns;
      for (int64_t block = 0; block * kBlock < columns; ++block) {
        const Group& group = groups[static_cast<size_t>(block * kBlock / layout_.group)];
        put_block(row + block * kBlock, group,
                  out.row(r) + block * format_info(home()).block_bytes);
      }
    }
    return Status::ok();
  }

 private:
  struct Group {
    float scale;
    int zero;
  };

  int64_t group_count() const { return shape().columns() / layout_.group; }
  int half_range() const { return 1 << (layout_.codes.bits - 1); }

  int64_t group_of(int64_t column) const {
    if (!layout_.group_of) return column / layout_.group;
    int32_t group;
    std::memcpy(&group, layout_.group_of + column * 4, 4);
    return group;
  }

  void read_groups(int64_t row, std::vector<Group>& groups) const {
    const ScaleGrid& scales = layout_.scales;
    for (size_t g = 0; g < groups.size(); ++g) {
      const auto column = static_cast<int64_t>(g);
      const int64_t at = row * scales.row_stride + column * scales.group_stride;
      groups[g].scale = float_at(scales.values, at);
      groups[g].zero =
          layout_.zeros ? layout_.zeros->at(row, column) + layout_.zero_offset : half_range();
    }
  }

  bool has_plain_zeros() const {
    if (!layout_.zeros) return true;
    for (int64_t row = 0; row < shape().rows(); ++row) {
      for (int64_t g = 0; g < group_count(); ++g) {
        if (layout_.zeros->at(row, g) + layout_.zero_offset != half_range()) return false;
      }
    }
    return true;
  }

  Format choose_home() {
    const bool blocks = layout_.group % kBlock == 0 && !layout_.group_of;
    if (!blocks) return home_for(Format::q8_0, shape().columns());
    const bool plain = has_plain_zeros();
    carries_codes_ = plain || layout_.codes.bits == 4;
    if (layout_.codes.bits == 8) return Format::q8_0;
    return plain ? Format::q4_0 : Format::q4_1;
  }

  // Scales and mins become F16.
  static Status check(const std::vector<Group>& groups) {
    for (const Group& group : groups) {
      const float min = group.scale * static_cast<float>(group.zero);
      if (std::abs(group.scale) <= F16::kMax && std::abs(min) <= F16::kMax) continue;
      return error(Code::invalid, "expected a finite scale that f16 can hold, found {}",
                   group.scale);
    }
    return Status::ok();
  }

  void put_block(const uint8_t* codes, const Group& group, std::byte* out) const {
    if (home() == Format::q4_0) {
      Q4_0::Block block{F16::encode(group.scale), {}};
      put_nibbles(codes, block.q);
      std::memcpy(out, &block, sizeof(block));
    } else if (home() == Format::q4_1) {
      Q4_1::Block block{
          F16::encode(group.scale), F16::encode(static_cast<float>(-group.zero) * group.scale), {}};
      put_nibbles(codes, block.q);
      std::memcpy(out, &block, sizeof(block));
    } else {
      Q8_0::Block block{F16::encode(group.scale), {}};
      for (int i = 0; i < kBlock; ++i) block.q[i] = static_cast<int8_t>(codes[i] - half_range());
      std::memcpy(out, &block, sizeof(block));
    }
  }

  GroupedLayout layout_;
  bool carries_codes_ = false;  // the home has the same codes
};

}  // namespace

int PackedCodes::at(int64_t row, int64_t column) const {
  const int per = per_word();
  int64_t& packed = across_rows ? row : column;
  const auto slot = static_cast<int>(packed % per);
  packed /= per;
  const int place = order ? order[slot] : slot;
  const uint32_t word = word_at(*this, row * row_stride + column * column_stride);
  return static_cast<int>((word >> (place * bits)) & ((1u << bits) - 1));
}

// Through the words in the order of the file: transposed ones would miss the cache at every step.
void PackedCodes::read(const Window& window, uint8_t* out) const {
  const int per = per_word();
  const int64_t words_of_columns = across_rows ? 1 : per;
  const int64_t words_of_rows = across_rows ? per : 1;
  const int64_t row_end = window.row + window.rows;
  const int64_t column_end = window.column + window.columns;
  const uint32_t mask = (1u << bits) - 1;
  const auto unpack = [&](int64_t row_word, int64_t column_word) {
    const uint32_t word = word_at(*this, row_word * row_stride + column_word * column_stride);
    for (int slot = 0; slot < per; ++slot) {
      const int64_t r = row_word * words_of_rows + (across_rows ? slot : 0);
      const int64_t c = column_word * words_of_columns + (across_rows ? 0 : slot);
      if (r < window.row || r >= row_end || c < window.column || c >= column_end) continue;
      const int place = order ? order[slot] : slot;
      out[(r - window.row) * window.columns + c - window.column] =
          static_cast<uint8_t>((word >> (place * bits)) & mask);
    }
  };
  const int64_t first_row = window.row / words_of_rows;
  const int64_t last_row = (row_end - 1) / words_of_rows;
  const int64_t first_column = window.column / words_of_columns;
  const int64_t last_column = (column_end - 1) / words_of_columns;
  if (column_stride > row_stride) {
    for (int64_t c = first_column; c <= last_column; ++c) {
      for (int64_t r = first_row; r <= last_row; ++r) unpack(r, c);
    }
  } else {
    for (int64_t r = first_row; r <= last_row; ++r) {
      for (int64_t c = first_column; c <= last_column; ++c) unpack(r, c);
    }
  }
}

std::shared_ptr<const ForeignWeight> make_grouped_integers(const GroupedLayout& layout) {
  return std::make_shared<GroupedIntegers>(layout);
}

}  // namespace hearth
