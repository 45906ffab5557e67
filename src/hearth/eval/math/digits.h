// Numbers as other scripts write them.
#pragma once

#include <string>
#include <string_view>

namespace hearth::math {

// Decimal digits of any script (Bengali, Thai, Arabic, full width, ...) as ASCII ones; between
// digits also the Arabic decimal and thousands separators and the full-width point. All else stays
// as it is, bytes that are no UTF-8 too.
std::string ascii_digits(std::string_view text);

}  // namespace hearth::math
