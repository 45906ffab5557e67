// The stored tensors of one module, found by name and compared with what the scheme expects before
// anything is made of them.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "hearth/files/checkpoint.h"

namespace hearth {

// "model.layers.0.mlp.up_proj" and the checkpoint that holds its parts.
class Parts {
 public:
  Parts(const Checkpoint& checkpoint, std::string module)
      : checkpoint_(checkpoint), module_(std::move(module)) {}

  const std::string& module() const { return module_; }
  std::string name(std::string_view part) const { return fmt::format("{}.{}", module_, part); }

  const TensorEntry* find(std::string_view part) const { return checkpoint_.find(name(part)); }
  // corrupt: absent, or of another type or shape.
  Result<const TensorEntry*> get(std::string_view part, std::string_view dtype,
                                 const Shape& shape) const;
  // The same for a plain float tensor: F32, F16 or BF16.
  Result<const TensorEntry*> get_floats(std::string_view part, const Shape& shape) const;
  // The same where the shape may be any of several.
  Result<const TensorEntry*> get_floats(std::string_view part,
                                        std::initializer_list<Shape> shapes) const;

 private:
  Result<const TensorEntry*> get_any(std::string_view part) const;

  const Checkpoint& checkpoint_;
  std::string module_;
};

bool is_plain_float(const TensorEntry& entry);

// Whether `word` is one of a few.
bool is_among(std::string_view word, std::initializer_list<std::string_view> words);

// I32 [columns] that names each column's group; nullptr when they come in order, as they would
// without it. corrupt: a group beyond `groups`.
Result<const std::byte*> read_group_order(const TensorEntry& g_idx, int64_t group, int64_t groups);

// corrupt when there is a plain `weight` beside packed parts: which of them counts?
Status refuse_both(const Parts& parts);

// Value `index` of a plain float tensor, counted through its rows.
float float_at(const Tensor& tensor, int64_t index);

}  // namespace hearth
