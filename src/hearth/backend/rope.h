// Rotary position embedding: the frequencies of one model, worked out once in double precision
// from the exact Hugging Face parameters (`rope_theta`, `rope_scaling`).
#pragma once

#include <cstdint>
#include <vector>

namespace hearth {

// Pairs of dimensions that rotate together: interleaved (0,1)(2,3)... as DeepSeek and GGUF's llama
// store them, or halves (0, d/2)(1, d/2+1)... as Hugging Face's Llama and Qwen do.
enum class RopePairs : uint8_t { interleaved, halves };

// YaRN (Peng et al. 2023) as DeepSeek-V2/V3 use it: per-dimension blend of interpolated and plain
// frequencies, and a factor `mscale` that enters the rotation and the softmax scale.
struct YarnScaling {
  double factor = 1;
  double original_max_position_embeddings = 4096;
  double beta_fast = 32;
  double beta_slow = 1;
  double mscale = 1;
  double mscale_all_dim = 0;
  bool deepseek = true;  // mscale / mscale_all_dim enter; else attention_factor below is used
  double attention_factor = 1;
};

// Llama 3.1's scaling: long wavelengths divided by `factor`, short ones kept, a ramp between.
struct Llama3Scaling {
  double factor = 8;
  double low_freq_factor = 1;
  double high_freq_factor = 4;
  double original_max_position_embeddings = 8192;
};

struct Rope {
  int64_t dims = 0;  // rotated dimensions, even
  RopePairs pairs = RopePairs::halves;
  std::vector<double> inv_freq;  // [dims / 2]
  double magnitude = 1;          // multiplies cos and sin

  static Rope plain(int64_t dims, double theta, RopePairs pairs);
  void scale_linear(double factor);
  void scale(const Llama3Scaling& scaling);
  void scale(const YarnScaling& scaling, double theta);

  // cos and sin of every pair at `position`: [dims / 2] each, `magnitude` included.
  void angles(int64_t position, float* cos, float* sin) const;
  // Rotates x [dims] in place by angles made above.
  void rotate(float* x, const float* cos, const float* sin) const;
};

// DeepSeek's mscale: 0.1 m ln(s) + 1 for s > 1, else 1 (modeling_deepseek.py, yarn_get_mscale).
double yarn_mscale(double factor, double mscale);

}  // namespace hearth
