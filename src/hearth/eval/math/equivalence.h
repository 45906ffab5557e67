// When two answers to a mathematical question are the same answer.
#pragma once

#include <string_view>

namespace hearth::math {

// Exact where the forms decide, else equal values to 30 digits (numeric.h). What is lenient, as
// graders of MATH are: units and labels ("x =") are dropped; lists without brackets and sets have
// no order; 50% equals 0.5 and 50; brackets matter only around two items (an interval); words
// differ in more than case and spaces; digits of other scripts are digits. Texts that are no
// expressions are compared as words.
bool equivalent(std::string_view reference, std::string_view candidate);

}  // namespace hearth::math
