// What a user should know about a conversion before it runs, gathered while it is planned and told
// in one line a kind.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "hearth/files/checkpoint.h"
#include "hearth/tensor/format.h"

namespace hearth {

class PlanNotices {
 public:
  // The rows of `tensor` don't fill the blocks of `wanted`.
  void fell_back(const std::string& tensor, Format wanted, Format stored);
  // A tensor that is quantised already is quantised again.
  void requantised(Format stored);
  // Tensors of a directory that the output has no place for: all but `used` and their scales.
  void unused(const Checkpoint& checkpoint, const std::set<std::string>& used, int64_t layers);

  std::vector<std::string> lines() const;

 private:
  struct Group {
    std::string first;
    int64_t count = 0;
  };
  std::map<std::pair<Format, Format>, Group> fallbacks_;
  std::map<Format, int64_t> requantised_;
  Group unused_;
  Group predictions_;  // of the multi-token-prediction layers
};

}  // namespace hearth
