// Compute: what every training verb needs beside its operands: threads, kernels and memory.
// Work is cut by shape alone, so that no result depends on the number of threads.
#pragma once

#include <memory>
#include <string_view>

#include "hearth/backend/arena.h"
#include "hearth/backend/cpu/dispatch.h"
#include "hearth/base/thread_pool.h"
#include "hearth/train/verbs/matrix.h"

namespace hearth::train {

// Owner: one run. One thread at a time; its verbs use all of `threads`.
class Compute {
 public:
  // unsupported: this machine lacks the instruction set `isa`; "" is the best it has.
  static Result<std::unique_ptr<Compute>> create(int threads, std::string_view isa);

  ThreadPool& pool() { return pool_; }
  const cpu::KernelTable& kernels() const { return *kernels_; }

  // Memory until `release` or `reset`; its content is undefined.
  template <typename T>
  Matrix<T> take(int64_t rows, int64_t columns) {
    auto* data =
        reinterpret_cast<T*>(arena_.take(rows * columns * static_cast<int64_t>(sizeof(T))));
    return {data, rows, columns, columns};
  }
  template <typename T>
  Matrix<T> take_zeros(int64_t rows, int64_t columns) {
    const Matrix<T> out = take<T>(rows, columns);
    out.fill(0);
    return out;
  }
  Arena::Mark mark() const { return arena_.mark(); }
  void release(const Arena::Mark& mark) { arena_.release(mark); }
  void reset() { arena_.reset(); }
  int64_t bytes_max() const { return arena_.used_max(); }

  // body(begin, end) over pieces of [0, count) of `piece` each.
  void in_pieces(int64_t count, int64_t piece, FunctionRef<void(int64_t begin, int64_t end)> body) {
    pool_.parallel_for(ceil_div(count, piece), [&](int64_t part) {
      body(part * piece, std::min(count, (part + 1) * piece));
    });
  }

 private:
  Compute(int threads, const cpu::KernelTable* kernels) : pool_(threads), kernels_(kernels) {}

  ThreadPool pool_;
  const cpu::KernelTable* kernels_;
  Arena arena_;
};

// Gives back at its end what was taken during its life.
class ComputeScope {
 public:
  explicit ComputeScope(Compute& compute) : compute_(compute), mark_(compute.mark()) {}
  ~ComputeScope() { compute_.release(mark_); }
  ComputeScope(const ComputeScope&) = delete;
  ComputeScope& operator=(const ComputeScope&) = delete;

 private:
  Compute& compute_;
  Arena::Mark mark_;
};

inline constexpr int64_t kRowsPiece = 16;  // rows of a verb that goes row by row

}  // namespace hearth::train
