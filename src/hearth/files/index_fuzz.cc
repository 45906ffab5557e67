// parse_shard_index on any text: an accepted index names plain files only and is sorted.
#include <algorithm>

#include "hearth/base/check.h"
#include "hearth/files/fuzz_tools.h"
#include "hearth/files/outside_bytes.h"
#include "hearth/files/shard_index.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  const auto index = parse_shard_index(text_of(data, size));
  if (!index) {
    check_message(index.status());
    return 0;
  }
  CHECK(!index->items.empty());
  for (const std::string& shard : index->shards) {
    CHECK(shard.find('/') == shard.npos && shard.find('\\') == shard.npos);
    CHECK(shard[0] != '.' && shard.ends_with(".safetensors"));
    CHECK(is_utf8(shard));
  }
  for (size_t i = 0; i < index->items.size(); ++i) {
    CHECK_LT(index->items[i].shard, index->shards.size());
    if (i > 0) CHECK_LT(index->items[i - 1].tensor, index->items[i].tensor);
  }
  return 0;
}

namespace hearth {
namespace {

std::string random_index(FuzzRandom& random) {
  static constexpr std::array<std::string_view, 10> kShards = {"model-00001-of-00002.safetensors",
                                                               "model-00002-of-00002.safetensors",
                                                               "a.safetensors",
                                                               "a.safetensors",
                                                               "../../etc/passwd",
                                                               "/etc/passwd",
                                                               "..\\\\a.safetensors",
                                                               ".safetensors",
                                                               "x/a.safetensors",
                                                               ""};
  std::string text = R"({"metadata":{"total_size":12},"weight_map":{)";
  const uint64_t count = random.below(5);
  for (uint64_t i = 0; i < count; ++i) {
    if (i > 0) text += ',';
    text += fmt::format(R"("t{}":"{}")", random.below(8),
                        random.once_in(4) ? random.of(kShards) : kShards[random.below(3)]);
  }
  return text + "}}";
}

}  // namespace
}  // namespace hearth

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace hearth;
  FuzzRandom random(seed);
  std::string text =
      size < 2 || random.once_in(4) ? random_index(random) : std::string(text_of(data, size));
  for (uint64_t edits = random.below(3); edits > 0; --edits) {
    text = mutate_json(std::move(text), random);
  }
  return give(text, data, max_size);
}
