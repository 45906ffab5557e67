// The vocabulary in the metadata of any GGUF file: refused with one line, or a tokenizer whose ids
// are its own, for which user text makes no control token.
#include <cstring>

#include "hearth/base/check.h"
#include "hearth/files/fuzz_tools.h"
#include "hearth/files/gguf/gguf.h"
#include "hearth/files/gguf/mutate_gguf.h"
#include "hearth/tensor/tensor.h"
#include "hearth/text/tokenizer/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  const Buffer aligned(static_cast<int64_t>(size) + 1);
  if (size > 0) std::memcpy(aligned.data(), data, size);
  const auto gguf = Gguf::parse({aligned.data(), size});
  if (!gguf) return 0;  // of fuzz_gguf
  auto vocabulary = vocabulary_from_gguf(*gguf);
  if (!vocabulary) {
    check_message(vocabulary.status());
    return 0;
  }
  const bool has_unk = vocabulary->unk.has_value();  // what is no token becomes it, whatever it is
  const auto tokenizer = Tokenizer::from_vocabulary(*std::move(vocabulary));
  if (!tokenizer) {
    check_message(tokenizer.status());
    return 0;
  }
  EncodeOptions plain;
  plain.add_special_prefix_suffix = false;
  const std::vector<int32_t> ids =
      tokenizer->encode("the a1234<|end|></s>\u0301 <0x41>\xFF é", plain);
  for (const int32_t id : ids) {
    CHECK(id >= 0 && id < tokenizer->vocab_size());
    CHECK(has_unk || !tokenizer->is_special(id));
  }
  for (const int32_t id : tokenizer->encode("a")) CHECK(id >= 0 && id < tokenizer->vocab_size());
  static_cast<void>(tokenizer->decode(ids, true));
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace hearth;
  FuzzRandom random(seed);
  return give(mutate_gguf(std::string(text_of(data, size)), random), data, max_size);
}
