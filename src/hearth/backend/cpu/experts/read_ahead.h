// Which experts the next layer will choose: its router is asked with what this layer was given. The
// residual stream changes little from one layer to the next, so most of the answer comes true; what
// doesn't is read in vain, and no result depends on it.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "hearth/backend/backend.h"
#include "hearth/backend/cpu/isa/kernel_table.h"
#include "hearth/base/thread_pool.h"

namespace hearth::cpu {

// Threads: the one that computes.
class ReadAhead {
 public:
  static constexpr int64_t kRowsMax = 8;  // with more, a layer wants most of its experts anyway

  // The router whose choice the next moe_ffn will be given. Its weights must stay.
  void saw_router(const RouteExperts& args) { last_ = args; }
  // That moe_ffn was of `layer`.
  void saw_layer(int64_t layer) { routers_[layer] = last_; }

  // How many of the rows of x [rows <= kRowsMax, dim] layer `layer` would send to each of its
  // experts; empty: it hasn't been seen yet.
  std::span<const int64_t> guess(const KernelTable& kernels, ThreadPool& pool, int64_t layer,
                                 const Tensor& x);

 private:
  RouteExperts last_;
  std::map<int64_t, RouteExperts> routers_;  // by layer
  std::vector<float> normed_, logits_, weights_;
  std::vector<int32_t> ids_;
  std::vector<int64_t> tokens_;
};

}  // namespace hearth::cpu
