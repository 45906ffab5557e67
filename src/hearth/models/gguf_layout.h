// How llama.cpp arranges the tensors that Hugging Face names: experts of a layer stacked into one
// tensor, MLA's kv_b split into a transposed k_b and a v_b, llama's rotary rows interleaved. Said
// once as a list, from which any writer of GGUF files takes its rows.
#pragma once

#include <string>
#include <vector>

#include "hearth/files/json.h"
#include "hearth/models/model.h"

namespace hearth {

struct GgufTensor {
  enum class Rows : uint8_t {
    same,    // row r is row r of its source
    rotary,  // heads of rows (first half, second half) become pairs side by side
    key,     // [heads, rank, nope]: transposed slices of kv_b [heads * (nope + v), rank]
    value,   // [heads, v, rank]: slices of kv_b
  };
  std::string name;
  Shape shape;  // outermost first
  TensorKind kind = TensorKind::matrix;
  std::vector<TensorSpec> sources;  // one, or one for each expert in order
  Rows rows = Rows::same;
  int64_t heads = 0;     // rotary, key, value
  int64_t kv_width = 0;  // key, value: rows of one head of kv_b, nope + v

  // Where row `r` of [rows, columns] comes from: row `row` of a source, or, transposed, column
  // `column` of its rows [row, row + columns).
  struct Origin {
    const TensorSpec* source;
    int64_t row;
    bool transposed = false;
    int64_t column = 0;
  };
  Origin origin(int64_t r) const;
  // Of a vector (bias): the element of the source that element `i` is.
  int64_t element_origin(int64_t i) const;
};

// Row of Hugging Face's order (of each head all first halves, then all second halves) that stands
// at `r` where pairs lie side by side.
int64_t rotary_row(int64_t r, int64_t rows, int64_t heads);

// All tensors of a model made from `config`, in the order of the forward pass. Its slots are not
// touched.
Result<std::vector<GgufTensor>> gguf_layout(Model& model, const Json& config);

}  // namespace hearth
