// Heads of any files of weights: with zeros for the rest they read as the whole file reads, however
// short the beginning was that was fetched first.
#include <algorithm>
#include <array>

#include "hearth/base/check.h"
#include "hearth/files/fuzz_tools.h"
#include "hearth/files/gguf/gguf.h"
#include "hearth/files/gguf/mutate_gguf.h"
#include "hearth/files/safetensors/safetensors.h"
#include "hearth/store/weight_head.h"

namespace hearth::store {
namespace {

constexpr int64_t kFirstBytes = 64;
using Bytes = std::span<const std::byte>;

// The file with zeros behind its first `bytes`.
std::string beginning(std::string_view file, int64_t bytes) {
  std::string out(file.substr(0, static_cast<size_t>(bytes)));
  out.resize(file.size());
  return out;
}

void check_entries(std::span<const TensorEntry> a, std::span<const TensorEntry> b) {
  CHECK_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    CHECK(a[i].name == b[i].name && a[i].dtype == b[i].dtype && a[i].bytes == b[i].bytes);
    CHECK(a[i].tensor.shape == b[i].tensor.shape);
  }
}

void check_gguf(std::string_view file) {
  const auto size = static_cast<int64_t>(file.size());
  int64_t have = std::min(kFirstBytes, size);
  std::string outline = beginning(file, have);
  for (;;) {
    const int64_t head = gguf_head_bytes(std::as_bytes(std::span(outline)));
    CHECK(head >= 0 && head <= size);
    if (head <= have) break;
    have = head;
    outline = beginning(file, have);
  }
  const auto whole = Gguf::parse(std::as_bytes(std::span(file)));
  const auto read = Gguf::parse(std::as_bytes(std::span(outline)));
  CHECK(static_cast<bool>(whole) == static_cast<bool>(read));
  if (!whole) {
    CHECK(whole.status().message() == read.status().message());
    return;
  }
  check_entries(whole->tensors(), read->tensors());
  CHECK_EQ(whole->metadata().size(), read->metadata().size());
  for (size_t i = 0; i < whole->metadata().size(); ++i) {
    CHECK(whole->metadata()[i].key == read->metadata()[i].key);
    CHECK(whole->metadata()[i].to_string() == read->metadata()[i].to_string());
  }
}

void check_safetensors(std::string_view file) {
  const auto size = static_cast<int64_t>(file.size());
  const int64_t head = safetensors_head_bytes(
      std::as_bytes(std::span(file.substr(0, static_cast<size_t>(std::min(kFirstBytes, size))))));
  if (head > size) return;  // all of it is fetched, and nothing is changed
  const std::string aligned =
      aligned_safetensors_head(std::string(file.substr(0, static_cast<size_t>(head))));
  CHECK_GE(std::ssize(aligned), head);
  std::string outline = aligned;
  outline.resize(file.size() + aligned.size() - static_cast<size_t>(head));
  const auto whole = Safetensors::parse(std::as_bytes(std::span(file)));
  if (!whole && aligned.size() == static_cast<size_t>(head)) return;  // may be no such file at all
  const auto read = Safetensors::parse(std::as_bytes(std::span(outline)));
  CHECK(static_cast<bool>(whole) == static_cast<bool>(read));
  if (!whole) return;
  check_entries(whole->tensors(), read->tensors());
  CHECK(std::ranges::equal(whole->metadata(), read->metadata()));
}

}  // namespace
}  // namespace hearth::store

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view file = hearth::text_of(data, size);
  if (file.starts_with("GGUF")) {
    hearth::store::check_gguf(file);
  } else {
    hearth::store::check_safetensors(file);
  }
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace hearth;
  FuzzRandom random(seed);
  std::string file(text_of(data, size));
  file = file.starts_with("GGUF") && size >= 24 ? mutate_gguf(std::move(file), random)
                                                : mutate_safetensors(file, random);
  return give(file, data, max_size);
}
