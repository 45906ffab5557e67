// See gguf_fields.h.
#include "hearth/models/gguf_fields.h"

namespace hearth {

Result<int64_t> GgufFields::size(const std::string& key, int64_t low, int64_t high) const {
  TRY_ASSIGN(const uint64_t value, gguf_.get_u64(name(key)));
  if (value < static_cast<uint64_t>(low) || value > static_cast<uint64_t>(high)) {
    return error(Code::corrupt, "`{}`: expected [{}, {}], found {}", name(key), low, high, value);
  }
  return static_cast<int64_t>(value);
}

Result<int64_t> GgufFields::size_or(const std::string& key, int64_t fallback, int64_t low,
                                    int64_t high) const {
  if (!has(key)) return fallback;
  return size(key, low, high);
}

Result<double> GgufFields::number_or(const std::string& key, double fallback, double low,
                                     double high) const {
  if (!has(key)) return fallback;
  TRY_ASSIGN(const double value, gguf_.get_f32(name(key)));
  if (!(value >= low && value <= high)) {
    return error(Code::corrupt, "`{}`: expected [{}, {}], found {}", name(key), low, high, value);
  }
  return value;
}

Result<bool> GgufFields::boolean_or(const std::string& key, bool fallback) const {
  if (!has(key)) return fallback;
  return gguf_.get_bool(name(key));
}

Result<std::string> GgufFields::string_or(const std::string& key,
                                          const std::string& fallback) const {
  if (!has(key)) return fallback;
  TRY_ASSIGN(const std::string_view value, gguf_.get_string(name(key)));
  return std::string(value);
}

Result<int64_t> GgufFields::vocab_size() const {
  const TensorEntry* embedding = gguf_.find("token_embd.weight");
  if (!embedding) return error(Code::corrupt, "expected tensor `token_embd.weight`, found none");
  if (embedding->tensor.shape.rank() != 2) {
    return error(Code::corrupt, "`token_embd.weight`: expected two dimensions, found {}",
                 embedding->tensor.shape.to_string());
  }
  const int64_t rows = embedding->tensor.shape[0];
  if (has("vocab_size")) {
    TRY_ASSIGN(const int64_t stated, size("vocab_size", 1, 1 << 24));
    if (stated != rows) {
      return error(Code::corrupt, "`{}`: expected the {} rows of `token_embd.weight`, found {}",
                   name("vocab_size"), rows, stated);
    }
  }
  if (const GgufValue* tokens = gguf_.find_value("tokenizer.ggml.tokens")) {
    if (tokens->is_array() && tokens->size > rows) {
      return error(Code::corrupt,
                   "`tokenizer.ggml.tokens`: expected at most the {} rows of `token_embd.weight`, "
                   "found {}",
                   rows, tokens->size);
    }
  }
  return rows;
}

}  // namespace hearth
