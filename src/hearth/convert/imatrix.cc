// See imatrix.h.
#include "hearth/convert/imatrix.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "hearth/base/checked_math.h"
#include "hearth/files/outside_bytes.h"

namespace hearth {
namespace {

constexpr std::string_view kSums = ".in_sum2";
constexpr std::string_view kCounts = ".counts";
constexpr int64_t kNameMax = 1024;

// Fields one after another; a field that is not whole sets `failed`.
class Fields {
 public:
  explicit Fields(std::span<const std::byte> bytes) : rest_(bytes) {}

  size_t left() const { return rest_.size(); }

  std::optional<std::span<const std::byte>> take(int64_t count) {
    if (count < 0 || static_cast<uint64_t>(count) > rest_.size()) return std::nullopt;
    const auto taken = rest_.first(static_cast<size_t>(count));
    rest_ = rest_.subspan(static_cast<size_t>(count));
    return taken;
  }

  std::optional<int64_t> i32() {
    const auto bytes = take(4);
    if (!bytes) return std::nullopt;
    int32_t value;
    std::memcpy(&value, bytes->data(), 4);
    return value;
  }

  std::optional<std::string_view> text(int64_t length_max) {
    const auto length = i32();
    if (!length || *length > length_max) return std::nullopt;
    const auto bytes = take(*length);
    if (!bytes) return std::nullopt;
    return std::string_view(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  }

 private:
  std::span<const std::byte> rest_;
};

// MLA keeps its values whole or split off, and both see the latents.
std::string other_name(std::string_view name) {
  constexpr std::string_view kWhole = ".attn_kv_b.";
  constexpr std::string_view kValues = ".attn_v_b.";
  for (const auto& [from, to] : {std::pair(kWhole, kValues), std::pair(kValues, kWhole)}) {
    const size_t at = name.find(from);
    if (at == name.npos) continue;
    return std::string(name.substr(0, at)) + std::string(to) +
           std::string(name.substr(at + from.size()));
  }
  return "";
}

// One row of numbers for a matrix that all groups share.
void mean_of_groups(Importance& of) {
  const auto columns = static_cast<size_t>(of.columns);
  std::vector<float> mean(columns);
  for (size_t i = 0; i < of.values.size(); ++i) {
    mean[i % columns] += of.values[i] / static_cast<float>(of.groups);
  }
  of.seen = {std::any_of(of.seen.begin(), of.seen.end(), [](uint8_t seen) { return seen != 0; })};
  of.values = std::move(mean);
  of.groups = 1;
}

float load(const std::byte* values, int64_t i) {
  float value;
  std::memcpy(&value, values + i * 4, 4);
  return value;
}

}  // namespace

Result<Imatrix> Imatrix::open(const std::string& path) {
  Imatrix imatrix;
  TRY_ASSIGN(imatrix.file_, MappedFile::open(path));
  TRY(imatrix.read(imatrix.file_.bytes()).at(path));
  return imatrix;
}

Result<Imatrix> Imatrix::parse(std::span<const std::byte> bytes) {
  Imatrix imatrix;
  TRY(imatrix.read(bytes));
  return imatrix;
}

Status Imatrix::read(std::span<const std::byte> bytes) {
  constexpr std::string_view kMagic = "GGUF";
  if (bytes.size() < kMagic.size() || std::memcmp(bytes.data(), kMagic.data(), 4) != 0) {
    return read_dat(bytes);
  }
  TRY_ASSIGN(Gguf gguf, Gguf::parse(bytes));
  gguf_ = std::make_unique<Gguf>(std::move(gguf));
  return read_gguf(*gguf_);
}

Status Imatrix::read_gguf(const Gguf& gguf) {
  TRY_ASSIGN(const auto type, gguf.opt_string("general.type"));
  if (type != "imatrix") {
    return error(Code::invalid, "`general.type`: expected imatrix, found {}",
                 type ? excerpt(*type) : "none");
  }
  TRY_ASSIGN(const auto chunks, gguf.opt_u32("imatrix.chunk_count"));
  chunks_ = chunks.value_or(0);
  TRY_ASSIGN(const auto datasets, gguf.opt_strings("imatrix.datasets"));
  if (datasets && datasets->size() > 0) dataset_ = excerpt(*datasets->begin(), 1000);
  for (const TensorEntry& sums : gguf.tensors()) {
    if (!sums.name.ends_with(kSums)) continue;
    const std::string name = sums.name.substr(0, sums.name.size() - kSums.size());
    const TensorEntry* counts = gguf.find(name + std::string(kCounts));
    if (sums.format != Format::f32 || !counts || counts->format != Format::f32 ||
        counts->tensor.shape.elements() != sums.tensor.rows()) {
      return error(Code::corrupt, "`{}`: expected f32 {} with a count for each row", sums.name,
                   sums.tensor.shape.to_string());
    }
    Entry& entry = entries_[name];
    entry.values = sums.tensor.data;
    entry.size = sums.tensor.shape.elements();
    for (int64_t i = 0; i < sums.tensor.rows(); ++i) {
      entry.counts.push_back(load(counts->tensor.data, i));
    }
  }
  return entries_.empty() ? error(Code::corrupt, "expected tensors NAME{}, found none", kSums)
                          : Status::ok();
}

// i32 entries, then for each: i32 length, name, i32 calls, i32 values, float32 values (means times
// calls); at the end i32 chunks, i32 length, name of the text, which old files lack.
Status Imatrix::read_dat(std::span<const std::byte> bytes) {
  Fields fields(bytes);
  const auto count = fields.i32();
  if (!count || *count < 1) {
    return error(Code::corrupt, "expected an importance matrix, as GGUF or .dat");
  }
  for (int64_t i = 0; i < *count; ++i) {
    const auto name = fields.text(kNameMax);
    const auto calls = fields.i32();
    const auto size = fields.i32();
    const auto values = size ? fields.take(*size * 4) : std::nullopt;
    if (!name || !calls || !values || *calls < 1 || *size < 1) {
      return error(Code::corrupt, "entry {}: expected a name, counts and as many numbers", i);
    }
    TRY(check_name(*name).at(fmt::format("entry {}", i)));
    const auto [at, fresh] = entries_.try_emplace(std::string(*name));
    if (!fresh) return error(Code::corrupt, "`{}`: expected one entry, found two", *name);
    at->second = {values->data(), *size, {static_cast<float>(*calls)}};
  }
  const auto chunks = fields.i32();
  if (chunks && *chunks > 0) chunks_ = static_cast<uint32_t>(*chunks);
  const auto dataset = fields.text(static_cast<int64_t>(fields.left()));
  if (dataset) dataset_ = excerpt(*dataset, 1000);
  return Status::ok();
}

Result<std::optional<Importance>> Imatrix::find(std::string_view name, int64_t groups,
                                                int64_t columns) const {
  bool by_heads = false;
  auto at = entries_.find(name);
  if (at == entries_.end()) {
    at = entries_.find(other_name(name));
    // llama.cpp measures the split-off values head by head.
    by_heads = at != entries_.end() && groups == 1 && at->second.size > columns;
    if (by_heads) groups = at->second.size / columns;
  }
  if (at == entries_.end()) return std::optional<Importance>();
  const Entry& entry = at->second;
  if (entry.size != groups * columns && entry.size != columns) {
    return error(Code::corrupt, "importance of `{}`: expected {} numbers, found {}", name,
                 groups * columns, entry.size);
  }
  Importance out;
  out.groups = entry.size / columns;
  out.columns = columns;
  out.values.resize(static_cast<size_t>(entry.size));
  out.seen.resize(static_cast<size_t>(out.groups));
  for (int64_t g = 0; g < out.groups; ++g) {
    const bool own = static_cast<int64_t>(entry.counts.size()) == out.groups;
    const float count = entry.counts[own ? static_cast<size_t>(g) : 0];
    float sum = 0;
    for (int64_t i = g * columns; i < (g + 1) * columns; ++i) {
      const float value = count > 0 ? load(entry.values, i) / count : 0;
      if (!(value >= 0) || std::isinf(value)) {
        return error(Code::corrupt,
                     "importance of `{}`: expected finite positive numbers, found {}", name, value);
      }
      out.values[static_cast<size_t>(i)] = value;
      sum += value;
    }
    out.seen[static_cast<size_t>(g)] = sum > 0;
  }
  if (by_heads) mean_of_groups(out);
  return std::optional(std::move(out));
}

}  // namespace hearth
