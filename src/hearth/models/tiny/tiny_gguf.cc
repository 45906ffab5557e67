// A random checkpoint as one GGUF file with llama.cpp's keys, names and arrangement.
#include <nlohmann/json.hpp>

#include "hearth/files/disk_space.h"
#include "hearth/files/gguf/gguf_types.h"
#include "hearth/files/gguf/gguf_writer.h"
#include "hearth/models/gguf_keys.h"
#include "hearth/models/gguf_layout.h"
#include "hearth/models/tiny/tiny_files.h"

namespace hearth {
namespace {

// As llama.cpp: norms, biases and the router in F32, and a matrix whose rows don't fill the blocks
// of the wanted format in the next best.
Format format_of(const GgufTensor& tensor, Format wanted) {
  if (tensor.kind == TensorKind::vector || tensor.kind == TensorKind::router) return Format::f32;
  for (const Format format : {wanted, Format::q8_0}) {
    if (tensor.shape.columns() % format_info(format).block_elements == 0) return format;
  }
  return Format::f16;
}

Status declare(GgufHeader& header, const std::string& name, Format format, const Shape& shape) {
  const GgmlType* type = ggml_type_by_format(format);
  CHECK(type != nullptr);
  std::vector<int64_t> sizes;
  for (int i = 0; i < shape.rank(); ++i) sizes.push_back(shape[i]);
  return header.declare(name, type->name, sizes);
}

Status stream_tensor(const GgufTensor& tensor, Format format, const TinyNetwork& network,
                     const ByteSink& sink) {
  std::vector<RandomTensor> randoms;
  for (const TensorSpec& source : tensor.sources) randoms.push_back(network.tensor(source));
  const int64_t columns = tensor.shape.columns();
  const FillRow fill = [&](int64_t row, float* out) {
    if (tensor.shape.rank() == 1) {
      for (int64_t c = 0; c < columns; ++c) out[c] = randoms[0].at(0, tensor.element_origin(c));
      return;
    }
    const GgufTensor::Origin from = tensor.origin(row);
    const RandomTensor& random = randoms[static_cast<size_t>(from.source - tensor.sources.data())];
    if (!from.transposed) return random.fill_row(from.row, out);
    for (int64_t c = 0; c < columns; ++c) out[c] = random.at(from.row + c, from.column);
  };
  return stream_rows(*network.pool, tensor.shape.rows(), columns, format, fill, sink);
}

}  // namespace

Result<TinyReport> write_tiny_gguf(const std::string& path, const TinyNetwork& network,
                                   const TinyOptions& options) {
  TRY_ASSIGN(const std::vector<GgufTensor> tensors, gguf_layout(*network.model, network.config));
  TRY_ASSIGN(const std::vector<float> factors, gguf_rope_factors(network.config));
  GgufHeader header;
  TRY(write_gguf_keys(network.config, fmt::format("hearth tiny, seed {}", network.seed),
                      gguf_file_type(options.format), header));
  network.vocabulary.write(header);
  TinyReport report{network.model->info().architecture, 0, 0, 0};
  if (!factors.empty()) {
    TRY(declare(header, "rope_freqs.weight", Format::f32, {static_cast<int64_t>(factors.size())}));
  }
  for (const GgufTensor& tensor : tensors) {
    TRY(declare(header, tensor.name, format_of(tensor, options.format), tensor.shape));
    report.parameters += tensor.shape.elements();
  }
  report.tensors = static_cast<int64_t>(header.tensor_bytes().size());
  for (const int64_t bytes : header.tensor_bytes()) report.bytes += bytes;
  TRY(check_disk(path, report.bytes));

  TRY_ASSIGN(GgufWriter writer, GgufWriter::create(path, header));
  int64_t done = 0;
  const ByteSink sink = [&](std::span<const std::byte> bytes) {
    done += static_cast<int64_t>(bytes.size());
    if (options.progress) options.progress(done, report.bytes);
    return writer.write(bytes);
  };
  if (!factors.empty()) TRY(sink(std::as_bytes(std::span(factors))));
  for (const GgufTensor& tensor : tensors) {
    TRY(stream_tensor(tensor, format_of(tensor, options.format), network, sink));
  }
  TRY(writer.finish());
  return report;
}

}  // namespace hearth
