// The safetensors reader on any bytes: what it accepts covers the data exactly, aligned and named.
// The mutator edits the header as text and keeps the length before it right half the time.
#include "hearth/base/check.h"
#include "hearth/files/fuzz_tools.h"
#include "hearth/files/safetensors/safetensors.h"
#include "hearth/files/safetensors/safetensors_writer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  const auto file = Safetensors::parse(std::as_bytes(std::span(data, size)));
  if (!file) {
    check_message(file.status());
    return 0;
  }
  int64_t bytes = 0;
  unsigned sum = 0;
  for (const TensorEntry& entry : file->tensors()) {
    CHECK(file->find(entry.name) == &entry);
    CHECK(check_name(entry.name).is_ok());
    CHECK_GE(entry.tensor.shape.elements(), 0);
    bytes += entry.bytes;
    if (entry.format) {
      CHECK_EQ(entry.tensor.bytes(), entry.bytes);
      const auto unit = static_cast<uintptr_t>(format_info(*entry.format).block_bytes);
      CHECK_EQ(reinterpret_cast<uintptr_t>(entry.tensor.data) % unit, 0u);
    }
    if (entry.bytes > 0) {
      sum += static_cast<unsigned>(entry.tensor.data[0]);
      sum += static_cast<unsigned>(entry.tensor.data[entry.bytes - 1]);
    }
  }
  CHECK_LE(bytes, static_cast<int64_t>(size));
  return sum == 0xFFFFFFFF ? 1 : 0;
}

namespace hearth {
namespace {

std::string random_file(FuzzRandom& random) {
  static constexpr std::array<std::string_view, 9> kTypes = {
      "F32", "BF16", "F16", "F8_E4M3", "I64", "BOOL", "F4", "U16", "F64"};
  std::vector<SafetensorsDeclaration> tensors;
  const uint64_t count = random.below(5);
  for (uint64_t i = 0; i < count; ++i) {
    SafetensorsDeclaration tensor{fmt::format("t{}", i), std::string(random.of(kTypes)), {}};
    for (uint64_t rank = random.below(5); rank > 0; --rank) {
      tensor.shape.push_back(static_cast<int64_t>(random.below(4) * 2));
    }
    if (tensor.dtype == "F4") tensor.shape.push_back(2);
    if (tensor.shape.size() > 4) tensor.shape.resize(4, 2);
    tensors.push_back(std::move(tensor));
  }
  SafetensorsMetadata metadata;
  if (random.once_in(2)) metadata.emplace_back("format", "pt");
  int64_t bytes = 0;
  auto header = encode_safetensors_header(tensors, metadata, &bytes);
  if (!header || bytes > 2048) return std::string("\2\0\0\0\0\0\0\0{}", 10);
  return *header + std::string(static_cast<size_t>(bytes), '\7');
}

std::string with_length(uint64_t length, const std::string& rest) {
  std::string file(sizeof length, '\0');
  std::memcpy(file.data(), &length, sizeof length);
  return file + rest;
}

std::string mutate_header(const std::string& file, FuzzRandom& random) {
  uint64_t length = 0;
  std::memcpy(&length, file.data(), sizeof length);
  length = std::min<uint64_t>(length, file.size() - 8);
  std::string header = file.substr(8, length);
  std::string rest = file.substr(8 + length);
  for (uint64_t edits = 1 + random.below(2); edits > 0; --edits) {
    header = mutate_json(std::move(header), random);
  }
  if (random.once_in(4)) rest.resize(random.below(64), '\3');
  const uint64_t claimed = random.once_in(2) ? header.size() : random.hostile(header.size());
  return with_length(claimed, header + rest);
}

}  // namespace
}  // namespace hearth

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace hearth;
  FuzzRandom random(seed);
  std::string file =
      size < 10 || random.once_in(6) ? random_file(random) : std::string(text_of(data, size));
  if (random.once_in(8)) {
    file = mutate_bytes(std::move(file), 16);
  } else if (!random.once_in(8)) {
    file = mutate_header(file, random);
  }
  return give(file, data, max_size);
}
