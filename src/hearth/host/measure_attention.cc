// Attention of one layer, through the backend's own verbs. A token's time less what it takes
// without a history is that of the history.
#include "hearth/base/checked_math.h"
#include "hearth/host/probe.h"

namespace hearth::probe {
namespace {

constexpr int64_t kPositions = 8192, kMany = 8;
constexpr int64_t kRows = 256, kDepth = 2048;  // of a prompt
constexpr int kTokenRepeats = 3 * kRepeats;    // a token is soon over

// `sequences`, each with `rows` rows behind `start` positions.
Batch batch_of(int64_t sequences, int64_t start, int64_t rows, Role role) {
  Batch batch;
  batch.tokens.assign(static_cast<size_t>(sequences * rows), 0);
  const int64_t each = ceil_div(start + rows, kKvBlockTokens);
  for (int64_t s = 0; s < sequences; ++s) {
    SequenceRows part{s * rows, rows, start, role, {}};
    for (int64_t b = 0; b < each; ++b) part.blocks.push_back(static_cast<int32_t>(s * each + b));
    batch.sequences.push_back(std::move(part));
  }
  return batch;
}

int64_t blocks_needed() {
  return ceil_div(kPositions + kRows, kKvBlockTokens);
}

Rope some_rope(int64_t dims) {
  Rope rope;
  rope.dims = dims;
  rope.inv_freq.assign(static_cast<size_t>(dims / 2), 0.001);
  return rope;
}

struct Times {
  double one = 0, many = 0;  // 1 and kMany generated tokens without a history
  double history = 0;        // of kPositions, for a generated token
  double prompt = 0;         // of kRows
  double deep = 0;           // of kRows behind kDepth positions
};

// `seconds`: of a batch.
template <typename Seconds>
Times measure(const Seconds& seconds, const Forget& forget) {
  const auto generated = [&](int64_t sequences, int64_t start) {
    return median_of(kTokenRepeats, [&] {
      forget();
      return seconds(batch_of(sequences, start, 1, Role::generated));
    });
  };
  Times out;
  out.one = generated(1, 0);
  out.many = generated(kMany, 0);
  out.history = std::max(generated(1, kPositions) - out.one, 1e-9);
  const auto prompt = [&](int64_t start) {
    const Batch batch = batch_of(1, start, kRows, Role::prompt);
    return median_of(kRepeats, [&] { return seconds(batch); });
  };
  out.prompt = prompt(0);
  out.deep = prompt(kDepth);
  return out;
}

// From two prompts: what grows with the products, and the rest. `flops(start)`: of kRows.
template <typename Flops>
void set_prompt(AttentionSpeed& speed, const Times& times, const Flops& flops, int64_t columns) {
  const double more = std::max(times.deep - times.prompt, 1e-9);
  speed.prompt_gflop_s = (flops(kDepth) - flops(0)) / more / 1e9;
  const double rest = times.prompt - flops(0) / (speed.prompt_gflop_s * 1e9);
  speed.prompt_seconds = std::max(0.0, rest) / (static_cast<double>(kRows * columns) / 1e9);
}

// Pairs of a row of the prompt and a position that it sees.
double pairs_seen(int64_t start) {
  return static_cast<double>(kRows * start + kRows * (kRows + 1) / 2);
}

double gb_s(const KvSpec& spec, double seconds) {
  return static_cast<double>(kPositions * spec.row_bytes()) / seconds / 1e9;
}

}  // namespace

Result<AttentionSpeed> measure_grouped(Backend& backend, const Forget& forget) {
  constexpr int64_t kHeads = 12, kKvHeads = 2, kHeadDim = 128;
  const KvSpec spec{1, 2 * kKvHeads * kHeadDim, Format::f16, kKvHeads};
  TRY_ASSIGN(KvCache cache, make_cache(backend, spec, blocks_needed()));
  const Rope rope = some_rope(kHeadDim);
  const auto seconds = [&](const Batch& batch) {
    backend.begin_step();
    AttendGqa args;
    args.q = activations(backend, batch.rows(), kHeads * kHeadDim);
    args.k = activations(backend, batch.rows(), kKvHeads * kHeadDim);
    args.v = activations(backend, batch.rows(), kKvHeads * kHeadDim);
    args.out = activations(backend, batch.rows(), kHeads * kHeadDim);
    args.heads = kHeads;
    args.kv_heads = kKvHeads;
    args.head_dim = kHeadDim;
    args.scale = 0.1;
    args.rope = &rope;
    const double begin = seconds_now();
    backend.attend_gqa(args, batch, cache);
    return seconds_now() - begin;
  };
  const Times times = measure(seconds, forget);
  AttentionSpeed speed;
  const double token = std::max(0.0, (times.many - times.one) / (kMany - 1));
  speed.token_seconds = token / (kHeads * kHeadDim / 1e9);
  speed.cache_gb_s = gb_s(spec, times.history);
  const auto flops = [](int64_t start) { return 4.0 * kHeads * kHeadDim * pairs_seen(start); };
  set_prompt(speed, times, flops, kHeads * kHeadDim);
  return speed;
}

namespace {

// MLA's sizes. Two of them tell what grows with products from what each head takes.
struct LatentShape {
  int64_t nope, rope, value, rank;

