// The one list of quantisation schemes that config.json may declare (`quantization_config`): those
// that Hearth runs, one file each, and those that it refuses by name. What is in neither is refused
// too: weights of an unknown scheme are never guessed at.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "hearth/files/checkpoint.h"
#include "hearth/models/foreign/foreign_weight.h"

namespace hearth {

// A matrix as found: a tensor of the checkpoint, perhaps with scales made for it, or a foreign one.
struct StoredMatrix {
  Tensor tensor;                                 // without data when foreign: its home and shape
  std::shared_ptr<void> owner;                   // of scales that are no part of the checkpoint
  std::shared_ptr<const ForeignWeight> foreign;  // may be null
};

// How one checkpoint is quantised. Thread-safe (const).
class ForeignScheme {
 public:
  virtual ~ForeignScheme() = default;
  virtual std::string name() const = 0;  // "AWQ, 4 bits"
  // Of "X.part" the parts that the scheme knows beside a plain weight and bias.
  virtual std::span<const std::string_view> parts() const = 0;
  // The matrix `module`.weight; nullopt: nothing of the scheme is stored for it.
  virtual Result<std::optional<StoredMatrix>> find(const Checkpoint& checkpoint,
                                                   const std::string& module,
                                                   const Shape& shape) const = 0;
};

using SchemeResult = Result<std::shared_ptr<const ForeignScheme>>;

// nullptr: none is declared.  unsupported: a scheme, or an option of one, that Hearth does not run;
// the message says how to get a file that runs.
SchemeResult foreign_scheme(const Json& config);
// The same, and every tensor's name must be one that the scheme explains.
SchemeResult foreign_scheme(const Checkpoint& checkpoint);

// The schemes, each from `quantization_config`.
SchemeResult make_fp8(const Json& quantization);
SchemeResult make_fbgemm(const Json& quantization);
SchemeResult make_awq(const Json& quantization);
SchemeResult make_gptq(const Json& quantization);
SchemeResult make_bitsandbytes(const Json& quantization);
SchemeResult make_compressed_tensors(const Json& quantization);

// F8_E4M3 with one scale, one for each row, or one for each tile of 128x128; all multiply.
class Parts;
Result<StoredMatrix> find_f8(const Parts& parts, std::string_view scale_part, const Shape& shape);

}  // namespace hearth
