// What the trace says of MLA's maps is what the CPU backend takes, whichever way the rows lie.
#include "hearth/backend/latent_layout.h"

#include <gtest/gtest.h>

#include <map>

#include "hearth/backend/cpu/cpu_backend.h"
#include "hearth/backend/cpu/dispatch.h"
#include "hearth/backend/testing.h"
#include "hearth/backend/trace/trace_backend.h"

namespace hearth {
namespace {

using testing_backend::make_weight;

struct Case {
  Format format;
  bool split;  // k_b transposed and v_b apart, as new GGUF files have them
  int64_t nope, value;
};

class Layout : public testing::TestWithParam<Case> {
 protected:
  static constexpr int64_t kHeads = 2, kRank = 256;

  Layout() {
    const auto [format, split, nope, value] = GetParam();
    shape_.heads = kHeads;
    shape_.kv_lora_rank = kRank;
    shape_.qk_nope_head_dim = nope;
    shape_.v_head_dim = value;
    shape_.k_b_transposed = split;
    if (split) {
      k_b_ = make_weight(format, {kHeads, kRank, nope}, 1);
      v_b_ = make_weight(format, {kHeads, value, kRank}, 2);
      shape_.k_b = {&k_b_, kRank, 0};
      shape_.v_b = {&v_b_, value, 0};
    } else {
      k_b_ = make_weight(format, {kHeads * (nope + value), kRank}, 1);
      shape_.k_b = {&k_b_, nope + value, 0};
      shape_.v_b = {&k_b_, nope + value, nope};
    }
  }

  Weight k_b_, v_b_;
  AttendMla shape_;
};

// Bytes of what the maps hold, each packing once.
int64_t held_bytes(const cpu::LatentMaps& maps) {
  std::map<const uint8_t*, int64_t> packings;
  for (const cpu::HeadMap* map : {&maps.keys, &maps.values, &maps.queries}) {
    const auto& form = dynamic_cast<const cpu::PackedMatrix&>(*map->weight.form);
    const int64_t groups = ceil_div(map->weight.out(), form.group_rows());
    packings[form.data.get()] = groups * form.group_bytes;
  }
  int64_t sum = 0;
  for (const auto& [data, bytes] : packings) sum += bytes;
  return sum;
}

TEST_P(Layout, IsWhatTheBackendHolds) {
  for (const Activation activation : {Activation::automatic, Activation::f32}) {
    CpuBackend cpu(1, *cpu::available_tables().front(), activation);
    TraceBackend trace(activation);
    const auto maps = cpu.prepare_latents(shape_);
    ASSERT_TRUE(maps.has_value());
    ASSERT_TRUE(trace.prepare_latents(shape_).has_value());
    EXPECT_EQ(trace.latent_bytes(), held_bytes(dynamic_cast<const cpu::LatentMaps&>(**maps)));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, Layout,
    testing::Values(Case{Format::f32, false, 32, 64}, Case{Format::bf16, false, 128, 128},
                    Case{Format::q8_0, false, 32, 32}, Case{Format::q4_k, false, 64, 32},
                    Case{Format::q8_0, false, 18, 10}, Case{Format::bf16, false, 10, 32},
                    Case{Format::f16, true, 32, 64}, Case{Format::q8_0, true, 64, 32},
                    Case{Format::q4_0, true, 32, 10}),
    [](const auto& info) {
      const Case& c = info.param;
      return fmt::format("{}_{}_{}_{}", format_info(c.format).name, c.split ? "split" : "whole",
                         c.nope, c.value);
    });

// Keys and values of kv_b in one piece are packed once.
TEST(LatentLayouts, ShareWhatLiesReady) {
  const Weight kv_b = make_weight(Format::q8_0, {2 * (32 + 64), 256}, 1);
  AttendMla shape;
  shape.heads = 2;
  shape.kv_lora_rank = 256;
  shape.qk_nope_head_dim = 32;
  shape.v_head_dim = 64;
  shape.k_b = {&kv_b, 96, 0};
  shape.v_b = {&kv_b, 96, 32};
  const int64_t queries = 2 * 256 * Tensor::packed_row_bytes(Format::q8_0, 32);
  EXPECT_EQ(layouts_of(shape, Activation::automatic).bytes(2), kv_b.bytes() + queries);
}

}  // namespace
}  // namespace hearth
