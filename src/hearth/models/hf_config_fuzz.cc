// config.json of any text: refused with one line, or a network whose tensors have sizes that can be
// counted. What is accepted can be written as GGUF keys, and those are accepted, too.
#include <nlohmann/json.hpp>

#include "hearth/base/check.h"
#include "hearth/files/fuzz_tools.h"
#include "hearth/models/gguf_keys.h"
#include "hearth/models/load.h"

namespace hearth {
namespace {

constexpr int64_t kElementsMax = int64_t{1} << 44;  // 2^20 wide, a vocabulary of 2^24
constexpr int64_t kTensorsMax = 500'000;

void check_tensors(Model& model) {
  int64_t tensors = 0;
  model.visit_tensors([&](const TensorSpec& spec, Weight&) {
    CHECK(spec.shape.elements() > 0 && spec.shape.elements() <= kElementsMax);
    CHECK(!spec.name.empty() || !spec.gguf_name.empty());
    ++tensors;
  });
  CHECK_LE(tensors, kTensorsMax);
  const ModelInfo& info = model.info();
  CHECK(info.vocab_size > 0 && info.vocab_size <= (1 << 24));
  CHECK(info.max_position_embeddings > 0);
}

}  // namespace
}  // namespace hearth

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  const auto config = parse_json(text_of(data, size));
  if (!config) return 0;
  const auto model = make_model(*config);
  GgufHeader header;
  if (!model) {
    check_message(model.status());
    const Status written = write_gguf_keys(*config, "any", 0, header);
    check_message(written);
    return 0;
  }
  check_tensors(**model);
  if (const Status written = write_gguf_keys(*config, "any", 0, header); !written.is_ok()) {
    check_message(written);
  }
  const auto factors = gguf_rope_factors(*config);
  if (!factors) check_message(factors.status());
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  static constexpr std::string_view kStart =
      R"({"model_type":"deepseek_v3","vocab_size":80,"hidden_size":32,"intermediate_size":56,)"
      R"("num_hidden_layers":3,"num_attention_heads":4,"q_lora_rank":20,"kv_lora_rank":24,)"
      R"("qk_nope_head_dim":16,"qk_rope_head_dim":8,"v_head_dim":12,"n_routed_experts":16,)"
      R"("num_experts_per_tok":4,"n_group":4,"topk_group":2,"moe_intermediate_size":16,)"
      R"("first_k_dense_replace":1,"routed_scaling_factor":2.5,"norm_topk_prob":true,)"
      R"("scoring_func":"sigmoid","topk_method":"noaux_tc","rms_norm_eps":1e-6,"rope_theta":10000,)"
      R"("rope_scaling":{"type":"yarn","factor":40,"mscale":1,"mscale_all_dim":1}})";
  return hearth::mutate_json_input(data, size, max_size, seed, kStart);
}
