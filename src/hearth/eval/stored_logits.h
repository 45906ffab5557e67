// A reference's logits over a text, in a file: what a smaller machine compares a model with when
// the reference itself doesn't fit beside it. A .safetensors file with `ids` I32 [tokens], the
// text, and `logits` F32 [tokens - 1, vocab], before each token but the first; metadata `window`
// and `bos`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "hearth/files/safetensors/safetensors.h"
#include "hearth/files/safetensors/safetensors_writer.h"

namespace hearth {

// What logits are of: they follow from the text, what stands before it and how it is cut.
struct LogitsSubject {
  std::vector<int32_t> ids;
  std::optional<int32_t> bos;
  int64_t window = 0;
  int64_t vocab = 0;
};

class StoredLogits {
 public:
  // corrupt: no such file, or one whose tensors don't fit together.
  static Result<StoredLogits> open(const std::string& path);

  // invalid: they are of another text, another cut or another vocabulary.
  Status check(const LogitsSubject& subject) const;
  // Rows [first, first + count). corrupt: values that are not finite, fewer rows.
  Result<std::vector<std::vector<float>>> rows(int64_t first, int64_t count) const;

 private:
  std::string path_;
  std::optional<Safetensors> file_;
  LogitsSubject subject_;
};

// Writes such a file as its rows come; it appears when `finish` succeeds.
class LogitsWriter {
 public:
  static Result<LogitsWriter> create(const std::string& path, const LogitsSubject& subject);
  Status add(std::span<const float> row);  // [vocab]
  Status finish() { return writer_.finish(); }

 private:
  explicit LogitsWriter(SafetensorsWriter writer) : writer_(std::move(writer)) {}
  SafetensorsWriter writer_;
};

}  // namespace hearth
