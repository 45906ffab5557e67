// See mix.h. The table follows what llama.cpp's quantiser has found worth its bits, so that files
// of one name are of one size and quality; MLA's value matrices count as attn_v.
#include "hearth/convert/mix.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace hearth {
namespace {

using enum Format;
using enum Where;

// All matrices in one format, output included.
constexpr Mix uniform(std::string_view name, Format format, uint32_t file_type) {
  const Rule same{nowhere, format, format};
  return {name, format, file_type, format, format, same, same, format, format};
}

// All in one format but the output, which is as good as nothing is lost by it.
constexpr Mix plain(std::string_view name, Format format, uint32_t file_type) {
  Mix mix = uniform(name, format, file_type);
  mix.output = q6_k;
  return mix;
}

constexpr Mix with_down(Mix mix, Rule down) {
  mix.down = down;
  return mix;
}

constexpr Mix kMixes[] = {
    uniform("f32", f32, 0),
    uniform("f16", f16, 1),
    uniform("bf16", bf16, 32),
    uniform("q8_0", q8_0, 7),
    with_down(plain("q4_0", q4_0, 2), {measured, q4_1, q4_0}),
    plain("q4_1", q4_1, 3),
    with_down(plain("q5_0", q5_0, 8), {measured, q5_1, q5_0}),
    plain("q5_1", q5_1, 9),
    {"q2_k", q2_k, 10, q6_k, q2_k, {grouped, q4_k, q3_k}, {everywhere, q3_k, q3_k}, q3_k, q2_k},
    {"q2_k_s", q2_k, 21, q6_k, q2_k, {grouped, q4_k, q2_k}, {first_eighth, q4_k, q2_k}, q2_k, q2_k},
    plain("q3_k_s", q3_k, 11),
    {"q3_k_m",
     q3_k,
     12,
     q6_k,
     q3_k,
     {first_two, q5_k, q4_k},
     {first_sixteenth, q5_k, q4_k},
     q4_k,
     q3_k},
    {"q3_k_l",
     q3_k,
     13,
     q6_k,
     q3_k,
     {everywhere, q5_k, q5_k},
     {everywhere, q5_k, q5_k},
     q5_k,
     q3_k},
    {"q4_k_s",
     q4_k,
     14,
     q6_k,
     q4_k,
     {first_four, q5_k, q4_k},
     {first_eighth, q5_k, q4_k},
     q4_k,
     q4_k},
    {"q4_k_m",
     q4_k,
     15,
     q6_k,
     q4_k,
     {ends_and_thirds, q6_k, q4_k},
     {ends_and_thirds, q6_k, q4_k},
     q4_k,
     q4_k},
    plain("q5_k_s", q5_k, 16),
    {"q5_k_m",
     q5_k,
     17,
     q6_k,
     q5_k,
     {ends_and_thirds, q6_k, q5_k},
     {ends_and_thirds, q6_k, q5_k},
     q5_k,
     q5_k},
    plain("q6_k", q6_k, 18),
    {"iq4_nl",
     iq4_nl,
     25,
     q6_k,
     iq4_nl,
     {grouped, q5_k, iq4_nl},
     {unmeasured, q5_k, iq4_nl},
     iq4_nl,
     iq4_nl},
    {"iq4_xs",
     iq4_xs,
     30,
     q6_k,
     iq4_xs,
     {grouped, q5_k, iq4_xs},
     {unmeasured, q5_k, iq4_xs},
     iq4_xs,
     iq4_xs},
    {"iq3_s",
     iq3_s,
     26,
     q6_k,
     iq3_s,
     {grouped, q4_k, iq3_s},
     {nowhere, iq3_s, iq3_s},
     iq3_s,
     iq3_s},
    {"iq3_m",
     iq3_s,
     27,
     q6_k,
     iq3_s,
     {everywhere, q4_k, q4_k},
     {first_eighth, q4_k, iq3_s},
     q4_k,
     iq3_s},
    {"iq3_xxs",
     iq3_xxs,
     23,
     q5_k,
     iq3_s,
     {grouped, q4_k, iq3_s},
     {unmeasured, q4_k, iq3_xxs},
     iq3_s,
     iq2_s},
    {"iq2_xxs",
     iq2_xxs,
     19,
     q5_k,
     q2_k,
     {grouped, q4_k, q2_k},
     {first_eighth, q2_k, iq2_xxs},
     iq2_xxs,
     iq2_xxs},
    {"iq2_xs",
     iq2_xs,
     20,
     q5_k,
     q2_k,
     {grouped, q4_k, q2_k},
     {first_eighth, q2_k, iq2_xs},
     iq2_xs,
     iq2_xs},
    {"iq2_s",
     iq2_xs,
     28,
     q5_k,
     iq3_s,
     {grouped, q4_k, iq3_s},
     {first_eighth, iq3_s, iq2_xs},
     iq3_s,
     iq2_xs},
    {"iq2_m",
     iq2_s,
     29,
     q5_k,
     iq3_s,
     {grouped, q4_k, iq3_s},
     {first_eighth, iq3_s, iq2_s},
     iq3_s,
     iq2_s},
    {"iq1_s",
     iq1_s,
     24,
     q5_k,
     q2_k,
     {grouped, q4_k, q2_k},
     {first_eighth, q2_k, iq1_s},
     iq2_xxs,
     iq1_s},
    {"iq1_m",
     iq1_m,
     31,
     q5_k,
     q2_k,
     {grouped, q4_k, q2_k},
     {first_eighth, q2_k, iq1_m},
     iq2_xxs,
     iq1_m},
    {"tq1_0",
     tq1_0,
     36,
     q6_k,
     q4_k,
     {nowhere, tq1_0, tq1_0},
     {nowhere, tq1_0, tq1_0},
     tq1_0,
     tq1_0},
    {"tq2_0",
     tq2_0,
     37,
     q6_k,
     q4_k,
     {nowhere, tq2_0, tq2_0},
     {nowhere, tq2_0, tq2_0},
     tq2_0,
     tq2_0},
    uniform("mxfp4", mxfp4, 38),
};

// llama.cpp's short names.
constexpr std::pair<std::string_view, std::string_view> kAliases[] = {
    {"q3_k", "q3_k_m"}, {"q4_k", "q4_k_m"}, {"q5_k", "q5_k_m"}};

// Formats of 256 elements with much the same bits in smaller blocks.
constexpr std::pair<Format, Format> kSmallerBlocks[] = {
    {q6_k, q8_0},      {q5_k, q5_1},    {q4_k, q5_0},      {q3_k, iq4_nl},  {q2_k, iq4_nl},
    {iq4_xs, iq4_nl},  {iq3_s, iq4_nl}, {iq3_xxs, iq4_nl}, {iq2_s, iq4_nl}, {iq2_xs, iq4_nl},
    {iq2_xxs, iq4_nl}, {iq1_m, iq4_nl}, {iq1_s, iq4_nl},   {tq2_0, q4_0},   {tq1_0, q4_0},
};

// The n of "blk.n.", else 0.
int64_t layer_of(std::string_view name) {
  constexpr std::string_view kBlock = "blk.";
  int64_t layer = 0;
  if (name.starts_with(kBlock)) {
    std::from_chars(name.data() + kBlock.size(), name.data() + name.size(), layer);
  }
  return layer;
}

Format apply(const Rule& rule, const MixModel& model, std::string_view name) {
  const int64_t layer = layer_of(name);
  const int64_t n = model.layers;
  const bool early = layer < n / 8;
  const bool chosen[] = {
      false,
      true,
      layer < 2,
      layer < 4,
      layer < n / 16,
      early,
      early || layer >= 7 * n / 8 || (layer - n / 8) % 3 == 2,
      model.heads_per_key >= 4,
      early && !model.importance,
      early && model.importance,
  };
  return chosen[static_cast<size_t>(rule.where)] ? rule.format : rule.otherwise;
}

bool fills(Format format, int64_t columns) {
  return columns % format_info(format).block_elements == 0;
}

}  // namespace

