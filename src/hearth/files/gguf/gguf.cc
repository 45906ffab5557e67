// Typed lookups over the parsed metadata, and the joining of split files.
#include "hearth/files/gguf/gguf.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>

#include "hearth/files/gguf/gguf_parser.h"
#include "hearth/files/outside_bytes.h"

namespace hearth {
namespace {

template <typename T>
T load(const std::byte* data) {
  T value;
  std::memcpy(&value, data, sizeof value);
  return value;
}

int64_t clamp_u64(uint64_t value) {
  return static_cast<int64_t>(std::min(value, static_cast<uint64_t>(INT64_MAX)));
}

int64_t load_integer(GgufType type, const std::byte* data) {
  switch (type) {
    case GgufType::u8:
    case GgufType::boolean:
      return load<uint8_t>(data);
    case GgufType::i8:
      return load<int8_t>(data);
    case GgufType::u16:
      return load<uint16_t>(data);
    case GgufType::i16:
      return load<int16_t>(data);
    case GgufType::u32:
      return load<uint32_t>(data);
    case GgufType::i32:
      return load<int32_t>(data);
    case GgufType::u64:
      return clamp_u64(load<uint64_t>(data));
    case GgufType::i64:
      return load<int64_t>(data);
    default:
      CHECK(false);
      return 0;
  }
}

double load_number(GgufType type, const std::byte* data) {
  if (type == GgufType::f32) return static_cast<double>(load<float>(data));
  if (type == GgufType::f64) return load<double>(data);
  if (type == GgufType::u64) return static_cast<double>(load<uint64_t>(data));
  return static_cast<double>(load_integer(type, data));
}

std::string type_of(const GgufValue& value) {
  if (!value.is_array()) return std::string(gguf_type_name(value.type));
  return fmt::format("array of {}", gguf_type_name(value.element_type));
}

Status wrong_kind(const GgufValue& value, std::string_view expected) {
  return error(Code::corrupt, "`{}`: expected {}, found {}{}", excerpt(value.key), expected,
               type_of(value), value.is_array() ? "" : fmt::format(" {}", value.to_string()));
}

std::string show_element(GgufType type, const std::byte* data) {
  if (type == GgufType::boolean) return load<uint8_t>(data) ? "true" : "false";
  if (type == GgufType::u64) return fmt::format("{}", load<uint64_t>(data));
  if (type == GgufType::f32) return fmt::format("{}", load<float>(data));
  if (type == GgufType::f64) return fmt::format("{}", load<double>(data));
  return fmt::format("{}", load_integer(type, data));
}

Result<uint64_t> unsigned_value(const GgufValue& value, uint64_t max, std::string_view expected) {
  if (!gguf_type_is_integer(value.type)) return wrong_kind(value, expected);
  if (value.type == GgufType::u64) {
    const auto number = load<uint64_t>(value.data);
    if (number > max) return wrong_kind(value, expected);
    return number;
  }
  const int64_t number = load_integer(value.type, value.data);
  if (number < 0 || static_cast<uint64_t>(number) > max) return wrong_kind(value, expected);
  return static_cast<uint64_t>(number);
}

Result<uint32_t> as_u32(const GgufValue& value) {
  TRY_ASSIGN(const uint64_t number, unsigned_value(value, UINT32_MAX, "an integer in u32"));
  return static_cast<uint32_t>(number);
}

Result<uint64_t> as_u64(const GgufValue& value) {
  return unsigned_value(value, UINT64_MAX, "an integer >= 0");
}

Result<int64_t> as_i64(const GgufValue& value) {
  const bool beyond = value.type == GgufType::u64 && load<uint64_t>(value.data) > INT64_MAX;
  if (!gguf_type_is_integer(value.type) || beyond) return wrong_kind(value, "an integer in i64");
  return load_integer(value.type, value.data);
}

Result<float> as_f32(const GgufValue& value) {
  if (!gguf_type_is_float(value.type)) return wrong_kind(value, "f32");
  const double number = load_number(value.type, value.data);
  if (std::isfinite(number) && std::abs(number) > std::numeric_limits<float>::max()) {
    return wrong_kind(value, "a number in f32");
  }
  return static_cast<float>(number);
}

Result<bool> as_bool(const GgufValue& value) {
  if (value.type != GgufType::boolean) return wrong_kind(value, "bool");
  return load<uint8_t>(value.data) != 0;
}

Result<std::string_view> as_string(const GgufValue& value) {
  if (value.type != GgufType::string) return wrong_kind(value, "string");
  const std::string_view text(reinterpret_cast<const char*>(value.data),
                              static_cast<size_t>(value.size));
  if (!is_utf8(text)) {
    return error(Code::corrupt, "`{}`: expected UTF-8, found \"{}\"", excerpt(value.key),
                 excerpt(text));
  }
  return text;
}

Result<GgufStrings> as_strings(const GgufValue& value) {
  if (!value.is_array() || value.element_type != GgufType::string) {
    return wrong_kind(value, "array of string");
  }
  return GgufStrings(value.data, value.size);
}

Result<GgufNumbers> as_integers(const GgufValue& value) {
  if (!value.is_array() ||
      !(gguf_type_is_integer(value.element_type) || value.element_type == GgufType::boolean)) {
    return wrong_kind(value, "array of integers");
  }
  return GgufNumbers(value.element_type, value.data, value.size);
}

Result<GgufNumbers> as_floats(const GgufValue& value) {
  if (!value.is_array() || !gguf_type_is_float(value.element_type)) {
    return wrong_kind(value, "array of f32");
  }
  return GgufNumbers(value.element_type, value.data, value.size);
}

template <typename T>
Result<T> required(const Gguf& gguf, std::string_view key, Result<T> (*as)(const GgufValue&)) {
  const GgufValue* value = gguf.find_value(key);
  if (!value) return error(Code::not_found, "`{}`: expected this metadata, found none", key);
  return as(*value);
}

template <typename T>
Result<std::optional<T>> optional(const Gguf& gguf, std::string_view key,
                                  Result<T> (*as)(const GgufValue&)) {
  const GgufValue* value = gguf.find_value(key);
  if (!value) return std::optional<T>();
  TRY_ASSIGN(T found, as(*value));
  return std::optional<T>(std::move(found));
}

// PREFIX-00002-of-00005.gguf
struct SplitName {
  std::string prefix;
  uint32_t part = 0;  // from 1
  uint32_t count = 0;

