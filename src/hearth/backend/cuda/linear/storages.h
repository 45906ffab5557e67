// From a Storage known when the program runs to one known to the compiler.
#pragma once

#include "hearth/backend/cuda/linear/matrix_view.h"

namespace hearth::cuda {

// Calls f.template operator()<storage>().
template <typename F>
void with_storage(Storage storage, const F& f) {
  switch (storage) {
    case Storage::f32:
      return f.template operator()<Storage::f32>();
    case Storage::f16:
      return f.template operator()<Storage::f16>();
    case Storage::bf16:
      return f.template operator()<Storage::bf16>();
    case Storage::f8:
      return f.template operator()<Storage::f8>();
    case Storage::codes8:
      return f.template operator()<Storage::codes8>();
    case Storage::q8_0:
      return f.template operator()<Storage::q8_0>();
    case Storage::q4_0:
      return f.template operator()<Storage::q4_0>();
    case Storage::q4_k:
      return f.template operator()<Storage::q4_k>();
  }
}

// The same for storages that have byte blocks; `storage` is one of them.
template <typename F>
void with_byte_blocks(Storage storage, const F& f) {
  with_storage(storage, [&]<Storage S>() {
    if constexpr (has_byte_blocks(S)) f.template operator()<S>();
  });
}

}  // namespace hearth::cuda
