// Attention of the reference: textbook softmax over all positions up to the query's own.
#include <vector>

#include "hearth/backend/reference/reference_backend.h"
#include "hearth/backend/reference/scalar.h"
#include "hearth/formats/codec.h"

namespace hearth {
namespace {

using reference::dot;
using reference::softmax;

using Rows = std::vector<std::vector<float>>;

// The cache rows of positions [0, end) of one sequence in one layer.
Rows read_history(const KvCache& cache, int64_t layer, const SequenceRows& rows) {
  Rows history;
  for (int64_t p = 0; p < rows.end(); ++p) {
    history.emplace_back(static_cast<size_t>(cache.spec().values));
    cache.load(layer, rows, p, history.back().data());
  }
  return history;
}

struct Angles {
  std::vector<float> cos, sin;
  Angles(const Rope& rope, int64_t position)
      : cos(static_cast<size_t>(rope.dims / 2)), sin(cos.size()) {
    rope.angles(position, cos.data(), sin.data());
  }
};

void store_gqa(const AttendGqa& a, const SequenceRows& rows, KvCache& cache) {
  const int64_t width = a.kv_heads * a.head_dim;
  std::vector<float> values(static_cast<size_t>(2 * width));
  for (int64_t i = 0; i < rows.rows; ++i) {
    const int64_t t = rows.first_row + i;
    const Angles angles(*a.rope, rows.start + i);
    for (int64_t h = 0; h < a.heads; ++h) {
      a.rope->rotate(a.q.f32_row(t) + h * a.head_dim, angles.cos.data(), angles.sin.data());
    }
    for (int64_t h = 0; h < a.kv_heads; ++h) {
      a.rope->rotate(a.k.f32_row(t) + h * a.head_dim, angles.cos.data(), angles.sin.data());
    }
    std::copy_n(a.k.f32_row(t), width, values.begin());
    std::copy_n(a.v.f32_row(t), width, values.begin() + width);
    cache.store(a.layer, rows, rows.start + i, values.data());
  }
}

void store_mla(const AttendMla& a, const SequenceRows& rows, KvCache& cache) {
  const int64_t qk = a.qk_nope_head_dim + a.qk_rope_head_dim;
  for (int64_t i = 0; i < rows.rows; ++i) {
    const int64_t t = rows.first_row + i;
    const Angles angles(*a.rope, rows.start + i);
    for (int64_t h = 0; h < a.heads; ++h) {
      a.rope->rotate(a.q.f32_row(t) + h * qk + a.qk_nope_head_dim, angles.cos.data(),
                     angles.sin.data());
    }
    float* kv = a.kv.f32_row(t);
    reference::rms_norm(kv, a.kv_lora_rank, *a.kv_a_norm, kv);
    a.rope->rotate(kv + a.kv_lora_rank, angles.cos.data(), angles.sin.data());
    cache.store(a.layer, rows, rows.start + i, kv);
  }
}

// The key matrix [qk_nope_head_dim][kv_lora_rank] of one head, from either layout.
Rows key_expansion(const AttendMla& a, int64_t head) {
  Rows k(static_cast<size_t>(a.qk_nope_head_dim),
         std::vector<float>(static_cast<size_t>(a.kv_lora_rank)));
  const Tensor& w = a.k_b.weight->tensor;
  if (!a.k_b_transposed) {
    for (int64_t d = 0; d < a.qk_nope_head_dim; ++d) {
      decode_row(w, a.k_b.row(head, d), 0, a.kv_lora_rank, k[static_cast<size_t>(d)].data());
    }
    return k;
  }
  std::vector<float> column(static_cast<size_t>(a.qk_nope_head_dim));
  for (int64_t r = 0; r < a.kv_lora_rank; ++r) {
    decode_row(w, a.k_b.row(head, r), 0, a.qk_nope_head_dim, column.data());
    for (size_t d = 0; d < column.size(); ++d) k[d][static_cast<size_t>(r)] = column[d];
  }
  return k;
}

Rows value_expansion(const AttendMla& a, int64_t head) {
  Rows v(static_cast<size_t>(a.v_head_dim),
         std::vector<float>(static_cast<size_t>(a.kv_lora_rank)));
  for (int64_t d = 0; d < a.v_head_dim; ++d) {
    decode_row(a.v_b.weight->tensor, a.v_b.row(head, d), 0, a.kv_lora_rank,
               v[static_cast<size_t>(d)].data());
  }
  return v;
}

// out [v_head_dim] = V (sum_p prob_p latent_p), the value side of both MLA paths: the reference
// needs one, since in double precision their order of summation does not matter.
void mix_values(const Rows& v, const std::vector<double>& prob, const Rows& history, float* out) {
  const size_t rank = v[0].size();
  std::vector<float> mixed(rank);
  for (size_t r = 0; r < rank; ++r) {
    double sum = 0;
    for (size_t p = 0; p < prob.size(); ++p) sum += prob[p] * history[p][r];
    mixed[r] = static_cast<float>(sum);
  }
  for (size_t d = 0; d < v.size(); ++d) {
    out[d] = static_cast<float>(dot(v[d].data(), mixed.data(), static_cast<int64_t>(rank)));
  }
}

void attend_mla_head(const AttendMla& a, int64_t head, const SequenceRows& rows,
                     const Rows& history) {
  const int64_t qk = a.qk_nope_head_dim + a.qk_rope_head_dim;
  const Rows k = key_expansion(a, head);
  const Rows v = value_expansion(a, head);
  std::vector<float> absorbed(static_cast<size_t>(a.kv_lora_rank));
  for (int64_t i = 0; i < rows.rows; ++i) {
    const float* q = a.q.f32_row(rows.first_row + i) + head * qk;
    for (size_t r = 0; r < absorbed.size(); ++r) {
      double sum = 0;
      for (size_t d = 0; d < k.size(); ++d) sum += static_cast<double>(q[d]) * k[d][r];
      absorbed[r] = static_cast<float>(sum);
    }
    std::vector<double> prob(static_cast<size_t>(rows.start + i + 1));
    for (size_t p = 0; p < prob.size(); ++p) {
      const float* latent = history[p].data();
      prob[p] =
          a.scale * (dot(absorbed.data(), latent, a.kv_lora_rank) +
                     dot(q + a.qk_nope_head_dim, latent + a.kv_lora_rank, a.qk_rope_head_dim));
    }
    softmax(prob);
    mix_values(v, prob, history, a.out.f32_row(rows.first_row + i) + head * a.v_head_dim);
  }
}

void attend_gqa_row(const AttendGqa& a, int64_t t, int64_t position, const Rows& history) {
  const int64_t width = a.kv_heads * a.head_dim;
  std::vector<double> prob(static_cast<size_t>(position + 1));
  for (int64_t h = 0; h < a.heads; ++h) {
    const int64_t kv = h / (a.heads / a.kv_heads) * a.head_dim;
    const float* q = a.q.f32_row(t) + h * a.head_dim;
    for (size_t p = 0; p < prob.size(); ++p) {
      prob[p] = a.scale * dot(q, history[p].data() + kv, a.head_dim);
    }
    softmax(prob);
    float* out = a.out.f32_row(t) + h * a.head_dim;
    for (int64_t d = 0; d < a.head_dim; ++d) {
      double sum = 0;
      for (size_t p = 0; p < prob.size(); ++p) {
        sum += prob[p] * history[p][static_cast<size_t>(width + kv + d)];
      }
      out[d] = static_cast<float>(sum);
    }
  }
}

}  // namespace

void ReferenceBackend::attend_gqa(const AttendGqa& args, const Batch& batch, KvCache& cache) {
  for (const SequenceRows& rows : batch.sequences) {
    store_gqa(args, rows, cache);
    const Rows history = read_history(cache, args.layer, rows);
    for (int64_t i = 0; i < rows.rows; ++i) {
      attend_gqa_row(args, rows.first_row + i, rows.start + i, history);
    }
  }
}

void ReferenceBackend::attend_mla(const AttendMla& args, const Batch& batch, KvCache& cache) {
  for (const SequenceRows& rows : batch.sequences) {
    store_mla(args, rows, cache);
    const Rows history = read_history(cache, args.layer, rows);
    for (int64_t h = 0; h < args.heads; ++h) attend_mla_head(args, h, rows, history);
  }
}

}  // namespace hearth
