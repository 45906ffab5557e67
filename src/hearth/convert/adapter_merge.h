// AdapterMerge: the matrices of a checkpoint with an adapter's deltas added, W + b a, for a
// conversion that reads them row by row. The conversion stays what it is; a matrix that the adapter
// changes is one of another kind of storage to it.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "hearth/files/checkpoint.h"
#include "hearth/models/adapters/match_adapter.h"
#include "hearth/models/foreign/scheme.h"

namespace hearth {

class AdapterMerge {
 public:
  AdapterMerge() = default;  // of no adapter: every matrix stays as it is
  // A PEFT directory or a GGUF file for `model`, which is the checkpoint's; its slots need not be
  // filled. Errors as of StoredAdapter::open and match_adapter.
  static Result<AdapterMerge> open(const std::string& path, const Checkpoint& checkpoint,
                                   const Model& model);

  // What the checkpoint stores as `name`, with its delta where it has one. May be asked again: two
  // tensors of the output may be made of one.
  StoredMatrix merged(const std::string& name, const StoredMatrix& found);
  // After all matrices. unsupported: one that has a delta is none of them, because the checkpoint
  // keeps it in two parts.
  Status complete() const;

 private:
  std::string path_;
  struct Delta {
    std::shared_ptr<const MatchedDelta> values;
    bool merged = false;
  };
  std::map<std::string, Delta> deltas_;  // by the checkpoint's names
};

}  // namespace hearth
