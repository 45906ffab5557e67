// GGUF metadata of a network, written as a JSON object of keys: refused with one line, or a config
// that can be written as config.json and is accepted there.
#include <cstring>
#include <nlohmann/json.hpp>

#include "hearth/base/check.h"
#include "hearth/files/fuzz_tools.h"
#include "hearth/files/gguf/gguf_writer.h"
#include "hearth/models/hf_config.h"
#include "hearth/models/load.h"
#include "hearth/tensor/tensor.h"

namespace hearth {
namespace {

void set(GgufHeader& header, const std::string& key, const Json& value) {
  if (value.is_boolean()) header.set_bool(key, value.get<bool>());
  if (value.is_string()) header.set_string(key, value.get_ref<const std::string&>());
  if (value.is_number_float()) header.set_f32(key, static_cast<float>(value.get<double>()));
  if (!value.is_number_integer()) return;
  const int64_t number = value.get<int64_t>();
  if (number < 0) {
    header.set_i32(key, static_cast<int32_t>(number));
  } else if (number > UINT32_MAX) {
    header.set_u64(key, static_cast<uint64_t>(number));
  } else {
    header.set_u32(key, static_cast<uint32_t>(number));
  }
}

}  // namespace
}  // namespace hearth

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  JsonLimits limits;
  limits.refuse_duplicates = true;
  const auto keys = parse_json(text_of(data, size), limits);
  if (!keys || !keys->is_object()) return 0;
  GgufHeader header;
  for (const auto& [key, value] : keys->items()) set(header, key, value);
  const int64_t shape[] = {8, 32};
  const bool declared = header.declare("token_embd.weight", "F32", shape).is_ok();
  CHECK(declared);
  const std::string head = header.encode();
  Buffer memory(static_cast<int64_t>(head.size()) + 8 * 32 * 4);
  std::memcpy(memory.data(), head.data(), head.size());
  const auto gguf = Gguf::parse({memory.data(), static_cast<size_t>(memory.bytes())});
  if (!gguf) return 0;
  std::vector<std::string> notices;
  const auto config = hf_config(*gguf, notices);
  if (!config) {
    check_message(config.status());
    return 0;
  }
  const auto model = make_model(*config);
  if (!model) fmt::print(stderr, "{}\n{}\n", config->dump(), model.status().message());
  CHECK(model.has_value());
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  static constexpr std::string_view kStart =
      R"({"general.architecture":"deepseek2","deepseek2.block_count":3,)"
      R"("deepseek2.embedding_length":32,"deepseek2.feed_forward_length":56,)"
      R"("deepseek2.context_length":256,"deepseek2.vocab_size":8,)"
      R"("deepseek2.attention.head_count":4,)"
      R"("deepseek2.attention.kv_lora_rank":24,"deepseek2.attention.key_length":24,)"
      R"("deepseek2.attention.value_length":12,"deepseek2.rope.dimension_count":8,)"
      R"("deepseek2.expert_count":16,"deepseek2.expert_used_count":4,)"
      R"("deepseek2.expert_feed_forward_length":16,"deepseek2.expert_group_count":4,)"
      R"("deepseek2.expert_group_used_count":2,"deepseek2.expert_gating_func":2,)"
      R"("deepseek2.rope.scaling.type":"yarn","deepseek2.rope.scaling.factor":40.5})";
  return hearth::mutate_json_input(data, size, max_size, seed, kStart);
}
