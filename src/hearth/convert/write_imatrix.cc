// The two forms of llama.cpp's importance matrix files (docs/converting.md).
#include <algorithm>
#include <cstring>

#include "hearth/convert/collect_imatrix.h"
#include "hearth/files/atomic_file.h"
#include "hearth/files/gguf/gguf_writer.h"

namespace hearth {
namespace {

Status write_gguf(const std::string& path, const CollectedImatrix& collected) {
  GgufHeader header;
  const std::string datasets[] = {collected.dataset};
  header.set_string("general.type", "imatrix");
  header.set_strings("imatrix.datasets", datasets);
  header.set_u32("imatrix.chunk_count", static_cast<uint32_t>(collected.chunks));
  header.set_u32("imatrix.chunk_size", static_cast<uint32_t>(collected.window));
  for (const auto& [name, tensor] : collected.tensors) {
    const int64_t sums[] = {tensor.groups, tensor.columns};
    const int64_t counts[] = {tensor.groups, 1};
    TRY(header.declare(name + ".in_sum2", "F32", sums));
    TRY(header.declare(name + ".counts", "F32", counts));
  }
  TRY_ASSIGN(GgufWriter writer, GgufWriter::create(path, header));
  for (const auto& [name, tensor] : collected.tensors) {
    std::vector<float> counts(tensor.counts.begin(), tensor.counts.end());
    TRY(writer.write(std::as_bytes(std::span(tensor.sums))));
    TRY(writer.write(std::as_bytes(std::span(counts))));
  }
  return writer.finish();
}

Status write_i32(AtomicFile& file, int64_t value) {
  const auto narrow = static_cast<int32_t>(value);
  return file.write(std::as_bytes(std::span(&narrow, 1)));
}

Status write_text(AtomicFile& file, const std::string& text) {
  TRY(write_i32(file, static_cast<int64_t>(text.size())));
  return file.write(text);
}

// Means times the number of windows. The form can't say that an expert was not seen: its inputs
// count alike.
Status write_dat(const std::string& path, const CollectedImatrix& collected) {
  TRY_ASSIGN(AtomicFile file, AtomicFile::create(path));
  TRY(write_i32(file, static_cast<int64_t>(collected.tensors.size())));
  const auto calls = static_cast<float>(collected.chunks);
  for (const auto& [name, tensor] : collected.tensors) {
    TRY(write_text(file, name));
    TRY(write_i32(file, collected.chunks));
    TRY(write_i32(file, static_cast<int64_t>(tensor.sums.size())));
    std::vector<float> values(tensor.sums.size(), calls);
    for (size_t i = 0; i < values.size(); ++i) {
      const int64_t count = tensor.counts[i / static_cast<size_t>(tensor.columns)];
      if (count > 0) values[i] = tensor.sums[i] / static_cast<float>(count) * calls;
    }
    TRY(file.write(std::as_bytes(std::span(values))));
  }
  TRY(write_i32(file, collected.chunks));
  TRY(write_text(file, collected.dataset));
  return file.commit();
}

}  // namespace

Status write_imatrix(const std::string& path, const CollectedImatrix& collected) {
  return path.ends_with(".dat") ? write_dat(path, collected) : write_gguf(path, collected);
}

}  // namespace hearth
