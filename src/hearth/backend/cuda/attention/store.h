// Rotation of queries and keys, and the writing of the cache, with the bits of KvCache::store.
#pragma once

#include "hearth/backend/cuda/attention/cache_view.h"
#include "hearth/backend/cuda/runtime/stream.h"
#include "hearth/backend/cuda/step_rows.h"

namespace hearth::cuda {

struct StoreGqa {
  float* q = nullptr;        // [rows][heads * head_dim]; rotated in place
  float* k = nullptr;        // [rows][kv_heads * head_dim]; rotated in place
  const float* v = nullptr;  // [rows][kv_heads * head_dim]
  int32_t heads = 0;
  RopeView rope;
};
void store_gqa(Stream& stream, const StepRows& rows, const CacheView& cache, const StoreGqa& args);

struct StoreMla {
  float* q = nullptr;   // [rows][heads * (nope + rope.dims)]; the last part of a head is rotated
  float* kv = nullptr;  // [rows][rank + rope.dims]; normed and rotated in place
  int32_t heads = 0;
  int32_t nope = 0;
  int32_t rank = 0;
  const float* norm = nullptr;  // [rank], or null: no norm
  double eps = 0;
  RopeView rope;
};
void store_mla(Stream& stream, const StepRows& rows, const CacheView& cache, const StoreMla& args);

}  // namespace hearth::cuda