  std::string file(uint32_t number) const {
    return fmt::format("{}-{:05}-of-{:05}.gguf", prefix, number, count);
  }
};

std::optional<uint32_t> five_digits(std::string_view text) {
  uint32_t number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + static_cast<uint32_t>(c - '0');
  }
  return number;
}

std::optional<SplitName> split_name(const std::string& path) {
  constexpr std::string_view kForm = "-00000-of-00000.gguf";
  if (path.size() <= kForm.size()) return std::nullopt;
  const size_t at = path.size() - kForm.size();
  const std::string_view tail = std::string_view(path).substr(at);
  const auto part = five_digits(tail.substr(1, 5));
  const auto count = five_digits(tail.substr(10, 5));
  if (tail[0] != '-' || tail.substr(6, 4) != "-of-" || tail.substr(15) != ".gguf") {
    return std::nullopt;
  }
  if (!part || !count || *part < 1 || *part > *count) return std::nullopt;
  return SplitName{path.substr(0, at), *part, *count};
}

// One part of a split model: its metadata as a Gguf without tensors, which are joined later.
struct Part {
  MappedFile file;
  GgufParser parser{{}};
  Gguf metadata;
};

Result<Part> open_part(const std::string& path) {
  TRY_ASSIGN(MappedFile file, MappedFile::open(path));
  Part part{std::move(file), GgufParser{{}}, {}};
  part.parser = GgufParser(part.file.bytes());
  TRY(part.parser.run().at(path));
  TRY(GgufParser::finish(part.parser.values, {}, part.parser.version, part.metadata).at(path));
  return part;
}

// Part `number` (from 1) must say that it belongs to the set its name claims, and to this model.
Status check_part(const Part& part, const SplitName& name, uint32_t number, const Part& first) {
  TRY_ASSIGN(const uint32_t count, part.metadata.get_u32("split.count"));
  if (count != name.count) {
    return error(Code::corrupt, "`split.count`: expected {} as the name says, found {}", name.count,
                 count);
  }
  TRY_ASSIGN(const uint32_t no, part.metadata.get_u32("split.no"));
  if (no + 1 != number) {
    return error(Code::corrupt, "`split.no`: expected {} as the name says, found {}", number - 1,
                 no);
  }
  for (const std::string_view key : {"split.tensors.count", "general.architecture"}) {
    const GgufValue* mine = part.metadata.find_value(key);
    const GgufValue* theirs = first.metadata.find_value(key);
    if (mine && theirs && mine->to_string() != theirs->to_string()) {
      return error(Code::corrupt, "`{}`: expected {} as in the first part, found {}", key,
                   theirs->to_string(), mine->to_string());
    }
  }
  return Status::ok();
}

Status check_joined(const Part& first, size_t tensors) {
  TRY_ASSIGN(const auto declared, first.metadata.opt_u64("split.tensors.count"));
  if (declared && *declared != tensors) {
    return error(Code::corrupt, "`split.tensors.count`: expected {} tensors in all parts, found {}",
                 *declared, tensors);
  }
  return Status::ok();
}

}  // namespace

