// detect on any bytes: spans lie in the text in order, are UTF-8, hold something; what is masked
// comes back.
#include <array>

#include "hearth/base/check.h"
#include "hearth/files/fuzz_tools.h"
#include "hearth/files/outside_bytes.h"
#include "hearth/guard/pii/masker.h"
#include "hearth/guard/pii/unmasker.h"

namespace hearth::pii {
namespace {

void check_entities(std::string_view text, const std::vector<Entity>& entities) {
  size_t at = 0;
  for (const Entity& e : entities) {
    CHECK_LE(at, e.start);
    CHECK_LT(e.start, e.end);
    CHECK_LE(e.end, text.size());
    CHECK(is_utf8(text.substr(e.start, e.end - e.start)));
    CHECK(e.score > 0 && e.score <= 1);
    at = e.end;
  }
}

constexpr std::array<std::string_view, 26> kPieces = {"13800138000",
                                                      "11010519491231002X",
                                                      "GB82WEST12345698765432",
                                                      "a@b.example",
                                                      "://u:p@h/",
                                                      "\\u0031",
                                                      "一二三四五六七",
                                                      "１２３",
                                                      "-----BEGIN RSA PRIVATE KEY-----",
                                                      "eyJhbGciOi",
                                                      "password: ",
                                                      "\xe2\x80\x8b",
                                                      "京A·",
                                                      "203.0.113.7",
                                                      "::1",
                                                      "00:1A:2B:3C:4D:5E",
                                                      "mac aa-bb-cc-dd-ee-ff",
                                                      "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
                                                      "Ausweis Ｌ01X00T471",
                                                      "[MOBILE_1]",
                                                      "born ",
                                                      "Mr. John ",
                                                      "北京市海淀区",
                                                      "12 Main Street",
                                                      " rd, Springfield",
                                                      "\xff "};

}  // namespace
}  // namespace hearth::pii

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  using namespace hearth::pii;
  const std::string_view text = text_of(data, size);
  DetectOptions options;
  options.types = TypeSet::all();
  options.score_min = 0.2;
  check_entities(text, detect(text, options));
  const std::string_view texts[] = {text};
  const auto masked = mask(texts, options);
  CHECK(masked.has_value());
  CHECK(unmask(masked->texts[0].text, masked->vault) == text);
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace hearth;
  return mutate_pieces_input(data, size, max_size, seed, pii::kPieces);
}
