// Any bytes as tokenizer.json, and what follows a NUL as tokenizer_config.json: read or refused
// with one line. The first byte says what the rest is: the two files, or edits of a valid one,
// triples of an offset and a byte applied to it. The mutator changes the tree of the two files.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "hearth/files/fuzz_tools.h"
#include "hearth/text/tokenizer/tokenizer.h"

namespace hearth {
namespace {

constexpr std::string_view kValid =
    R"({"added_tokens":[{"id":6,"content":"<s>","special":true,"normalized":false,"lstrip":false},)"
    R"({"id":7,"content":"<think>","rstrip":true,"single_word":false}],"normalizer":{"type":)"
    R"("Sequence","normalizers":[{"type":"NFC"}]},"pre_tokenizer":{"type":"Sequence",)"
    R"("pretokenizers":[{"type":"Split","pattern":{"Regex":"\\p{N}{1,3}"},"behavior":"Isolated",)"
    R"("invert":false},{"type":"Digits","individual_digits":true},{"type":"ByteLevel",)"
    R"("add_prefix_space":false,"use_regex":true}]},"post_processor":{"type":"TemplateProcessing",)"
    R"("single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A"}}],)"
    R"("special_tokens":{"<s>":{"id":"<s>","ids":[6]}}},"decoder":{"type":"ByteLevel"},"model":)"
    R"({"type":"BPE","unk_token":null,"byte_fallback":false,"ignore_merges":false,"vocab":)"
    R"({"a":0,"b":1,"ab":2,"Ġ":3,"Ġa":4,"1":5},"merges":["a b",["Ġ","a"]]}})";

constexpr std::string_view kValidPieces =
    R"({"added_tokens":[{"id":0,"content":"<unk>","special":true}],"normalizer":null,)"
    R"("pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":)"
    R"(false},"decoder":{"type":"Sequence","decoders":[{"type":"ByteFallback"},{"type":"Strip",)"
    R"("start":1}]},"model":{"type":"BPE","unk_token":"<unk>","byte_fallback":true,"fuse_unk":)"
    R"(true,"vocab":{"<unk>":0,"▁":1,"a":2,"▁a":3,"<0x62>":4},"merges":["▁ a"]}})";

std::string edited(std::string_view valid, std::string_view edits) {
  std::string json(valid);
  for (size_t i = 0; i + 2 < edits.size(); i += 3) {
    const size_t at = static_cast<uint8_t>(edits[i]) * 256u + static_cast<uint8_t>(edits[i + 1]);
    json[at % json.size()] = edits[i + 2];
  }
  return json;
}

void run(std::string_view input) {
  if (input.empty()) return;
  const char mode = input[0];
  input.remove_prefix(1);
  const size_t nul = std::min(input.find('\0'), input.size());
  const std::string json = mode % 3 == 0   ? std::string(input.substr(0, nul))
                           : mode % 3 == 1 ? edited(kValid, input)
                                           : edited(kValidPieces, input);
  const std::string_view config =
      mode % 3 == 0 ? input.substr(std::min(nul + 1, input.size())) : "";
  const auto tokenizer = Tokenizer::from_tokenizer_json(json, config);
  if (!tokenizer) {
    const std::string& message = tokenizer.status().message();
    if (message.empty() || message.find('\n') != message.npos) std::abort();
    return;
  }
  const std::vector<int32_t> ids = tokenizer->encode("ab a1234<s>\u0301 <think>\xFF é");
  (void)tokenizer->decode(ids, true);
}

}  // namespace
}  // namespace hearth

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hearth::run({reinterpret_cast<const char*>(data), size});
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace hearth;
  FuzzRandom random(seed);
  std::string input(text_of(data, size));
  if (input.empty() || random.once_in(64)) {
    input = std::string(1, '\0') + std::string(random.once_in(2) ? kValid : kValidPieces);
  }
  if (input[0] % 3 != 0) return give(mutate_bytes(std::move(input), 8), data, max_size);
  const size_t nul = std::min(input.find('\0', 1), input.size());
  std::string json = input.substr(1, nul - 1);
  std::string rest = input.substr(nul);
  if (rest.size() > 1 && random.once_in(3)) {
    rest = rest.substr(0, 1) + mutate_json(rest.substr(1), random);
  } else {
    json = mutate_json(std::move(json), random);
  }
  return give(input.substr(0, 1) + json + rest, data, max_size);
}