std::string_view GgufStrings::Iterator::operator*() const {
  return {reinterpret_cast<const char*>(at_) + 8, static_cast<size_t>(load<uint64_t>(at_))};
}

GgufStrings::Iterator& GgufStrings::Iterator::operator++() {
  at_ += 8 + load<uint64_t>(at_);
  --left_;
  return *this;
}

int64_t GgufNumbers::integer(int64_t i) const {
  CHECK(i >= 0 && i < size_);
  return load_integer(type_, begin_ + i * gguf_type_bytes(type_));
}

double GgufNumbers::number(int64_t i) const {
  CHECK(i >= 0 && i < size_);
  return load_number(type_, begin_ + i * gguf_type_bytes(type_));
}

std::string GgufValue::to_string(int64_t elements_max) const {
  if (type == GgufType::string) {
    return fmt::format("\"{}\"",
                       excerpt({reinterpret_cast<const char*>(data), static_cast<size_t>(size)}));
  }
  if (!is_array()) return show_element(type, data);
  std::string out = "[";
  GgufStrings::Iterator text(data, size);
  for (int64_t i = 0; i < std::min(size, elements_max); ++i) {
    if (i > 0) out += ", ";
    if (element_type == GgufType::string) {
      out += fmt::format("\"{}\"", excerpt(*text));
      ++text;
    } else {
      out += show_element(element_type, data + i * gguf_type_bytes(element_type));
    }
  }
  return out + (size > elements_max ? fmt::format(", ... {} in all]", size) : "]");
}

Result<Gguf> Gguf::parse(std::span<const std::byte> bytes) {
  GgufParser parser(bytes);
  TRY(parser.run());
  Gguf gguf;
  TRY(GgufParser::finish(std::move(parser.values), std::move(parser.entries), parser.version,
                         gguf));
  return gguf;
}

