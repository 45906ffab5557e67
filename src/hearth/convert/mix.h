// Which format each matrix of a model gets. A mix (llama.cpp's names: q4_k_m, q3_k_l, iq4_xs) is
// one row of a table: a base format, and more bits where the output depends on them most. The
// choice is a pure function of the row, the tensor's name and the model's shape.
#pragma once

#include <string_view>
#include <vector>

#include "hearth/base/status.h"
#include "hearth/models/tensor_spec.h"
#include "hearth/tensor/format.h"

namespace hearth {

// The layers of a model that a better format is for.
enum class Where : uint8_t {
  nowhere,
  everywhere,
  first_two,
  first_four,
  first_sixteenth,
  first_eighth,
  ends_and_thirds,  // the first and the last eighth, and every third layer between
  grouped,          // everywhere, if at least four query heads share a key head
  unmeasured,       // the first eighth, if there is no importance matrix
  measured,         // the first eighth, if there is one
};

// `format` there, `otherwise` elsewhere.
struct Rule {
  Where where = Where::nowhere;
  Format format = Format::f32;
  Format otherwise = Format::f32;
};

struct Mix {
  std::string_view name;
  Format base;
  uint32_t file_type;  // llama.cpp's number for general.file_type
  Format output;       // output.weight, and token_embd.weight where it is the output too
  Format embedding;
  Rule values;  // attn_v; MLA's attn_v_b and attn_kv_b
  Rule down;    // ffn_down, of the experts too
  Format attention_output;
  Format queries_and_keys;
};

// What a mix looks at beside a tensor's name.
struct MixModel {
  int64_t layers = 0;
  int64_t heads_per_key = 1;  // query heads that share a key head
  bool tied = false;          // no output.weight: the embedding is used twice
  bool importance = false;    // an importance matrix is given
};

// By name, upper or lower case; "q4_k" is q4_k_m, as in llama.cpp. invalid: no such mix.
Result<Mix> mix_by_name(std::string_view name);
std::vector<std::string_view> mix_names();
// Every matrix in the base format.
Mix pure(Mix mix);

// Of the tensor `name` (llama.cpp's) with rows of `columns`. Vectors and routers are F32. A matrix
// whose rows don't fill the blocks of its format gets the nearest format that fits.
Format mix_format(const Mix& mix, const MixModel& model, std::string_view name, TensorKind kind,
                  int64_t columns);
// Without that last step, so that the difference can be told.
Format mix_format_wanted(const Mix& mix, const MixModel& model, std::string_view name,
                         TensorKind kind);

}  // namespace hearth
