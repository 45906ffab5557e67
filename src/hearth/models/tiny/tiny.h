// Random checkpoints of any architecture from its TensorSpec table: tiny ones for tests, and any
// real shape for measurements, written as a Hugging Face directory or a GGUF file. Written as a
// stream: memory stays bounded whatever the size.
//
// A value depends on the seed, the tensor's Hugging Face name and its place there, and on nothing
// else: the directory and the GGUF file of one seed and format are the same network.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "hearth/base/status.h"
#include "hearth/files/json.h"
#include "hearth/tensor/format.h"

namespace hearth {

struct TinyOptions {
  std::string architecture;      // Hugging Face model_type; "" = as `config` says
  std::optional<Json> config;    // a real shape; nullopt: tiny_config(architecture)
  Format format = Format::bf16;  // of matrices; what a file can't hold so is stored next best
  bool mtp = false;              // with a layer for multi-token prediction, of deepseek_v3
  uint64_t seed = 1;
  int threads = 1;                                            // the bytes do not depend on it
  bool replace = false;                                       // write over what is at the path
  std::function<void(int64_t done, int64_t total)> progress;  // bytes
};

struct TinyReport {
  std::string architecture;
  int64_t tensors = 0;
  int64_t parameters = 0;
  int64_t bytes = 0;  // of tensors
};

// `path`: a file when it ends in .gguf, else a directory.
// invalid: a format that such a checkpoint can't hold, a path that is taken, a config that is
// wrong.
Result<TinyReport> write_tiny(const std::string& path, const TinyOptions& options);

// The config.json of a tiny model, a few million parameters; every quantisable width is a multiple
// of 256, so that each format applies. unsupported: not one of tiny_architectures().
Result<Json> tiny_config(const std::string& architecture);
std::vector<std::string> tiny_architectures();

}  // namespace hearth