Result<Gguf> Gguf::open(const std::string& path) {
  TRY_ASSIGN(Part given, open_part(path));
  std::vector<Part> parts;
  auto count = given.metadata.opt_u32("split.count");
  if (!count) return std::move(count).status().at(path);
  if (count->value_or(1) > 1) {
    const auto name = split_name(path);
    if (!name) {
      return error(Code::invalid,
                   "{}: expected the name NAME-00001-of-{:05}.gguf of one part of a split model",
                   path, **count);
    }
    for (uint32_t number = 1; number <= name->count; ++number) {
      const std::string file = name->file(number);
      TRY_ASSIGN(Part part, open_part(file));
      parts.push_back(std::move(part));
      TRY(check_part(parts.back(), *name, number, parts.front()).at(file));
    }
  } else {
    parts.push_back(std::move(given));
  }
  Gguf gguf;
  std::vector<TensorEntry> entries;
  for (Part& part : parts) {
    std::move(part.parser.entries.begin(), part.parser.entries.end(), std::back_inserter(entries));
    gguf.files_.push_back(std::move(part.file));
  }
  TRY(check_joined(parts.front(), entries.size()).at(path));
  TRY(GgufParser::finish(std::move(parts.front().parser.values), std::move(entries),
                         parts.front().parser.version, gguf)
          .at(path));
  return gguf;
}

const GgufValue* Gguf::find_value(std::string_view key) const {
  const auto at =
      std::lower_bound(by_key_.begin(), by_key_.end(), key,
                       [&](uint32_t i, std::string_view k) { return values_[i].key < k; });
  if (at == by_key_.end() || values_[*at].key != key) return nullptr;
  return &values_[*at];
}

std::optional<FileRange> Gguf::range_of(const std::byte* begin, int64_t bytes) const {
  for (const MappedFile& file : files_) {
    if (auto range = file.range_of(begin, bytes)) return range;
  }
  return std::nullopt;
}

Status Gguf::unchanged() const {
  for (const MappedFile& file : files_) TRY(file.unchanged());
  return Status::ok();
}

Result<uint32_t> Gguf::get_u32(std::string_view key) const {
  return required(*this, key, as_u32);
}
Result<uint64_t> Gguf::get_u64(std::string_view key) const {
  return required(*this, key, as_u64);
}
Result<int64_t> Gguf::get_i64(std::string_view key) const {
  return required(*this, key, as_i64);
}
Result<float> Gguf::get_f32(std::string_view key) const {
  return required(*this, key, as_f32);
}
Result<bool> Gguf::get_bool(std::string_view key) const {
  return required(*this, key, as_bool);
}
Result<std::string_view> Gguf::get_string(std::string_view key) const {
  return required(*this, key, as_string);
}
Result<GgufStrings> Gguf::get_strings(std::string_view key) const {
  return required(*this, key, as_strings);
}
Result<GgufNumbers> Gguf::get_integers(std::string_view key) const {
  return required(*this, key, as_integers);
}
Result<GgufNumbers> Gguf::get_floats(std::string_view key) const {
  return required(*this, key, as_floats);
}

Result<std::optional<uint32_t>> Gguf::opt_u32(std::string_view key) const {
  return optional(*this, key, as_u32);
}
Result<std::optional<uint64_t>> Gguf::opt_u64(std::string_view key) const {
  return optional(*this, key, as_u64);
}
Result<std::optional<float>> Gguf::opt_f32(std::string_view key) const {
  return optional(*this, key, as_f32);
}
Result<std::optional<bool>> Gguf::opt_bool(std::string_view key) const {
  return optional(*this, key, as_bool);
}
Result<std::optional<std::string_view>> Gguf::opt_string(std::string_view key) const {
  return optional(*this, key, as_string);
}
Result<std::optional<GgufStrings>> Gguf::opt_strings(std::string_view key) const {
  return optional(*this, key, as_strings);
}
Result<std::optional<GgufNumbers>> Gguf::opt_integers(std::string_view key) const {
  return optional(*this, key, as_integers);
}
Result<std::optional<GgufNumbers>> Gguf::opt_floats(std::string_view key) const {
  return optional(*this, key, as_floats);
}

}  // namespace hearth
