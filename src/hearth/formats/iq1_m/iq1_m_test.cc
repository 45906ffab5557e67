// Values equal the gguf package's bit for bit; the encoder searches.
#include "hearth/formats/iq1_m/iq1_m.h"

#include "hearth/formats/testing.h"

namespace hearth {
namespace {

using namespace testing_formats;

TEST(IQ1_M, DecodesAsGolden) {
  expect_golden_decode<IQ1_M>("iq1_m.decode.bin");
}
TEST(IQ1_M, IntegersMultiplyOut) {
  expect_integers_multiply_out<IQ1_M>();
}
TEST(IQ1_M, NanStaysVisible) {
  expect_nan_stays_visible<IQ1_M>();
}
TEST(IQ1_M, ErrorIsBounded) {
  expect_bounded_error<IQ1_M>(1.0f, 17);
}
TEST(IQ1_M, Searches) {
  expect_searches<IQ1_M>(0.4512);
}
TEST(IQ1_M, SurvivesBadImportance) {
  expect_survives_bad_importance<IQ1_M>();
}

}  // namespace
}  // namespace hearth
