// The byte layout is drawn in docs/formats/gguf.md. Order: header, metadata, tensor declarations,
// padding, tensor data.
#include "hearth/files/gguf/gguf_parser.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>

#include "hearth/base/checked_math.h"
#include "hearth/files/outside_bytes.h"

namespace hearth {
namespace {

constexpr uint32_t kMagic = 0x46554747;  // "GGUF"
// Smallest bytes of a metadata value (length, one letter, type, one byte) and of a tensor
// declaration (length, one letter, dimensions, one size, type, offset).
constexpr int64_t kValueBytesMin = 8 + 1 + 4 + 1;
constexpr int64_t kTensorBytesMin = 8 + 1 + 4 + 8 + 4 + 8;
constexpr int64_t kKeyBytesMax = 65535;      // the format's own limit
constexpr int64_t kTensorNameBytesMax = 64;  // the format's own limit
constexpr uint64_t kValuesMax = 1 << 16;
constexpr uint64_t kTensorsMax = 1 << 20;
constexpr uint64_t kArrayMax = 1 << 28;
// Strings must be walked to find the end of their array. The largest vocabulary in use has 0.26 M
// tokens and as many merges; the bound keeps a sparse file of zeros from costing more than that.
constexpr int64_t kStringsMax = 1 << 24;
constexpr int64_t kDefaultAlignment = 32;
constexpr int64_t kAlignmentMin = 8;
constexpr int64_t kAlignmentMax = 1 << 16;

std::string_view view(const std::byte* data, int64_t size) {
  return {reinterpret_cast<const char*>(data), static_cast<size_t>(size)};
}

}  // namespace

template <typename T>
Result<T> GgufParser::number(std::string_view what) {
  if (left() < static_cast<int64_t>(sizeof(T))) {
    return error(Code::corrupt, "truncated at byte {}: expected {}", at_, what);
  }
  T value;
  std::memcpy(&value, bytes_.data() + at_, sizeof value);
  at_ += static_cast<int64_t>(sizeof value);
  return value;
}

Status GgufParser::skip(int64_t count, std::string_view what) {
  if (count > left()) {
    return error(Code::corrupt, "truncated at byte {}: expected {} bytes of {}, found {}", at_,
                 count, what, left());
  }
  at_ += count;
  return Status::ok();
}

Result<std::string_view> GgufParser::text(std::string_view what, int64_t bytes_max) {
  TRY_ASSIGN(const uint64_t length, number<uint64_t>(what));
  if (length > static_cast<uint64_t>(left())) {
    return error(Code::corrupt, "at byte {}: expected {} of at most the {} bytes left, found {}",
                 at_, what, left(), length);
  }
  if (length > static_cast<uint64_t>(bytes_max)) {
    return error(Code::corrupt, "at byte {}: expected {} of at most {} bytes, found {}", at_, what,
                 bytes_max, length);
  }
  const auto size = static_cast<int64_t>(length);
  const std::string_view content = view(bytes_.data() + at_, size);
  at_ += size;
  return content;
}

Status GgufParser::run() {
  TRY(header());
  for (uint64_t i = 0; i < values_; ++i) {
    if (Status status = read_value(); !status.is_ok()) {
      return std::move(status).at(fmt::format("metadata {} of {}", i + 1, values_));
    }
  }
  for (uint64_t i = 0; i < tensors_; ++i) {
    if (Status status = read_tensor(); !status.is_ok()) {
      return std::move(status).at(fmt::format("tensor {} of {}", i + 1, tensors_));
    }
  }
  return place_tensors();
}

Status GgufParser::header() {
  const std::string_view known = describe_content(bytes_);
  const std::string_view start = view(bytes_.data(), std::min<int64_t>(left(), 4));
  if (start != "GGUF") {
    return error(Code::corrupt, "expected a GGUF file, found {}",
                 !known.empty()     ? std::string(known)
                 : start.size() < 4 ? fmt::format("{} bytes", start.size())
                                    : fmt::format("\"{}\" at its start", excerpt(start)));
  }
  TRY_ASSIGN(const uint32_t magic, number<uint32_t>("the magic"));
  CHECK_EQ(magic, kMagic);
  TRY_ASSIGN(version, number<uint32_t>("the version"));
  if (version != 2 && version != 3) {
    const uint32_t swapped = __builtin_bswap32(version);
    if (swapped == 2 || swapped == 3) {
      return error(Code::unsupported, "expected a little-endian GGUF file, found a big-endian one");
    }
    const Code code = version == 0 || version > 0xFFFF ? Code::corrupt : Code::unsupported;
    return error(code, "expected GGUF version 2 or 3, found {}", version);
  }
  TRY_ASSIGN(tensors_, number<uint64_t>("the number of tensors"));
  TRY_ASSIGN(values_, number<uint64_t>("the number of metadata values"));
  const auto tensors_max = std::min(kTensorsMax, static_cast<uint64_t>(left() / kTensorBytesMin));
  const auto values_max = std::min(kValuesMax, static_cast<uint64_t>(left() / kValueBytesMin));
  if (tensors_ > tensors_max) {
    return error(Code::corrupt, "expected at most {} tensors in {} bytes, found {}", tensors_max,
                 left(), tensors_);
  }
  if (values_ > values_max) {
    return error(Code::corrupt, "expected at most {} metadata values in {} bytes, found {}",
                 values_max, left(), values_);
  }
  return Status::ok();
}

Status GgufParser::read_value() {
  GgufValue value;
  TRY_ASSIGN(value.key, text("a key", kKeyBytesMax));
  TRY(check_name(value.key));
  TRY_ASSIGN(const uint32_t type, number<uint32_t>("the type of a value"));
  if (type >= kGgufTypes) {
    return error(Code::corrupt, "`{}`: expected a type below {}, found {}", excerpt(value.key),
                 kGgufTypes, type);
  }
  value.type = static_cast<GgufType>(type);
  value.data = bytes_.data() + at_;
  if (value.type == GgufType::array) {
    TRY(read_array(value).at(fmt::format("`{}`", excerpt(value.key))));
  } else if (value.type == GgufType::string) {
    TRY_ASSIGN(const std::string_view content, text("a string", INT64_MAX));
    value.data += 8;
    value.size = static_cast<int64_t>(content.size());
  } else {
    TRY(skip(gguf_type_bytes(value.type), gguf_type_name(value.type)));
    if (value.type == GgufType::boolean && static_cast<uint8_t>(*value.data) > 1) {
      return error(Code::corrupt, "`{}`: expected a bool of 0 or 1, found {}", excerpt(value.key),
                   static_cast<int>(*value.data));
    }
  }
  values.push_back(value);
  return Status::ok();
}

Status GgufParser::read_array(GgufValue& value) {
  TRY_ASSIGN(const uint32_t type, number<uint32_t>("the type of an array's elements"));
  if (type >= kGgufTypes) {
    return error(Code::corrupt, "expected elements of a type below {}, found {}", kGgufTypes, type);
  }
  value.element_type = static_cast<GgufType>(type);
  if (value.element_type == GgufType::array) {
    return error(Code::unsupported, "expected an array of values, found an array of arrays");
  }
  TRY_ASSIGN(const uint64_t size, number<uint64_t>("the size of an array"));
  const int64_t element_bytes =
      value.element_type == GgufType::string ? 8 : gguf_type_bytes(value.element_type);
  const auto size_max =
      std::min(kArrayMax, static_cast<uint64_t>(left()) / static_cast<uint64_t>(element_bytes));
  if (size > size_max) {
    return error(Code::corrupt, "expected an array of at most {} in {} bytes, found {}", size_max,
                 left(), size);
  }
  value.size = static_cast<int64_t>(size);
  value.data = bytes_.data() + at_;
  if (value.element_type == GgufType::string) return walk_strings(value);
  TRY(skip(value.size * element_bytes, "an array"));
  if (value.element_type == GgufType::boolean) {
    const auto* end = value.data + value.size;
    const auto* bad = std::find_if(value.data, end, [](std::byte b) { return b > std::byte{1}; });
    if (bad != end) {
      return error(Code::corrupt, "expected bools of 0 or 1, found {}", static_cast<int>(*bad));
    }
  }
  return Status::ok();
}

Status GgufParser::walk_strings(const GgufValue& value) {
  strings_walked_ += value.size;
  if (strings_walked_ > kStringsMax) {
    return error(Code::unsupported, "expected at most {} strings in a file, found more",
                 kStringsMax);
  }
  for (int64_t i = 0; i < value.size; ++i) {
    TRY_ASSIGN(const std::string_view item, text("a string", INT64_MAX));
    static_cast<void>(item);
  }
  return Status::ok();
}

Status GgufParser::read_tensor() {
  TensorEntry entry;
  TRY_ASSIGN(const std::string_view name, text("a name", kTensorNameBytesMax));
  TRY(check_name(name));
  const auto here = [&](Status status) {
    return std::move(status).at(fmt::format("`{}`", excerpt(name)));
  };
  entry.name = std::string(name);
  TRY_ASSIGN(const uint32_t rank, number<uint32_t>("the number of dimensions"));
  if (rank < 1 || rank > static_cast<uint32_t>(Shape::kRankMax)) {
    return here(
        error(Code::corrupt, "expected 1 to {} dimensions, found {}", Shape::kRankMax, rank));
  }
  std::array<int64_t, Shape::kRankMax> sizes = {};  // outermost first: reversed from the file
  for (uint32_t i = 0; i < rank; ++i) {
    TRY_ASSIGN(const uint64_t size, number<uint64_t>("a dimension"));
    if (size == 0 || size > static_cast<uint64_t>(INT64_MAX)) {
      return here(error(Code::corrupt, "expected dimensions in [1, 2^63), found {}", size));
    }
    sizes[rank - 1 - i] = static_cast<int64_t>(size);
  }
  TRY_ASSIGN(const uint32_t type_id, number<uint32_t>("the type of a tensor"));
  const GgmlType* type = ggml_type(type_id);
  if (!type) return here(error(Code::unsupported, "expected a known type, found {}", type_id));
  const std::span<const int64_t> shape(sizes.data(), rank);
  auto bytes = packed_bytes(shape, type->block_elements, type->block_bytes);
  if (!bytes) return here(std::move(bytes).status());
  TRY_ASSIGN(const uint64_t offset, number<uint64_t>("the offset of a tensor"));
  entry.dtype = std::string(type->name);
  entry.format = type->format;
  entry.bytes = *bytes;
  entry.tensor.shape = Shape(shape);
  if (type->format) {
    entry.tensor.format = *type->format;
    entry.tensor.row_bytes = Tensor::packed_row_bytes(*type->format, entry.tensor.columns());
  }
  entries.push_back(std::move(entry));
  offsets_.push_back(offset);
  return Status::ok();
}

Result<int64_t> GgufParser::alignment() const {
  const auto at = std::find_if(values.begin(), values.end(), [](const GgufValue& value) {
    return value.key == "general.alignment";
  });
  if (at == values.end()) return kDefaultAlignment;
  if (at->type != GgufType::u32) {
    return error(Code::corrupt, "`general.alignment`: expected u32, found {}",
                 gguf_type_name(at->type));
  }
  uint32_t alignment = 0;
  std::memcpy(&alignment, at->data, sizeof alignment);
  if (alignment < kAlignmentMin || alignment > kAlignmentMax ||
      (alignment & (alignment - 1)) != 0) {
    return error(Code::corrupt,
                 "`general.alignment`: expected a power of two in [{}, {}], found {}",
                 kAlignmentMin, kAlignmentMax, alignment);
  }
  return alignment;
}

// Each tensor lies aligned and whole inside the file, and none over another.
Status GgufParser::place_tensors() {
  TRY_ASSIGN(const int64_t unit, alignment());
  if (entries.empty()) return Status::ok();
  const int64_t start = round_up(at_, unit);
  const int64_t room = std::max<int64_t>(static_cast<int64_t>(bytes_.size()) - start, 0);
  for (size_t i = 0; i < entries.size(); ++i) {
    TensorEntry& entry = entries[i];
    if (offsets_[i] % static_cast<uint64_t>(unit) != 0) {
      return error(Code::corrupt, "`{}`: expected an offset of a multiple of {}, found {}",
                   entry.name, unit, offsets_[i]);
    }
    if (entry.bytes > room || offsets_[i] > static_cast<uint64_t>(room - entry.bytes)) {
      return error(Code::corrupt,
                   "`{}`: expected {} bytes at offset {}, found {} bytes of tensor data (is the "
                   "file truncated?)",
                   entry.name, entry.bytes, offsets_[i], room);
    }
    entry.tensor.data = const_cast<std::byte*>(bytes_.data() + start + offsets_[i]);
  }
  std::vector<size_t> order(entries.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return offsets_[a] < offsets_[b]; });
  for (size_t i = 0; i + 1 < order.size(); ++i) {
    const size_t a = order[i];
    const size_t b = order[i + 1];
    if (offsets_[a] + static_cast<uint64_t>(entries[a].bytes) > offsets_[b]) {
      return error(Code::corrupt, "`{}`: expected tensors apart, found it over `{}`",
                   entries[b].name, entries[a].name);
    }
  }
  return Status::ok();
}

Status GgufParser::finish(std::vector<GgufValue> values, std::vector<TensorEntry> entries,
                          uint32_t version, Gguf& gguf) {
  gguf.version_ = version;
  gguf.values_ = std::move(values);
  gguf.by_key_.resize(gguf.values_.size());
  std::iota(gguf.by_key_.begin(), gguf.by_key_.end(), 0u);
  const auto key = [&](uint32_t i) { return gguf.values_[i].key; };
  std::sort(gguf.by_key_.begin(), gguf.by_key_.end(),
            [&](uint32_t a, uint32_t b) { return key(a) < key(b); });
  for (size_t i = 0; i + 1 < gguf.by_key_.size(); ++i) {
    if (key(gguf.by_key_[i]) == key(gguf.by_key_[i + 1])) {
      return error(Code::corrupt, "the key `{}` stands twice", excerpt(key(gguf.by_key_[i])));
    }
  }
  TRY_ASSIGN(gguf.table_, TensorTable::build(std::move(entries)));
  return Status::ok();
}

}  // namespace hearth
