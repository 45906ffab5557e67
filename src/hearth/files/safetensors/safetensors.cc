// Header by simdjson (linear, UTF-8 checked, depth bounded), then every rule of the format: exact
// sizes, no hole, no overlap, no byte left over.
#include "hearth/files/safetensors/safetensors.h"

#include <simdjson.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "hearth/base/checked_math.h"
#include "hearth/files/outside_bytes.h"

namespace hearth {
namespace {

namespace sj = simdjson;

constexpr std::array kTypes = {
    SafetensorsType{"BOOL", 8, std::nullopt},    SafetensorsType{"F4", 4, std::nullopt},
    SafetensorsType{"F6_E2M3", 6, std::nullopt}, SafetensorsType{"F6_E3M2", 6, std::nullopt},
    SafetensorsType{"U8", 8, std::nullopt},      SafetensorsType{"I8", 8, std::nullopt},
    SafetensorsType{"F8_E5M2", 8, std::nullopt}, SafetensorsType{"F8_E4M3", 8, Format::f8_e4m3},
    SafetensorsType{"F8_E8M0", 8, std::nullopt}, SafetensorsType{"I16", 16, std::nullopt},
    SafetensorsType{"U16", 16, std::nullopt},    SafetensorsType{"F16", 16, Format::f16},
    SafetensorsType{"BF16", 16, Format::bf16},   SafetensorsType{"I32", 32, std::nullopt},
    SafetensorsType{"U32", 32, std::nullopt},    SafetensorsType{"F32", 32, Format::f32},
    SafetensorsType{"C64", 64, std::nullopt},    SafetensorsType{"F64", 64, std::nullopt},
    SafetensorsType{"I64", 64, std::nullopt},    SafetensorsType{"U64", 64, std::nullopt},
};

constexpr int64_t kHeaderStart = 8;
constexpr size_t kHeaderDepth = 8;  // a header is three levels deep

// One line of the header, checked on its own; offsets count from the end of the header.
struct Declared {
  TensorEntry entry;
  int64_t begin = 0;
  int64_t end = 0;
  int64_t element_bytes = 1;
};

Status wrong(std::string_view name, std::string_view expected, std::string_view found) {
  return error(Code::corrupt, "`{}`: expected {}, found {}", excerpt(name), expected, found);
}

// A value for a message: a container only by its kind, as it may be large.
std::string show(sj::dom::element value) {
  if (value.is_array()) return "an array";
  if (value.is_object()) return "an object";
  return excerpt(sj::minify(value));
}

// A non-negative integer below 2^63.
std::optional<int64_t> size_of(sj::dom::element value) {
  int64_t size = 0;
  if (value.get(size) != sj::SUCCESS || size < 0) return std::nullopt;
  return size;
}

Result<std::vector<int64_t>> sizes_of(std::string_view name, std::string_view field,
                                      sj::dom::element value) {
  sj::dom::array array;
  if (value.get(array) != sj::SUCCESS) {
    return wrong(name, fmt::format("`{}` to be an array of sizes", field), show(value));
  }
  std::vector<int64_t> sizes;
  for (const sj::dom::element item : array) {
    const auto size = size_of(item);
    if (!size) return wrong(name, fmt::format("sizes in `{}`", field), show(item));
    sizes.push_back(*size);
    if (sizes.size() > 64)
      return wrong(name, fmt::format("few sizes in `{}`", field), "65 or more");
  }
  return sizes;
}

struct Fields {
  std::optional<sj::dom::element> dtype;
  std::optional<sj::dom::element> shape;
  std::optional<sj::dom::element> data_offsets;
};

Result<Fields> fields_of(std::string_view name, sj::dom::element value) {
  sj::dom::object object;
  if (value.get(object) != sj::SUCCESS) return wrong(name, "an object", show(value));
  Fields fields;
  for (const auto [key, field] : object) {
    std::optional<sj::dom::element>* slot = key == "dtype"          ? &fields.dtype
                                            : key == "shape"        ? &fields.shape
                                            : key == "data_offsets" ? &fields.data_offsets
                                                                    : nullptr;
    if (!slot) {
      return wrong(name, "dtype, shape and data_offsets", fmt::format("`{}`", excerpt(key)));
    }
    if (*slot) return wrong(name, fmt::format("one `{}`", key), "two");
    *slot = field;
  }
  if (!fields.dtype || !fields.shape || !fields.data_offsets) {
    return wrong(name, "dtype, shape and data_offsets", "one of them missing");
  }
  return fields;
}

// Bytes of `sizes` in `type`; types below a byte must fill whole bytes.
Result<int64_t> tensor_bytes(const SafetensorsType& type, std::span<const int64_t> sizes) {
  TRY_ASSIGN(const int64_t bits, packed_bytes(sizes, 1, type.bits));
  if (bits % 8 != 0) {
    return error(Code::corrupt, "expected whole bytes, found {} bits", bits);
  }
  return bits / 8;
}

Result<Declared> declared_tensor(std::string_view name, sj::dom::element value) {
  TRY(check_name(name));
  TRY_ASSIGN(const Fields fields, fields_of(name, value));
  std::string_view dtype;
  const SafetensorsType* type =
      fields.dtype->get(dtype) == sj::SUCCESS ? safetensors_type(dtype) : nullptr;
  if (!type) return wrong(name, "a known dtype", show(*fields.dtype));
  TRY_ASSIGN(const auto sizes, sizes_of(name, "shape", *fields.shape));
  TRY_ASSIGN(const auto offsets, sizes_of(name, "data_offsets", *fields.data_offsets));
  if (offsets.size() != 2 || offsets[0] > offsets[1]) {
    return wrong(name, "data_offsets [begin, end]", fmt::format("[{}]", fmt::join(offsets, ", ")));
  }
  auto bytes = tensor_bytes(*type, sizes);
  if (!bytes) return std::move(bytes).status().at(fmt::format("`{}`", name));
  if (*bytes != offsets[1] - offsets[0]) {
    return wrong(name, fmt::format("{} bytes ({} [{}])", *bytes, dtype, fmt::join(sizes, ", ")),
                 fmt::format("{} in data_offsets", offsets[1] - offsets[0]));
  }
  if (sizes.size() > static_cast<size_t>(Shape::kRankMax)) {
    return error(Code::unsupported, "`{}`: expected at most {} dimensions, found {}", name,
                 Shape::kRankMax, sizes.size());
  }
  Declared tensor;
  tensor.entry.name = std::string(name);
  tensor.entry.dtype = std::string(dtype);
  tensor.entry.format = type->format;
  tensor.entry.tensor.shape = Shape(sizes);
  tensor.entry.bytes = *bytes;
  if (type->format) {
    tensor.entry.tensor.format = *type->format;
    tensor.entry.tensor.row_bytes = tensor.entry.tensor.columns() * (type->bits / 8);
  }
  tensor.begin = offsets[0];
  tensor.end = offsets[1];
  tensor.element_bytes = std::max<int64_t>(type->bits / 8, 1);
  return tensor;
}

using Metadata = std::vector<std::pair<std::string, std::string>>;

Result<Metadata> read_metadata(sj::dom::element value) {
  sj::dom::object object;
  if (value.get(object) != sj::SUCCESS) return wrong("__metadata__", "an object", show(value));
  Metadata metadata;
  for (const auto [key, item] : object) {
    std::string_view text;
    if (item.get(text) != sj::SUCCESS) {
      return wrong("__metadata__", fmt::format("`{}` to be a string", excerpt(key)), show(item));
    }
    metadata.emplace_back(key, text);
  }
  std::vector<std::string_view> keys;
  for (const auto& [key, text] : metadata) keys.push_back(key);
  std::sort(keys.begin(), keys.end());
  const auto twice = std::adjacent_find(keys.begin(), keys.end());
  if (twice != keys.end()) return wrong("__metadata__", "each key once", excerpt(*twice));
  return metadata;
}

// The header's text, without its length.
Result<std::string_view> header_text(std::span<const std::byte> bytes) {
  if (const std::string_view found = describe_content(bytes); !found.empty()) {
    return error(Code::corrupt, "expected a safetensors file, found {}", found);
  }
  if (bytes.size() < static_cast<size_t>(kHeaderStart)) {
    return error(Code::corrupt, "expected a safetensors header, found a file of {} bytes",
                 bytes.size());
  }
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  const size_t left = bytes.size() - static_cast<size_t>(kHeaderStart);
  if (length > static_cast<uint64_t>(kSafetensorsHeaderMax)) {
    return error(Code::corrupt, "expected a safetensors header of at most {} bytes, found {}",
                 kSafetensorsHeaderMax, length);
  }
  if (length > left) {
    return error(Code::corrupt, "truncated: expected a header of {} bytes, found {}", length, left);
  }
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + kHeaderStart, length);
  if (!text.starts_with('{')) {
    return error(Code::corrupt, "expected a safetensors header that starts with '{{', found \"{}\"",
                 excerpt(text, 16));
  }
  return text;
}

// Sorted by place: each tensor begins where the one before ends, and the last ends with the file.
Status check_layout(std::span<const Declared> tensors, int64_t data_bytes) {
  int64_t end = 0;
  for (const Declared& tensor : tensors) {
    if (tensor.begin != end) {
      return error(Code::corrupt, "`{}`: expected data at byte {}, found {} ({})",
                   tensor.entry.name, end, tensor.begin,
                   tensor.begin < end ? "tensors overlap" : "a hole");
    }
    end = tensor.end;
  }
  if (end > data_bytes) {
    return error(Code::corrupt, "truncated: expected {} bytes of tensors, found {}", end,
                 data_bytes);
  }
  if (end < data_bytes) {
    return error(Code::corrupt, "expected {} bytes of tensors, found {} (surplus at the end)", end,
                 data_bytes);
  }
  return Status::ok();
}

bool is_misaligned(const Declared& tensor, std::span<const std::byte> data) {
  const auto start = reinterpret_cast<uintptr_t>(data.data() + tensor.begin);
  return tensor.entry.bytes > 0 && start % static_cast<uintptr_t>(tensor.element_bytes) != 0;
}

// A file may be larger than memory, and hold next to nothing on the disk.
Status check_copies(std::span<const Declared> tensors, std::span<const std::byte> data) {
  int64_t copies = 0;
  for (const Declared& tensor : tensors) {
    if (is_misaligned(tensor, data)) copies += tensor.entry.bytes;
  }
  const int64_t room = int64_t{::sysconf(_SC_PHYS_PAGES)} * ::sysconf(_SC_PAGESIZE) / 2;
  if (copies <= room) return Status::ok();
  return error(Code::no_memory,
               "expected tensors that begin at a multiple of their elements' size, or at most {} "
               "bytes of others, of which copies are made; found {}",
               room, copies);
}

// Points each tensor to its data, or to an aligned copy of it.
std::vector<TensorEntry> place(std::vector<Declared> tensors, std::span<const std::byte> data,
                               std::vector<Buffer>& aligned_copies) {
  std::vector<TensorEntry> entries;
  entries.reserve(tensors.size());
  for (Declared& tensor : tensors) {
    if (tensor.entry.bytes > 0) {
      const std::byte* start = data.data() + tensor.begin;
      if (is_misaligned(tensor, data)) {
        const Buffer& copy = aligned_copies.emplace_back(tensor.entry.bytes);
        std::memcpy(copy.data(), start, static_cast<size_t>(tensor.entry.bytes));
        start = copy.data();
      }
      tensor.entry.tensor.data = const_cast<std::byte*>(start);
    }
    entries.push_back(std::move(tensor.entry));
  }
  return entries;
}

}  // namespace

