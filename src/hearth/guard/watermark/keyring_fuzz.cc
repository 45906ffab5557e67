// The reader of key files on any bytes: what it takes, it writes and reads again as the same.
#include "hearth/base/check.h"
#include "hearth/files/fuzz_tools.h"
#include "hearth/guard/watermark/keyring.h"

namespace {

constexpr std::string_view kFile =
    R"({"format":"hearth-watermark-1","secret":)"
    R"("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f","window":4,)"
    R"("sources":["clinic/r1","clinic/r1:letters"]})";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  using namespace hearth::watermark;
  const auto ring = Keyring::parse(text_of(data, size));
  if (!ring) return 0;
  const auto again = Keyring::parse(ring->to_json());
  CHECK(again.has_value());
  CHECK(again->id() == ring->id());
  CHECK(again->sources() == ring->sources());
  CHECK(again->derive("a/b").race == ring->derive("a/b").race);
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  return hearth::mutate_json_input(data, size, max_size, seed, kFile);
}
