// The inner loop of a conversion: rows of one tensor are read, checked, encoded and handed on in
// their order, a bounded number at a time and by all threads.
#pragma once

#include <optional>
#include <span>

#include "hearth/base/function_ref.h"
#include "hearth/base/thread_pool.h"
#include "hearth/convert/imatrix.h"
#include "hearth/convert/output_plan.h"

namespace hearth {

// Sums over all elements of a tensor; the same whatever the number of threads.
struct TensorError {
  double squares = 0;  // of the values
  double errors = 0;   // squares of what the format makes of them, less the value
};

using EncodedSink = FunctionRef<Status(std::span<const std::byte> bytes)>;

// invalid: a NaN, an infinity or a value beyond the format, with its place.
Result<TensorError> stream_tensor(ThreadPool& pool, const OutputTensor& tensor,
                                  const std::optional<Importance>& importance, EncodedSink sink);

}  // namespace hearth
