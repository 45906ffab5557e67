// Reads the hyper-parameters of one architecture from GGUF metadata (`<arch>.<key>`) with ranges:
// the values come from outside and decide about shapes and loops.
#pragma once

#include <string>

#include "hearth/base/status.h"
#include "hearth/files/gguf/gguf.h"

namespace hearth {

class GgufFields {
 public:
  GgufFields(const Gguf& gguf, std::string arch) : gguf_(gguf), arch_(std::move(arch)) {}

  const Gguf& gguf() const { return gguf_; }
  const std::string& arch() const { return arch_; }
  bool has(const std::string& key) const { return gguf_.find_value(name(key)) != nullptr; }
  bool has_tensor(const std::string& tensor) const { return gguf_.find(tensor) != nullptr; }

  Result<int64_t> size(const std::string& key, int64_t low, int64_t high) const;
  Result<int64_t> size_or(const std::string& key, int64_t fallback, int64_t low,
                          int64_t high) const;
  Result<double> number_or(const std::string& key, double fallback, double low, double high) const;
  Result<bool> boolean_or(const std::string& key, bool fallback) const;
  Result<std::string> string_or(const std::string& key, const std::string& fallback) const;
  Result<int64_t> vocab_size() const;  // rows of the embedding

 private:
  std::string name(const std::string& key) const { return arch_ + "." + key; }
  const Gguf& gguf_;
  std::string arch_;
};

}  // namespace hearth
