// Values equal the gguf package's bit for bit; the encoder searches.
#include "hearth/formats/iq1_s/iq1_s.h"

#include "hearth/formats/testing.h"

namespace hearth {
namespace {

using namespace testing_formats;

TEST(IQ1_S, DecodesAsGolden) {
  expect_golden_decode<IQ1_S>("iq1_s.decode.bin");
}
TEST(IQ1_S, IntegersMultiplyOut) {
  expect_integers_multiply_out<IQ1_S>();
}
TEST(IQ1_S, NanStaysVisible) {
  expect_nan_stays_visible<IQ1_S>();
}
TEST(IQ1_S, ErrorIsBounded) {
  expect_bounded_error<IQ1_S>(1.0f, 17);
}
TEST(IQ1_S, Searches) {
  expect_searches<IQ1_S>(0.4872);
}
TEST(IQ1_S, SurvivesBadImportance) {
  expect_survives_bad_importance<IQ1_S>();
}

}  // namespace
}  // namespace hearth
