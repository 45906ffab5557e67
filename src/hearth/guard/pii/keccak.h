// Keccak-256 as Ethereum has it: the sponge of FIPS 202 (SHA3-256) with the padding of before that
// standard, which OpenSSL offers only since 3.2.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace hearth::pii {

std::array<uint8_t, 32> keccak_256(std::string_view message);

}  // namespace hearth::pii
