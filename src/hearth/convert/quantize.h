// Converts and quantises a checkpoint in one streaming pass: from a Hugging Face directory or a
// GGUF file to a GGUF file, or to a directory. Memory stays bounded whatever the model; a run that
// was killed goes on where it stopped, and the bytes do not depend on that.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "hearth/convert/recipe.h"

namespace hearth {

struct QuantizeOptions {
  Recipe recipe;
  int threads = 1;       // the bytes do not depend on it
  bool replace = false;  // write over what is at the path
  // Bytes of the output; false: stop, to go on at another time.
  std::function<bool(int64_t done, int64_t total)> progress;
  std::function<void(const std::string& line)> notice;  // called before the work begins
};

struct TensorReport {
  std::string name;
  Format format = Format::f32;
  Shape shape;
  int64_t bytes = 0;
  double rmse = 0;      // root of the mean squared difference to the input
  double relative = 0;  // rmse over the root of the mean squared value
};

struct QuantizeReport {
  int64_t parameters = 0;
  int64_t bytes_in = 0;   // of the tensors read
  int64_t bytes_out = 0;  // of the file
  int64_t resumed = 0;    // tensors that an earlier run had finished
  double rmse = 0;        // over all parameters
  std::string sha256;     // of the file
  std::vector<TensorReport> tensors;
};

// `out`: a file when it ends in .gguf, else a directory. Checksums are written as sha256sum does,
// to OUT.sha256 beside the file, or to OUT/model.sha256 for all files of the directory. invalid: a
// value that is not finite, with its place; a path that is taken; a format that such a file can't
// hold.  cancelled: by `progress`.
Result<QuantizeReport> quantize(const std::string& in, const std::string& out,
                                const QuantizeOptions& options);

}  // namespace hearth