  double weights() const { return static_cast<double>(kHeads * (nope + value) * rank); }
  int64_t queries() const { return kHeads * (nope + rope); }
  // Of the prompt of kRows behind `start` positions.
  double flops(int64_t start) const {
    const auto position = static_cast<double>(2 * (nope + rope + value));
    const auto expansion = static_cast<double>(2 * rank * (nope + value));
    return kHeads * (static_cast<double>(start + kRows) * expansion + position * pairs_seen(start));
  }
  double more_flops() const { return flops(kDepth) - flops(0); }

  static constexpr int64_t kHeads = kLatentHeads;
};
constexpr LatentShape kDeepseek{128, 64, 128, 512};
constexpr LatentShape kSlender{64, 32, 64, 256};

Result<Times> latent_times(Backend& backend, const LatentShape& of, Format format,
                           const Forget& forget) {
  const KvSpec spec{1, of.rank + of.rope, Format::f16, 0};
  TRY_ASSIGN(KvCache cache, make_cache(backend, spec, blocks_needed()));
  const Rope rope = some_rope(of.rope);
  Norm norm;
  norm.weight = random_weight(Format::f32, 1, of.rank);
  norm.weight.tensor.shape = {of.rank};
  const Weight kv_b = random_weight(format, LatentShape::kHeads * (of.nope + of.value), of.rank);
  AttendMla shape;
  shape.heads = LatentShape::kHeads;
  shape.qk_nope_head_dim = of.nope;
  shape.qk_rope_head_dim = of.rope;
  shape.v_head_dim = of.value;
  shape.kv_lora_rank = of.rank;
  shape.kv_a_norm = &norm;
  shape.k_b = {&kv_b, of.nope + of.value, 0};
  shape.v_b = {&kv_b, of.nope + of.value, of.nope};
  shape.scale = 0.1;
  shape.rope = &rope;
  TRY_ASSIGN(const auto maps, backend.prepare_latents(shape));
  shape.maps = maps.get();
  const auto seconds = [&](const Batch& batch) {
    backend.begin_step();
    AttendMla args = shape;
    args.q = activations(backend, batch.rows(), of.queries());
    args.kv = activations(backend, batch.rows(), of.rank + of.rope);
    args.out = activations(backend, batch.rows(), LatentShape::kHeads * of.value);
    const double begin = seconds_now();
    backend.attend_mla(args, batch, cache);
    return seconds_now() - begin;
  };
  return measure(seconds, forget);
}

double token_seconds(const Times& times) {
  return std::max(0.0, (times.many - times.one) / (kMany - 1));
}

// Lines through two points each: what a product takes, and what a pair takes beside them; what an
// element of the queries takes beside these, and what a head.
void set_pairs(AttentionSpeed& speed, const Times& large, const Times& slender) {
  const double pairs = LatentShape::kHeads * (pairs_seen(kDepth) - pairs_seen(0));
  const double flops = kDeepseek.more_flops(), few = kSlender.more_flops();
  const double more = std::max(large.deep - large.prompt, 1e-9);
  const double little = std::max(slender.deep - slender.prompt, 0.0);
  const double slope =
      std::clamp((more - little) / (flops - few), 0.1 * more / flops, more / flops);
  speed.prompt_gflop_s = 1 / slope / 1e9;
  speed.pair_seconds = std::max(0.0, more - slope * flops) / pairs;
  const auto rest = [&](const Times& times, const LatentShape& of) {
    return std::max(0.0, times.prompt - slope * of.flops(0) -
                             speed.pair_seconds * LatentShape::kHeads * pairs_seen(0));
  };
  const auto queries = static_cast<double>(kRows * kDeepseek.queries()) / 1e9;
  const auto fewer = static_cast<double>(kRows * kSlender.queries()) / 1e9;
  const double beside = rest(large, kDeepseek);
  speed.prompt_seconds =
      std::clamp((beside - rest(slender, kSlender)) / (queries - fewer), 0.0, beside / queries);
  speed.prompt_head_seconds =
      (beside - queries * speed.prompt_seconds) / static_cast<double>(kRows * LatentShape::kHeads);
}

}  // namespace

Result<AttentionSpeed> measure_latent(Backend& backend, Format format, double verb_seconds,
                                      const Forget& forget) {
  // FP8 has scales, and its maps are made in f32 (latent_layout.h).
  if (format == Format::f8_e4m3) format = Format::f32;
  TRY_ASSIGN(const Times large, latent_times(backend, kDeepseek, format, forget));
  TRY_ASSIGN(const Times slender, latent_times(backend, kSlender, format, forget));
  AttentionSpeed speed;
  const double weights = kDeepseek.weights() / 1e9, few = kSlender.weights() / 1e9;
  const double token = token_seconds(large);
  speed.token_seconds =
      std::clamp((token - token_seconds(slender)) / (weights - few), 0.0, token / weights);
  speed.head_seconds = (token - weights * speed.token_seconds) / LatentShape::kHeads;
  speed.first_seconds = std::max(0.0, large.one - token - verb_seconds) / weights;
  const KvSpec spec{1, kDeepseek.rank + kDeepseek.rope, Format::f16, 0};
  speed.cache_gb_s = gb_s(spec, large.history);
  set_pairs(speed, large, slender);
  return speed;
}

}  // namespace hearth::probe
