// See stored_logits.h.
#include "hearth/eval/stored_logits.h"

#include <charconv>
#include <cmath>
#include <cstring>

namespace hearth {
namespace {

constexpr const char* kBos = "bos";
constexpr const char* kWindow = "window";

std::optional<int64_t> number_in(const Safetensors& file, std::string_view name) {
  for (const auto& [key, value] : file.metadata()) {
    if (key != name) continue;
    int64_t number = 0;
    const auto read = std::from_chars(value.data(), value.data() + value.size(), number);
    const bool whole = read.ec == std::errc() && read.ptr == value.data() + value.size();
    return whole ? std::optional(number) : std::nullopt;
  }
  return std::nullopt;
}

const TensorEntry* tensor_of(const Safetensors& file, const char* name, std::string_view dtype,
                             int rank) {
  const TensorEntry* entry = file.find(name);
  const bool fits = entry != nullptr && entry->dtype == dtype && entry->tensor.shape.rank() == rank;
  return fits ? entry : nullptr;
}

}  // namespace

Result<StoredLogits> StoredLogits::open(const std::string& path) {
  StoredLogits out;
  out.path_ = path;
  TRY_ASSIGN(out.file_, Safetensors::open(path));
  const TensorEntry* ids = tensor_of(*out.file_, "ids", "I32", 1);
  const TensorEntry* logits = tensor_of(*out.file_, "logits", "F32", 2);
  const auto window = number_in(*out.file_, kWindow);
  if (ids == nullptr || logits == nullptr || !window) {
    return error(Code::corrupt,
                 "{}: expected logits as `--save-logits` writes them (`ids` I32, `logits` F32, "
                 "`window`), found another file",
                 path);
  }
  const int64_t tokens = ids->tensor.shape[0];
  if (logits->tensor.shape[0] != tokens - 1 || logits->tensor.shape[1] < 1) {
    return error(Code::corrupt, "{}: expected logits of {} tokens, found of {}", path, tokens - 1,
                 logits->tensor.shape[0]);
  }
  out.subject_.ids.resize(static_cast<size_t>(tokens));
  std::memcpy(out.subject_.ids.data(), ids->tensor.data, static_cast<size_t>(tokens) * 4);
  out.subject_.window = *window;
  out.subject_.vocab = logits->tensor.shape[1];
  if (const auto bos = number_in(*out.file_, kBos)) out.subject_.bos = static_cast<int32_t>(*bos);
  return out;
}

Status StoredLogits::check(const LogitsSubject& subject) const {
  if (subject_.ids != subject.ids || subject_.bos != subject.bos) {
    return error(Code::invalid,
                 "{}: expected the logits of this text by this tokenizer, found others", path_);
  }
  if (subject_.window != subject.window) {
    return error(Code::invalid, "{}: expected windows of {} tokens, found {}", path_,
                 subject.window, subject_.window);
  }
  if (subject_.vocab == subject.vocab) return Status::ok();
  return error(Code::invalid, "{}: expected a vocabulary of {}, found {}", path_, subject.vocab,
               subject_.vocab);
}

Result<std::vector<std::vector<float>>> StoredLogits::rows(int64_t first, int64_t count) const {
  const Tensor& logits = file_->find("logits")->tensor;
  if (first < 0 || count < 0 || first + count > logits.shape[0]) {
    return error(Code::corrupt, "{}: expected rows up to {}, found {}", path_, first + count,
                 logits.shape[0]);
  }
  TRY(file_->unchanged());
  std::vector<std::vector<float>> out;
  for (int64_t i = first; i < first + count; ++i) {
    const float* row = logits.f32_row(i);
    out.emplace_back(row, row + subject_.vocab);
    for (const float value : out.back()) {
      if (!std::isfinite(value)) {
        return error(Code::corrupt, "{}: row {}: expected finite logits, found {}", path_, i,
                     value);
      }
    }
  }
  return out;
}

Result<LogitsWriter> LogitsWriter::create(const std::string& path, const LogitsSubject& subject) {
  const auto tokens = std::ssize(subject.ids);
  if (tokens < 2) {
    return error(Code::invalid, "text: expected at least two tokens, found {}", tokens);
  }
  const std::vector<SafetensorsDeclaration> tensors = {
      {"ids", "I32", {tokens}}, {"logits", "F32", {tokens - 1, subject.vocab}}};
  SafetensorsMetadata metadata = {{kWindow, std::to_string(subject.window)}};
  if (subject.bos) metadata.emplace_back(kBos, std::to_string(*subject.bos));
  TRY_ASSIGN(SafetensorsWriter writer, SafetensorsWriter::create(path, tensors, metadata));
  TRY(writer.write(std::as_bytes(std::span(subject.ids))));
  return LogitsWriter(std::move(writer));
}

Status LogitsWriter::add(std::span<const float> row) {
  return writer_.write(std::as_bytes(row));
}

}  // namespace hearth
