// The one place where a run-time Format becomes a codec type. tools/tidy refuses a second switch.
//
// A codec is a struct of static members: kFormat, kElements (of a block), kMax (larger magnitudes
// are beyond the format), Block (the bytes), decode_block(const Block&, float* out [kElements]),
// and
//   encode_block(const float* in [kElements], const float* importance [kElements] or nullptr,
//                Block&), plain floats without the importance.
// Encoders search for a small sum of importance * error^2, with importance 1 where it is null. A
// NaN stays visible: a block with scales that holds NaN or infinity decodes to NaN as a whole.
//
// Quantised codecs have an integer view for kernels that multiply integers, kGroup elements (16 or
// 32, and 0 for a codec without the view) to a scale:
//   decode_integers(const Block&, int8_t* q [kElements], float* scale [kElements / kGroup],
//                   float* min [kElements / kGroup], written where kHasMin)
// with value[i] = scale[i / kGroup] * q[i] - min[i / kGroup] as decode_block gives it, up to float
// rounding. q lies in [0, 127] where kHasMin, in [-127, 127] elsewhere. A NaN or infinity of the
// block shows in scale or min. FormatInfo repeats kGroup and kHasMin for code that has a Format.
#pragma once

#include "hearth/base/check.h"
#include "hearth/formats/bf16/bf16.h"
#include "hearth/formats/f16/f16.h"
#include "hearth/formats/f32/f32.h"
#include "hearth/formats/f8_e4m3/f8_e4m3.h"
#include "hearth/formats/iq1_m/iq1_m.h"
#include "hearth/formats/iq1_s/iq1_s.h"
#include "hearth/formats/iq2_s/iq2_s.h"
#include "hearth/formats/iq2_xs/iq2_xs.h"
#include "hearth/formats/iq2_xxs/iq2_xxs.h"
#include "hearth/formats/iq3_s/iq3_s.h"
#include "hearth/formats/iq3_xxs/iq3_xxs.h"
#include "hearth/formats/iq4_nl/iq4_nl.h"
#include "hearth/formats/iq4_xs/iq4_xs.h"
#include "hearth/formats/mxfp4/mxfp4.h"
#include "hearth/formats/q2_k/q2_k.h"
#include "hearth/formats/q3_k/q3_k.h"
#include "hearth/formats/q4_0/q4_0.h"
#include "hearth/formats/q4_1/q4_1.h"
#include "hearth/formats/q4_k/q4_k.h"
#include "hearth/formats/q5_0/q5_0.h"
#include "hearth/formats/q5_1/q5_1.h"
#include "hearth/formats/q5_k/q5_k.h"
#include "hearth/formats/q6_k/q6_k.h"
#include "hearth/formats/q8_0/q8_0.h"
#include "hearth/formats/tq1_0/tq1_0.h"
#include "hearth/formats/tq2_0/tq2_0.h"

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
    case Format::q5_1:
      return f.template operator()<Q5_1>();
    case Format::q5_0:
      return f.template operator()<Q5_0>();
    case Format::q4_1:
      return f.template operator()<Q4_1>();
    case Format::q4_0:
      return f.template operator()<Q4_0>();
    case Format::q6_k:
      return f.template operator()<Q6_K>();
    case Format::q5_k:
      return f.template operator()<Q5_K>();
    case Format::q4_k:
      return f.template operator()<Q4_K>();
    case Format::q3_k:
      return f.template operator()<Q3_K>();
    case Format::q2_k:
      return f.template operator()<Q2_K>();
    case Format::iq4_nl:
      return f.template operator()<IQ4_NL>();
    case Format::iq4_xs:
      return f.template operator()<IQ4_XS>();
    case Format::iq3_s:
      return f.template operator()<IQ3_S>();
    case Format::iq3_xxs:
      return f.template operator()<IQ3_XXS>();
    case Format::iq2_s:
      return f.template operator()<IQ2_S>();
    case Format::iq2_xs:
      return f.template operator()<IQ2_XS>();
    case Format::iq2_xxs:
      return f.template operator()<IQ2_XXS>();
    case Format::iq1_m:
      return f.template operator()<IQ1_M>();
    case Format::iq1_s:
      return f.template operator()<IQ1_S>();
    case Format::tq2_0:
      return f.template operator()<TQ2_0>();
    case Format::tq1_0:
      return f.template operator()<TQ1_0>();
    case Format::mxfp4:
      return f.template operator()<MXFP4>();
  }
  internal::check_failed(__FILE__, __LINE__, "format is one of formats.def", "");
}

}  // namespace hearth
