// The one place where a run-time Format becomes a codec type. tools/tidy refuses a second switch.
//
// A codec is a struct of static members: kFormat, kElements (of a block), kMax (larger magnitudes
// are beyond the format), Block (the bytes), decode_block(const Block&, float* out [kElements]) and
// encode_block(const float* in [kElements], Block&). A NaN stays visible: a block with scales that
// holds NaN or infinity decodes to NaN as a whole.
#pragma once

#include "hearth/base/check.h"
#include "hearth/formats/bf16/bf16.h"
#include "hearth/formats/f16/f16.h"
#include "hearth/formats/f32/f32.h"
#include "hearth/formats/f8_e4m3/f8_e4m3.h"
#include "hearth/formats/q4_0/q4_0.h"
#include "hearth/formats/q4_k/q4_k.h"
#include "hearth/formats/q6_k/q6_k.h"
#include "hearth/formats/q8_0/q8_0.h"

namespace hearth {

// with_format(t.format, [&]<typename Codec>() { ... }): calls f with the codec of `format`.
template <class F>
decltype(auto) with_format(Format format, F&& f) {
  switch (format) {
    case Format::f32:
      return f.template operator()<F32>();
    case Format::f16:
      return f.template operator()<F16>();
    case Format::bf16:
      return f.template operator()<BF16>();
    case Format::f8_e4m3:
      return f.template operator()<F8E4M3>();
    case Format::q8_0:
      return f.template operator()<Q8_0>();
    case Format::q4_0:
      return f.template operator()<Q4_0>();
    case Format::q4_k:
      return f.template operator()<Q4_K>();
    case Format::q6_k:
      return f.template operator()<Q6_K>();
  }
  internal::check_failed(__FILE__, __LINE__, "format is one of formats.def", "");
}

}  // namespace hearth