Result<Mix> mix_by_name(std::string_view name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  for (const auto& [alias, meant] : kAliases) {
    if (lower == alias) lower = meant;
  }
  for (const Mix& mix : kMixes) {
    if (mix.name == lower) return mix;
  }
  return error(Code::invalid, "format: expected one of {}, found {}", fmt::join(mix_names(), ", "),
               name);
}

std::vector<std::string_view> mix_names() {
  std::vector<std::string_view> names;
  for (const Mix& mix : kMixes) names.push_back(mix.name);
  return names;
}

Mix pure(Mix mix) {
  return uniform(mix.name, mix.base, mix.file_type);
}

Format mix_format_wanted(const Mix& mix, const MixModel& model, std::string_view name,
                         TensorKind kind) {
  if (kind == TensorKind::vector || kind == TensorKind::router) return f32;
  if (name == "output.weight" || (name == "token_embd.weight" && model.tied)) return mix.output;
  if (name == "token_embd.weight") return mix.embedding;
  const auto is = [&](std::string_view part) { return name.find(part) != name.npos; };
  if (is(".attn_v.weight") || is(".attn_v_b.weight") || is(".attn_kv_b.weight")) {
    // In a model of 70B eight heads share these rows: few, and worth more bits.
    const Format chosen = apply(mix.values, model, name);
    const bool large = model.layers == 80 && model.heads_per_key > 1;
    const bool mixed = mix.values.where != nowhere;
    return large && mixed && (chosen == q3_k || chosen == q4_k) ? q5_k : chosen;
  }
  if (is(".ffn_down")) return apply(mix.down, model, name);
  if (is(".attn_output.weight")) return mix.attention_output;
  if (is(".attn_q.weight") || is(".attn_k.weight")) return mix.queries_and_keys;
  return mix.base;
}

Format mix_format(const Mix& mix, const MixModel& model, std::string_view name, TensorKind kind,
                  int64_t columns) {
  const Format wanted = mix_format_wanted(mix, model, name, kind);
  if (fills(wanted, columns)) return wanted;
  for (const auto& [large, small] : kSmallerBlocks) {
    if (large == wanted && fills(small, columns)) return small;
  }
  return f16;
}

}  // namespace hearth
