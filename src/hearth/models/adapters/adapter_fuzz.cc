// The readers of adapters on any bytes, held against the tiny DeepSeek-V3: a GGUF file, or an
// adapter_config.json, a NUL, a safetensors file. What is taken fits the model; what is not costs
// one line.
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "hearth/base/check.h"
#include "hearth/files/fuzz_tools.h"
#include "hearth/models/adapters/match_adapter.h"
#include "hearth/models/load.h"
#include "hearth/models/tiny/tiny.h"

namespace hearth {
namespace {

// Of tests/golden/deepseek_v3, whose adapters are the seeds.
constexpr std::pair<std::string_view, int64_t> kShape[] = {
    {"hidden_size", 32},  {"num_hidden_layers", 3}, {"num_attention_heads", 4}, {"q_lora_rank", 20},
    {"kv_lora_rank", 24}, {"qk_nope_head_dim", 16}, {"qk_rope_head_dim", 8},    {"v_head_dim", 12},
};

const Model& tiny_model() {
  static const std::unique_ptr<Model> model = [] {
    auto config = tiny_config("deepseek_v3");
    CHECK(config.has_value());
    for (const auto& [key, value] : kShape) (*config)[std::string(key)] = value;
    auto made = make_model(*config);
    CHECK(made.has_value());
    return *std::move(made);
  }();
  return *model;
}

Result<StoredAdapter> read(std::string_view text, const Buffer& aligned) {
  if (text.starts_with("GGUF")) {
    TRY_ASSIGN(Gguf file, Gguf::parse({aligned.data(), text.size()}));
    return StoredAdapter::from_gguf(std::move(file));
  }
  const size_t nul = text.find('\0');
  if (nul == text.npos) return error(Code::invalid, "no NUL");
  TRY_ASSIGN(const Json config, parse_json(text.substr(0, nul)));
  const std::string_view rest = text.substr(nul + 1);
  TRY_ASSIGN(Safetensors weights, Safetensors::parse(std::as_bytes(std::span(rest))));
  return StoredAdapter::from_peft(config, std::move(weights));
}

}  // namespace
}  // namespace hearth

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  const std::string_view text = text_of(data, size);
  const Buffer aligned(static_cast<int64_t>(size) + 1);
  if (size > 0) std::memcpy(aligned.data(), data, size);
  const auto adapter = read(text, aligned);
  if (!adapter) {
    check_message(adapter.status());
    return 0;
  }
  CHECK(!adapter->deltas().empty());
  for (const CheckpointKind base : {CheckpointKind::hugging_face, CheckpointKind::gguf}) {
    const auto matched = match_adapter(*adapter, tiny_model(), base, INT64_MAX);
    if (!matched) {
      check_message(matched.status());
      continue;
    }
    CHECK_EQ(matched->size(), adapter->deltas().size());
    for (const MatchedDelta& delta : *matched) {
      CHECK_EQ(static_cast<int64_t>(delta.a.size()), delta.rank * delta.spec.shape[1]);
      CHECK_EQ(static_cast<int64_t>(delta.b.size()), delta.rank * delta.spec.shape[0]);
      for (float v : delta.a) CHECK(std::isfinite(v));
    }
  }
  return 0;
}

// Half of the edits go into the JSON: of the config, or of the header that names the tensors.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace hearth;
  FuzzRandom random(seed);
  std::string all(text_of(data, size));
  const size_t nul = all.find('\0');
  const bool plain = all.starts_with("GGUF") || nul == all.npos;
  if (plain || random.once_in(4)) return give(mutate_bytes(all, 16), data, max_size);
  std::string config = all.substr(0, nul);
  if (random.once_in(2)) config = mutate_json(config, random);
  std::string file = all.substr(nul + 1);
  uint64_t header = 0;
  if (file.size() > 8) std::memcpy(&header, file.data(), 8);
  if (header <= file.size() && header + 8 <= file.size() && random.once_in(2)) {
    const std::string names = mutate_json(file.substr(8, header), random);
    const uint64_t length = names.size();
    file = std::string(reinterpret_cast<const char*>(&length), 8) + names + file.substr(8 + header);
  }
  return give(config + std::string(1, '\0') + file, data, max_size);
}
