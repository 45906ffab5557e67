// See tiny.h: from options to a network, and to the writer that the path asks for.
#include "hearth/models/tiny/tiny.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "hearth/files/outside_bytes.h"
#include "hearth/formats/codec.h"
#include "hearth/models/load.h"
#include "hearth/models/tiny/tiny_files.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kChunkValues = 1 << 20;

// The config as it will be written: of the weights that are made, and of nothing that is not.
Status adapt_config(const TinyOptions& options, bool gguf, Json& config) {
  config.erase("quantization_config");
  config.erase("auto_map");  // names code that is not written
  const bool predicts = json_find(config, "num_nextn_predict_layers") != nullptr;
  if (options.mtp && !predicts) {
    return error(Code::invalid,
                 "a layer for multi-token prediction: expected deepseek_v3, found a config without "
                 "`num_nextn_predict_layers`");
  }
  if (predicts) config["num_nextn_predict_layers"] = options.mtp ? 1 : 0;
  const char* dtype = options.format == Format::f32   ? "float32"
                      : options.format == Format::f16 ? "float16"
                                                      : "bfloat16";
  config[config.contains("dtype") ? "dtype" : "torch_dtype"] = dtype;
  const bool block = format_info(options.format).block_elements > 1;
  if (block && !gguf) {
    return error(Code::invalid,
                 "format: a Hugging Face directory holds f32, f16, bf16 or f8_e4m3, not {}; name "
                 "the output NAME.gguf",
                 format_info(options.format).name);
  }
  if (options.format != Format::f8_e4m3) return Status::ok();
  if (gguf) return error(Code::invalid, "format: GGUF cannot hold f8_e4m3; name a directory");
  config["quantization_config"] = {{"activation_scheme", "dynamic"},
                                   {"fmt", "e4m3"},
                                   {"quant_method", "fp8"},
                                   {"weight_block_size", {kScaleTile, kScaleTile}}};
  return Status::ok();
}

Result<TinyNetwork> make_network(const TinyOptions& options, bool gguf) {
  TinyNetwork network;
  network.seed = options.seed;
  network.pool = std::make_unique<ThreadPool>(std::max(1, options.threads));
  if (options.config) {
    network.config = *options.config;
    TRY_ASSIGN(const std::string type, json_string(network.config, "model_type"));
    if (!options.architecture.empty() && options.architecture != type) {
      return error(Code::invalid, "`model_type`: expected {}, found {}", options.architecture,
                   excerpt(type));
    }
  } else {
    TRY_ASSIGN(network.config, tiny_config(options.architecture));
  }
  TRY(adapt_config(options, gguf, network.config));
  ModelHints hints;
  hints.mtp = options.mtp;
  TRY_ASSIGN(network.model, make_model(network.config, hints));
  TRY_ASSIGN(network.vocabulary, TinyVocabulary::of(network.config));
  network.config["bos_token_id"] = network.vocabulary.bos;
  network.config["eos_token_id"] = network.vocabulary.eos;
  TRY_ASSIGN(network.tied, json_bool_or(network.config, "tie_word_embeddings", false));
  return network;
}

Status check_free(const std::string& path, bool gguf) {
  std::error_code failed;
  const bool taken =
      gguf ? fs::exists(path, failed) : fs::exists(path, failed) && !fs::is_empty(path, failed);
  if (!taken && !failed) return Status::ok();
  return error(Code::invalid, "{}: expected {}, found that it is taken", path,
               gguf ? "the name of a new file" : "a new or empty directory");
}

}  // namespace

Status stream_rows(ThreadPool& pool, int64_t rows, int64_t columns, Format format,
                   const FillRow& fill, const ByteSink& sink) {
  const int64_t step = std::min(rows, std::max<int64_t>(1, kChunkValues / columns));
  Buffer encoded(Tensor::packed_row_bytes(format, columns) * step);
  for (int64_t begin = 0; begin < rows; begin += step) {
    const int64_t count = std::min(step, rows - begin);
    const Tensor chunk = Tensor::packed(format, {count, columns}, encoded.data());
    pool.parallel_for(count, [&](int64_t r) {
      thread_local std::vector<float> values;
      values.resize(static_cast<size_t>(columns));
      fill(begin + r, values.data());
      encode_row(values.data(), chunk, r);
    });
    TRY(sink({encoded.data(), static_cast<size_t>(chunk.bytes())}));
  }
  return Status::ok();
}

Result<TinyReport> write_tiny(const std::string& path, const TinyOptions& options) {
  const bool gguf = path.ends_with(".gguf");
  TRY_ASSIGN(const TinyNetwork network, make_network(options, gguf));
  if (!options.replace) TRY(check_free(path, gguf));
  return gguf ? write_tiny_gguf(path, network, options)
              : write_tiny_directory(path, network, options);
}

}  // namespace hearth
