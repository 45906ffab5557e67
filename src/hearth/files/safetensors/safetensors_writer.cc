// The header by hand: names and metadata are quoted by nlohmann, everything else is numbers.
#include "hearth/files/safetensors/safetensors_writer.h"

#include <cstring>
#include <nlohmann/json.hpp>

#include "hearth/base/checked_math.h"
#include "hearth/files/json.h"
#include "hearth/files/safetensors/safetensors.h"

namespace hearth {
namespace {

std::string quoted(const std::string& text) {
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<int64_t> declared_bytes(const SafetensorsDeclaration& tensor) {
  TRY(check_name(tensor.name));
  const SafetensorsType* type = safetensors_type(tensor.dtype);
  if (!type) return error(Code::unsupported, "no safetensors dtype \"{}\"", tensor.dtype);
  TRY_ASSIGN(const int64_t bits, packed_bytes(tensor.shape, 1, type->bits));
  if (bits % 8 != 0) return error(Code::invalid, "expected whole bytes, found {} bits", bits);
  return bits / 8;
}

}  // namespace

Result<std::string> encode_safetensors_header(std::span<const SafetensorsDeclaration> tensors,
                                              const SafetensorsMetadata& metadata,
                                              int64_t* data_bytes) {
  std::string json = "{";
  if (!metadata.empty()) {
    Json object = Json::object();
    for (const auto& [key, value] : metadata) object[key] = value;
    json += "\"__metadata__\":" + object.dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  int64_t offset = 0;
  for (const SafetensorsDeclaration& tensor : tensors) {
    auto bytes = declared_bytes(tensor);
    if (!bytes) return std::move(bytes).status().at(fmt::format("`{}`", tensor.name));
    const auto end = checked_add(offset, *bytes);
    if (!end) return error(Code::invalid, "`{}`: the file would exceed 2^63 bytes", tensor.name);
    json += fmt::format("{}{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}",
                        json.size() > 1 ? "," : "", quoted(tensor.name), tensor.dtype,
                        fmt::join(tensor.shape, ","), offset, *end);
    offset = *end;
  }
  json += "}";
  json.append(static_cast<size_t>(round_up(static_cast<int64_t>(json.size()), 8)) - json.size(),
              ' ');
  if (static_cast<int64_t>(json.size()) > kSafetensorsHeaderMax) {
    return error(Code::invalid, "expected a header of at most {} bytes, found {}",
                 kSafetensorsHeaderMax, json.size());
  }
  const uint64_t length = json.size();
  std::string header(sizeof length, '\0');
  std::memcpy(header.data(), &length, sizeof length);
  if (data_bytes) *data_bytes = offset;
  return header + json;
}

Result<SafetensorsWriter> SafetensorsWriter::create(const std::string& path,
                                                    std::span<const SafetensorsDeclaration> tensors,
                                                    const SafetensorsMetadata& metadata) {
  SafetensorsWriter writer;
  writer.path_ = path;
  auto header = encode_safetensors_header(tensors, metadata, &writer.missing_);
  if (!header) return std::move(header).status().at(path);
  TRY_ASSIGN(writer.file_, AtomicFile::create(path));
  TRY(writer.file_.write(*header));
  return writer;
}

Status SafetensorsWriter::write(std::span<const std::byte> bytes) {
  const auto count = static_cast<int64_t>(bytes.size());
  if (count > missing_) {
    return error(Code::invalid, "{}: expected {} more bytes, got {}", path_, missing_, count);
  }
  TRY(file_.write(bytes));
  missing_ -= count;
  return Status::ok();
}

Status SafetensorsWriter::finish() {
  if (missing_ != 0) {
    return error(Code::invalid, "{}: {} declared bytes were not written", path_, missing_);
  }
  return file_.commit();
}

}  // namespace hearth