const SafetensorsType* safetensors_type(std::string_view name) {
  const auto at = std::find_if(kTypes.begin(), kTypes.end(),
                               [&](const SafetensorsType& type) { return type.name == name; });
  return at == kTypes.end() ? nullptr : &*at;
}

std::optional<std::string_view> safetensors_type_name(Format format) {
  for (const SafetensorsType& type : kTypes) {
    if (type.format == format) return type.name;
  }
  return std::nullopt;
}

Result<Safetensors> Safetensors::open(const std::string& path) {
  TRY_ASSIGN(MappedFile file, MappedFile::open(path));
  Safetensors safetensors;
  safetensors.file_ = std::move(file);
  TRY(safetensors.read(safetensors.file_.bytes()).at(path));
  return safetensors;
}

Result<Safetensors> Safetensors::parse(std::span<const std::byte> bytes) {
  Safetensors safetensors;
  TRY(safetensors.read(bytes));
  return safetensors;
}

Status Safetensors::read(std::span<const std::byte> bytes) {
  TRY_ASSIGN(const std::string_view text, header_text(bytes));
  sj::dom::parser parser;
  sj::dom::element root;
  sj::dom::object header;
  auto failed = parser.allocate(text.size(), kHeaderDepth);
  if (!failed) failed = parser.parse(text.data(), text.size()).get(root);
  if (!failed) failed = root.get(header);
  if (failed) {
    return error(Code::corrupt, "header: not JSON: {}", excerpt(sj::error_message(failed), 120));
  }
  std::vector<Declared> tensors;
  bool metadata_seen = false;
  for (const auto [key, value] : header) {
    if (key == "__metadata__") {
      if (std::exchange(metadata_seen, true)) return wrong(key, "one such key", "two");
      TRY_ASSIGN(metadata_, read_metadata(value));
    } else {
      TRY_ASSIGN(Declared tensor, declared_tensor(key, value));
      tensors.push_back(std::move(tensor));
    }
  }
  std::stable_sort(tensors.begin(), tensors.end(), [](const Declared& a, const Declared& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  const auto data = bytes.subspan(static_cast<size_t>(kHeaderStart) + text.size());
  TRY(check_layout(tensors, static_cast<int64_t>(data.size())));
  TRY(check_copies(tensors, data));
  TRY_ASSIGN(table_, TensorTable::build(place(std::move(tensors), data, aligned_copies_)));
  return Status::ok();
}

}  // namespace hearth
