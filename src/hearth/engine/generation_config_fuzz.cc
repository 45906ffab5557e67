// generation_config.json of any text: refused with one line, or sampling that the sampler takes and
// ids that a vocabulary may have.
#include <nlohmann/json.hpp>

#include "hearth/base/check.h"
#include "hearth/engine/model_defaults.h"
#include "hearth/files/fuzz_tools.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  const auto config = parse_json(text_of(data, size));
  if (!config) return 0;
  for (const int32_t id : stated_stop_ids(&*config)) CHECK(id >= 0 && id < (1 << 24));
  const auto sampling = recommended_sampling(&*config);
  if (sampling) {
    const Status status = check_sampling(*sampling);
    CHECK(status.is_ok());
  } else {
    check_message(sampling.status());
  }
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  static constexpr std::string_view kStart =
      R"({"bos_token_id":0,"eos_token_id":[1,2],"do_sample":true,"temperature":0.6,"top_p":0.95,)"
      R"("top_k":50,"repetition_penalty":1.1})";
  return hearth::mutate_json_input(data, size, max_size, seed, kStart);
}
