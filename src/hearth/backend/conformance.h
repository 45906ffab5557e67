// The frame of the conformance tests: what a verb's case is, and what every backend owes it.
//
// A case runs one verb on one backend with inputs that depend on (format, shape) alone, and returns
// its results cut into units: rows where rows are independent, sequences in attention. It can run
// one unit alone, so that "same bits whatever the batch" is a test of every verb.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "hearth/backend/backend.h"

namespace hearth::conformance {

// Results by unit, in units of the whole batch.
struct Units {
  std::vector<std::vector<float>> found;
  // How far each number may lie from the reference; empty unless asked for. 0: the same bits.
  std::vector<std::vector<double>> bound;
};

struct Run {
  Backend& backend;
  Format format;  // of the weights; of the KV cache where a verb has no weights
  int shape;      // index into the case's own shapes
  std::optional<size_t> only = std::nullopt;  // compute this unit and no other
  bool bounds = false;
};

struct VerbCase {
  const char* verb;
  Units (*run)(const Run&);
  std::span<const Format> formats;
  int shapes;
};

// Every format.
inline constexpr Format kWeightFormats[] = {
    Format::f32,     Format::f16,   Format::bf16,   Format::f8_e4m3, Format::q8_0,  Format::q4_0,
    Format::q4_1,    Format::q5_0,  Format::q5_1,   Format::q2_k,    Format::q3_k,  Format::q4_k,
    Format::q5_k,    Format::q6_k,  Format::iq4_nl, Format::iq4_xs,  Format::mxfp4, Format::iq3_s,
    Format::iq3_xxs, Format::iq2_s, Format::iq2_xs, Format::iq2_xxs, Format::iq1_m, Format::iq1_s,
    Format::tq2_0,   Format::tq1_0};
inline constexpr Format kKvFormats[] = {Format::f32, Format::f16, Format::bf16};
inline constexpr Format kNoWeights[] = {Format::f32};

// An input width for a format: odd where its block allows, else 1, 2 or 5 blocks.
inline int64_t width_of(Format format, int index) {
  constexpr int64_t kOdd[] = {37, 130, 305};
  constexpr int64_t kBlocks[] = {1, 2, 5};
  const int64_t block = format_info(format).block_elements;
  return block == 1 ? kOdd[index] : block * kBlocks[index];
}

std::span<const VerbCase> dense_cases();
std::span<const VerbCase> gqa_cases();
std::span<const VerbCase> mla_cases();
std::span<const VerbCase> expert_cases();

}  // namespace hearth::conformance
