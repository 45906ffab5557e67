// Little endian by memcpy: Hearth runs on little-endian machines only.
#include "hearth/files/gguf/gguf_writer.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "hearth/base/checked_math.h"
#include "hearth/files/gguf/gguf.h"
#include "hearth/files/tensor_table.h"

namespace hearth {
namespace {

static_assert(std::endian::native == std::endian::little);

template <typename T>
void append(std::string& out, T value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

void append_text(std::string& out, std::string_view text) {
  append(out, static_cast<uint64_t>(text.size()));
  out += text;
}

int64_t padding(int64_t bytes) {
  return round_up(bytes, kGgufAlignment) - bytes;
}

}  // namespace

void GgufHeader::key(std::string_view key, GgufType type) {
  append_text(values_, key);
  append(values_, static_cast<uint32_t>(type));
  ++values_count_;
}

template <typename T>
void GgufHeader::number(std::string_view name, GgufType type, T value) {
  key(name, type);
  append(values_, value);
}

void GgufHeader::array(std::string_view name, GgufType type, size_t size) {
  key(name, GgufType::array);
  append(values_, static_cast<uint32_t>(type));
  append(values_, static_cast<uint64_t>(size));
}

void GgufHeader::set_u16(std::string_view name, uint16_t value) {
  number(name, GgufType::u16, value);
}
void GgufHeader::set_u32(std::string_view name, uint32_t value) {
  number(name, GgufType::u32, value);
}
void GgufHeader::set_i32(std::string_view name, int32_t value) {
  number(name, GgufType::i32, value);
}
void GgufHeader::set_u64(std::string_view name, uint64_t value) {
  number(name, GgufType::u64, value);
}
void GgufHeader::set_f32(std::string_view name, float value) {
  number(name, GgufType::f32, value);
}
void GgufHeader::set_bool(std::string_view name, bool value) {
  number(name, GgufType::boolean, static_cast<uint8_t>(value));
}
void GgufHeader::set_string(std::string_view name, std::string_view value) {
  key(name, GgufType::string);
  append_text(values_, value);
}
void GgufHeader::set_strings(std::string_view name, std::span<const std::string> values) {
  array(name, GgufType::string, values.size());
  for (const std::string& value : values) append_text(values_, value);
}
void GgufHeader::set_i32s(std::string_view name, std::span<const int32_t> values) {
  array(name, GgufType::i32, values.size());
  for (const int32_t value : values) append(values_, value);
}
void GgufHeader::set_f32s(std::string_view name, std::span<const float> values) {
  array(name, GgufType::f32, values.size());
  for (const float value : values) append(values_, value);
}
void GgufHeader::copy(const GgufValue& value) {
  const auto* bytes = reinterpret_cast<const char*>(value.data);
  const auto size = static_cast<size_t>(value.size);
  if (value.type == GgufType::string) return set_string(value.key, {bytes, size});
  const bool list = value.is_array();
  const GgufType type = list ? value.element_type : value.type;
  if (list) {
    array(value.key, type, size);
  } else {
    key(value.key, type);
  }
  if (type == GgufType::string) {
    for (const std::string_view text : GgufStrings(value.data, value.size)) {
      append_text(values_, text);
    }
    return;
  }
  const auto each = static_cast<size_t>(gguf_type_bytes(type));
  values_.append(bytes, list ? size * each : each);
}

Status GgufHeader::declare(std::string_view name, std::string_view ggml_type_name,
                           std::span<const int64_t> shape) {
  const GgmlType* type = ggml_type_by_name(ggml_type_name);
  if (!type) return error(Code::unsupported, "`{}`: no GGUF type \"{}\"", name, ggml_type_name);
  TRY(check_name(name));
  if (name.size() > 64 || shape.empty() || shape.size() > 4) {
    return error(Code::invalid, "`{}`: expected a name of 64 bytes and 1 to 4 dimensions", name);
  }
  auto bytes = packed_bytes(shape, type->block_elements, type->block_bytes);
  if (!bytes) return std::move(bytes).status().at(fmt::format("`{}`", name));
  if (*bytes == 0) return error(Code::invalid, "`{}`: a GGUF tensor cannot be empty", name);
  append_text(tensors_, name);
  append(tensors_, static_cast<uint32_t>(shape.size()));
  for (size_t i = shape.size(); i-- > 0;) append(tensors_, static_cast<uint64_t>(shape[i]));
  append(tensors_, type->id);
  append(tensors_, offset_);
  tensor_bytes_.push_back(*bytes);
  offset_ += static_cast<uint64_t>(*bytes + padding(*bytes));
  return Status::ok();
}

std::string GgufHeader::encode() const {
  std::string out = "GGUF";
  append(out, uint32_t{3});
  append(out, static_cast<uint64_t>(tensor_bytes_.size()));
  append(out, values_count_);
  out += values_;
  out += tensors_;
  out.append(static_cast<size_t>(padding(static_cast<int64_t>(out.size()))), '\0');
  return out;
}

Result<GgufWriter> GgufWriter::create(const std::string& path, const GgufHeader& header) {
  GgufWriter writer;
  writer.path_ = path;
  writer.tensor_bytes_.assign(header.tensor_bytes().begin(), header.tensor_bytes().end());
  TRY_ASSIGN(writer.file_, AtomicFile::create(path));
  TRY(writer.file_.write(header.encode()));
  return writer;
}

Status GgufWriter::write(std::span<const std::byte> bytes) {
  static constexpr std::byte kZeros[kGgufAlignment] = {};
  while (!bytes.empty()) {
    if (tensor_ == tensor_bytes_.size()) {
      return error(Code::invalid, "{}: {} bytes more than declared", path_, bytes.size());
    }
    const int64_t whole = tensor_bytes_[tensor_];
    const auto take = std::min(bytes.size(), static_cast<size_t>(whole - written_));
    TRY(file_.write(bytes.first(take)));
    bytes = bytes.subspan(take);
    written_ += static_cast<int64_t>(take);
    if (written_ < whole) continue;
    TRY(file_.write(std::span(kZeros).first(static_cast<size_t>(padding(whole)))));
    ++tensor_;
    written_ = 0;
  }
  return Status::ok();
}

Status GgufWriter::finish() {
  if (tensor_ != tensor_bytes_.size()) {
    return error(Code::invalid, "{}: {} of {} declared tensors were written", path_, tensor_,
                 tensor_bytes_.size());
  }
  return file_.commit();
}

}  // namespace hearth
