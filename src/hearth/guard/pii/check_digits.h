// Check digits of identifiers: the arithmetic that tells a number from a random one. Digits come as
// ASCII text; callers have checked that they are digits.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace hearth::pii {

// ISO/IEC 7812-1, annex B.
bool luhn(std::string_view digits);
// ISO 7064 MOD 11,10, as German and Croatian numbers use it; the last digit checks the others.
bool iso_mod_11_10(std::string_view digits);
// ISO 7064 MOD 97-10 over digits and letters (A = 10 … Z = 35): the remainder.
int mod_97(std::string_view code);
// Verhoeff 1969: dihedral group of order 10.
bool verhoeff(std::string_view digits);
// Sum of digits times weights, over as many as there are weights.
int weighted_sum(std::string_view digits, std::span<const int> weights);

// A day of the calendar; years 1800 to 2039 count.
bool is_date(int year, int month, int day);
int two_digits(std::string_view text, size_t at);

}  // namespace hearth::pii
