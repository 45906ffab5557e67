// An importance matrix: for each input of each matrix the mean square of what a text fed it, by
// which the quantiser weighs its errors. Reads llama.cpp's files, the GGUF form and the older .dat
// form (docs/converting.md draws both); values stay in the mapping until a tensor asks for its own.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hearth/base/mapped_file.h"
#include "hearth/base/status.h"
#include "hearth/files/gguf/gguf.h"

namespace hearth {

// Mean squares of the inputs of one tensor. A group is an expert, or a head of MLA.
struct Importance {
  int64_t groups = 0;
  int64_t columns = 0;
  std::vector<float> values;  // [groups, columns]
  std::vector<uint8_t> seen;  // [groups]

  // Of one group; nullptr when no token reached it.
  const float* of(int64_t group) const {
    const auto at = static_cast<size_t>(groups == 1 ? 0 : group);
    return seen[at] ? values.data() + at * static_cast<size_t>(columns) : nullptr;
  }
};

// Immutable and thread-safe; owner of the mapping.
class Imatrix {
 public:
  struct Entry {
    const std::byte* values = nullptr;  // float32 at any address: sums of squares
    int64_t size = 0;
    std::vector<float> counts;  // what to divide by, of each group or of all; 0: unseen
  };

  static Result<Imatrix> open(const std::string& path);
  // The same from 8-byte aligned memory that outlives the result; messages carry no path.
  static Result<Imatrix> parse(std::span<const std::byte> bytes);

  const std::map<std::string, Entry, std::less<>>& entries() const { return entries_; }
  const std::string& dataset() const { return dataset_; }
  uint32_t chunks() const { return chunks_; }

  // For the tensor `name` of `groups` matrices with rows of `columns`; nullopt: the file has
  // nothing about it. corrupt: another size, a value that is negative or not finite.
  Result<std::optional<Importance>> find(std::string_view name, int64_t groups,
                                         int64_t columns) const;

 private:
  Status read_gguf(const Gguf& gguf);
  Status read_dat(std::span<const std::byte> bytes);
  Status read(std::span<const std::byte> bytes);

  MappedFile file_;
  std::unique_ptr<Gguf> gguf_;
  std::map<std::string, Entry, std::less<>> entries_;
  std::string dataset_;
  uint32_t chunks_ = 0;
};

}  // namespace hearth
