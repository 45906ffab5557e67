// What the two writers of random checkpoints share: the network they write, its rows as a stream
// of bytes, and the two writers themselves.
#pragma once

#include <span>

#include "hearth/base/thread_pool.h"
#include "hearth/models/model.h"
#include "hearth/models/tiny/random_tensor.h"
#include "hearth/models/tiny/tiny.h"
#include "hearth/models/tiny/tiny_vocabulary.h"

namespace hearth {

struct TinyNetwork {
  Json config;  // as written
  TinyVocabulary vocabulary;
  std::unique_ptr<Model> model;  // its slots stay empty
  uint64_t seed = 1;
  bool tied = false;
  std::unique_ptr<ThreadPool> pool;

  RandomTensor tensor(const TensorSpec& spec) const { return {seed, spec, tied}; }
};

using ByteSink = std::function<Status(std::span<const std::byte>)>;
using FillRow = std::function<void(int64_t row, float* out)>;  // one row of f32

// Encodes `rows` rows of `columns` values in `format`, some at a time, and hands the bytes on.
// `fill` is called by several threads at once.
Status stream_rows(ThreadPool& pool, int64_t rows, int64_t columns, Format format,
                   const FillRow& fill, const ByteSink& sink);

Result<TinyReport> write_tiny_directory(const std::string& path, const TinyNetwork& network,
                                        const TinyOptions& options);
Result<TinyReport> write_tiny_gguf(const std::string& path, const TinyNetwork& network,
                                   const TinyOptions& options);

}  // namespace hearth
