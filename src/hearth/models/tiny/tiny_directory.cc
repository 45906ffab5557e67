// A random checkpoint as a Hugging Face directory: config, tokenizer and one model.safetensors.
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "hearth/files/atomic_file.h"
#include "hearth/files/disk_space.h"
#include "hearth/files/safetensors/safetensors.h"
#include "hearth/files/safetensors/safetensors_writer.h"
#include "hearth/formats/f8_e4m3/f8_tiles.h"
#include "hearth/models/load_format.h"
#include "hearth/models/tiny/tiny_files.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

struct Stored {
  TensorSpec spec;
  Format format;

  int64_t bytes() const {
    return Tensor::packed_row_bytes(format, spec.shape.columns()) * spec.shape.rows();
  }
};

Format format_of(const TensorSpec& spec, Format wanted) {
  // R1 keeps the bias of its router in full precision; it decides between close experts.
  if (spec.name.ends_with("e_score_correction_bias")) return Format::f32;
  if (wanted != Format::f8_e4m3) return wanted;
  return is_fp8_linear(spec) ? Format::f8_e4m3 : Format::bf16;
}

// Larger elements first, so that every tensor lies at a multiple of its element.
std::vector<Stored> list_tensors(Model& model, Format wanted) {
  std::vector<Stored> tensors;
  model.visit_tensors([&](const TensorSpec& spec, Weight&) {
    if (!spec.name.empty()) tensors.push_back({spec, format_of(spec, wanted)});
  });
  std::stable_sort(tensors.begin(), tensors.end(), [](const Stored& a, const Stored& b) {
    return format_info(a.format).block_bytes > format_info(b.format).block_bytes;
  });
  return tensors;
}

std::vector<int64_t> sizes_of(const Shape& shape) {
  std::vector<int64_t> sizes;
  for (int i = 0; i < shape.rank(); ++i) sizes.push_back(shape[i]);
  return sizes;
}

// Weights in their order; the scales of FP8 weights follow at the end, when all are known.
std::vector<SafetensorsDeclaration> declare(std::span<const Stored> tensors) {
  std::vector<SafetensorsDeclaration> all;
  std::vector<SafetensorsDeclaration> scales;
  for (const Stored& t : tensors) {
    const auto type = safetensors_type_name(t.format);
    CHECK(type.has_value());
    all.push_back({t.spec.name, std::string(*type), sizes_of(t.spec.shape)});
    if (t.format != Format::f8_e4m3) continue;
    const Fp8Tiles tiles = Fp8Tiles::of(t.spec.shape[0], t.spec.shape[1]);
    scales.push_back({t.spec.name + "_scale_inv", "F32", {tiles.rows, tiles.columns}});
  }
  all.insert(all.end(), scales.begin(), scales.end());
  return all;
}

// One row of tiles at a time; appends their scales.
Status stream_fp8(ThreadPool& pool, const TensorSpec& spec, const RandomTensor& random,
                  std::vector<float>& scales, const ByteSink& sink) {
  const int64_t rows = spec.shape[0];
  const int64_t columns = spec.shape[1];
  std::vector<float> values(static_cast<size_t>(std::min(rows, kScaleTile) * columns));
  std::vector<std::byte> encoded(values.size());
  for (int64_t begin = 0; begin < rows; begin += kScaleTile) {
    const int64_t count = std::min(kScaleTile, rows - begin);
    pool.parallel_for(count,
                      [&](int64_t r) { random.fill_row(begin + r, values.data() + r * columns); });
    const size_t first = scales.size();
    scales.resize(first + static_cast<size_t>(Fp8Tiles::of(count, columns).count()));
    encode_f8_tiles(values.data(), count, columns, encoded.data(), scales.data() + first);
    TRY(sink({encoded.data(), static_cast<size_t>(count * columns)}));
  }
  return Status::ok();
}

Status write_json(const std::string& path, const Json& json) {
  return write_whole(path, json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

Status write_weights(const std::string& path, const TinyNetwork& network,
                     std::span<const Stored> tensors, const TinyOptions& options,
                     int64_t total_bytes) {
  TRY_ASSIGN(SafetensorsWriter writer, SafetensorsWriter::create(path, declare(tensors)));
  int64_t done = 0;
  const ByteSink sink = [&](std::span<const std::byte> bytes) {
    done += static_cast<int64_t>(bytes.size());
    if (options.progress) options.progress(done, total_bytes);
    return writer.write(bytes);
  };
  std::vector<float> scales;
  for (const Stored& t : tensors) {
    const RandomTensor random = network.tensor(t.spec);
    if (t.format == Format::f8_e4m3) {
      TRY(stream_fp8(*network.pool, t.spec, random, scales, sink));
      continue;
    }
    const FillRow fill = [&](int64_t row, float* out) { random.fill_row(row, out); };
    TRY(stream_rows(*network.pool, t.spec.shape.rows(), t.spec.shape.columns(), t.format, fill,
                    sink));
  }
  TRY(sink(std::as_bytes(std::span(scales))));
  return writer.finish();
}

}  // namespace

Result<TinyReport> write_tiny_directory(const std::string& path, const TinyNetwork& network,
                                        const TinyOptions& options) {
  const std::vector<Stored> tensors = list_tensors(*network.model, options.format);
  TinyReport report{network.model->info().architecture, static_cast<int64_t>(tensors.size()), 0, 0};
  for (const Stored& t : tensors) {
    report.parameters += t.spec.shape.elements();
    report.bytes += t.bytes();
    if (t.format == Format::f8_e4m3) {
      report.bytes += 4 * Fp8Tiles::of(t.spec.shape[0], t.spec.shape[1]).count();
      ++report.tensors;
    }
  }
  TRY(check_disk(path, report.bytes));
  std::error_code failed;
  fs::create_directories(path, failed);
  if (failed) return error(Code::invalid, "{}: {}", path, failed.message());
  const fs::path folder(path);
  const TinyVocabulary& vocabulary = network.vocabulary;
  TRY(write_weights(folder / "model.safetensors", network, tensors, options, report.bytes));
  TRY(write_json(folder / "tokenizer.json", vocabulary.tokenizer_json()));
  TRY(write_json(folder / "tokenizer_config.json", vocabulary.tokenizer_config()));
  TRY(write_json(folder / "generation_config.json", vocabulary.generation_config()));
  TRY(write_json(folder / "config.json", network.config));
  return report;
}

}  // namespace hearth
