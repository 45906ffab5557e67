// Where a checkpoint keeps its template, on any bytes: a GGUF file, or a tokenizer_config.json, a
// NUL and a chat_template.jinja beside weights that are in order. A text, or refused with one line.
#include "hearth/base/check.h"
#include "hearth/files/fuzz_tools.h"
#include "hearth/files/gguf/mutate_gguf.h"
#include "hearth/text/template/template_source.h"

namespace hearth {
namespace {

constexpr std::string_view kWeights = R"({"w":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}})";

std::string write_checkpoint(std::string_view input) {
  if (input.starts_with("GGUF")) {
    write_fuzz_file("model.gguf", input);
    return fuzz_folder() + "/model.gguf";
  }
  static const bool kWritten = [] {
    write_fuzz_file("config.json", "{}");
    std::string file(8, '\0');
    file[0] = static_cast<char>(kWeights.size());
    write_fuzz_file("model.safetensors", file + std::string(kWeights) + std::string(8, '\0'));
    return true;
  }();
  CHECK(kWritten);
  const size_t nul = input.find('\0');
  write_fuzz_file("tokenizer_config.json", input.substr(0, nul));
  std::filesystem::remove(fuzz_folder() + "/chat_template.jinja");
  if (nul != input.npos) write_fuzz_file("chat_template.jinja", input.substr(nul + 1));
  return fuzz_folder();
}

}  // namespace
}  // namespace hearth

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  const std::string_view input = text_of(data, size);
  const auto checkpoint = Checkpoint::open(write_checkpoint(input));
  if (!checkpoint) {
    CHECK(input.starts_with("GGUF"));  // of fuzz_gguf; the directory is in order
    return 0;
  }
  const auto source = chat_template_source(*checkpoint);
  if (!source) {
    check_message(source.status());
    return 0;
  }
  CHECK_LE(source->size(), size);
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace hearth;
  FuzzRandom random(seed);
  std::string input(text_of(data, size));
  if (input.starts_with("GGUF")) {
    return give(mutate_gguf(std::move(input), random), data, max_size);
  }
  const size_t nul = std::min(input.find('\0'), input.size());
  const std::string rest = input.substr(nul);
  return give(mutate_json(input.substr(0, nul), random) + rest, data, max_size);
}
