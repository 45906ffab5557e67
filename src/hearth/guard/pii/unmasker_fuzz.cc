// The unmasker on any bytes, cut anywhere: the same text, whichever way. The first byte says where
// to cut, the rest up to a NUL is a map file, what follows is the text.
#include <algorithm>
#include <array>
#include <memory>

#include "hearth/base/check.h"
#include "hearth/files/fuzz_tools.h"
#include "hearth/guard/pii/map_file.h"
#include "hearth/guard/pii/unmasker.h"

namespace hearth::pii {
namespace {

constexpr std::string_view kMap =
    R"({"tokens":[{"token":"[IP_1]","type":"IP","value":"203.0.113.7"},)"
    R"({"token":"[EMAIL_1_ABCD]","type":"EMAIL","value":"a\"b@c.example"}]})";
constexpr std::array<std::string_view, 12> kPieces = {
    "[IP_1]", "[EMAIL_1_ABCD]", "[",        "]",        "【",  "】",
    "［",     "ip 1",           "\xe3\x80", "\xef\xbc", "\\_", "_"};

void check_cuts(std::string_view text, const std::shared_ptr<const Vault>& vault, size_t step,
                Unmasker::Context context) {
  Unmasker unmasker(vault, context);
  std::string out;
  for (size_t at = 0; at < text.size(); at += step) out += unmasker.push(text.substr(at, step));
  out += unmasker.finish();
  CHECK(out == unmask(text, vault, context));
}

}  // namespace
}  // namespace hearth::pii

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  using namespace hearth::pii;
  if (size == 0) return 0;
  const std::string_view input = text_of(data, size).substr(1);
  const size_t cut = std::min(input.find('\0'), input.size());
  auto vault = parse_map(input.substr(0, cut));
  if (!vault) vault = parse_map(kMap);
  CHECK(vault.has_value());
  const std::string_view text = input.substr(std::min(cut + 1, input.size()));
  for (const auto context : {Unmasker::Context::text, Unmasker::Context::json}) {
    check_cuts(text, *vault, 1 + data[0] % 16, context);
    check_cuts(text, *vault, 1, context);
  }
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace hearth;
  FuzzRandom random(seed);
  std::string text(text_of(data, size));
  if (text.size() < 4) text = "\3" + std::string(pii::kMap) + '\0';
  if (random.once_in(2)) {
    text.insert(1 + random.below(text.size()), random.of(pii::kPieces));
  } else {
    text = mutate_bytes(std::move(text), 16);
  }
  return give(text, data, max_size);
}
