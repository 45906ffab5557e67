// Addresses of cryptocurrencies: Bitcoin's (Base58Check, and Bech32 as BIP 173 and 350 define it)
// with their check sums; Ethereum's by its form, and by the case of its letters (EIP-55) where that
// is not all one.
#include <array>
#include <optional>
#include <string>

#include "hearth/base/sha256.h"
#include "hearth/guard/pii/characters.h"
#include "hearth/guard/pii/keccak.h"
#include "hearth/guard/pii/recognisers/list.h"

namespace hearth::pii {
namespace {

constexpr std::string_view kBase58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
constexpr std::string_view kBech32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
constexpr size_t kDecoded = 25;  // version, 20 bytes, 4 of the check

using Decoded = std::array<uint8_t, kDecoded>;

std::optional<Decoded> base58(std::string_view text) {
  Decoded out{};
  for (char c : text) {
    size_t carry = kBase58.find(c);
    if (carry == kBase58.npos) return std::nullopt;
    for (size_t i = kDecoded; i-- > 0;) {
      carry += size_t{out[i]} * 58;
      out[i] = static_cast<uint8_t>(carry & 0xff);
      carry >>= 8;
    }
    if (carry != 0) return std::nullopt;
  }
  return out;
}

// The digest's bytes.
std::string sha256(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes);
  const std::string digits = hash.hex();
  std::string out;
  for (size_t i = 0; i < digits.size(); i += 2) {
    out.push_back(static_cast<char>(hex_value(digits[i]) * 16 + hex_value(digits[i + 1])));
  }
  return out;
}

bool base58_checks(std::string_view text) {
  const auto decoded = base58(text);
  if (!decoded || ((*decoded)[0] != 0 && (*decoded)[0] != 5)) return false;
  const std::string_view bytes(reinterpret_cast<const char*>(decoded->data()), kDecoded);
  return sha256(sha256(bytes.substr(0, 21))).substr(0, 4) == bytes.substr(21);
}

uint32_t bech32_polymod(uint32_t check, uint32_t value) {
  static constexpr std::array<uint32_t, 5> kGenerator = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa,
                                                         0x3d4233dd, 0x2a1462b3};
  const uint32_t top = check >> 25;
  check = (check & 0x1ffffff) << 5 ^ value;
  for (size_t i = 0; i < kGenerator.size(); ++i) {
    if ((top >> i & 1) != 0) check ^= kGenerator[i];
  }
  return check;
}

// "bc1…" in one case; the constant tells version 0 from later ones.
bool bech32_checks(std::string_view text) {
  uint32_t check = 1;
  for (char c : std::string_view("bc"))
    check = bech32_polymod(check, static_cast<uint32_t>(c) >> 5);
  check = bech32_polymod(check, 0);
  for (char c : std::string_view("bc"))
    check = bech32_polymod(check, static_cast<uint32_t>(c) & 31);
  bool upper = false, lower = false;
  for (char c : text) {
    upper = upper || is_upper(c);
    lower = lower || is_lower(c);
  }
  if (upper && lower) return false;
  for (char c : text.substr(3)) {
    const size_t value = kBech32.find(to_lower(c));
    if (value == kBech32.npos) return false;
    check = bech32_polymod(check, static_cast<uint32_t>(value));
  }
  return check == 1 || check == 0x2bc830a3;
}

// A letter is a capital where the digest of the address in lower case has a digit of 8 or more.
bool eip55_checks(std::string_view digits) {
  std::string lower(digits);
  bool has_upper = false, has_lower = false;
  for (char& c : lower) {
    has_upper = has_upper || is_upper(c);
    has_lower = has_lower || is_lower(c);
    c = to_lower(c);
  }
  if (!has_upper || !has_lower) return true;  // written without the check
  const auto digest = keccak_256(lower);
  for (size_t i = 0; i < digits.size(); ++i) {
    const int high = digest[i / 2] >> (i % 2 == 0 ? 4 : 0) & 0xf;
    if (!is_digit(digits[i]) && is_upper(digits[i]) != (high >= 8)) return false;
  }
  return true;
}

// The group that begins at i: the index after it.
size_t group_end(const CodeRun& run, size_t i) {
  size_t end = i + 1;
  while (end < run.size() && !run.border(end)) ++end;
  return end;
}

}  // namespace

void find_bitcoin(const CodeRun& run, Proposals& out) {
  for (size_t i = 0; i + 26 <= run.size(); ++i) {
    if (!run.border(i)) continue;
    const size_t end = group_end(run, i);
    const std::string_view text = run.exact().substr(i, end - i);
    const bool base = (text[0] == '1' || text[0] == '3') && text.size() >= 26 && text.size() <= 35;
    const bool bech = run.code().substr(i, 3) == "BC1" && text.size() >= 14 && text.size() <= 74;
    if ((base && base58_checks(text)) || (bech && bech32_checks(text))) out.add(run, i, end, 0.97);
  }
}

void find_ethereum(const CodeRun& run, Proposals& out) {
  constexpr size_t kLength = 42;
  for (size_t i = 0; i + kLength <= run.size(); ++i) {
    if (!run.border(i) || run[i] != '0' || run[i + 1] != 'X') continue;
    if (group_end(run, i) != i + kLength) continue;
    const std::string_view digits = run.code().substr(i + 2, kLength - 2);
    if (digits.find_first_not_of("0123456789ABCDEF") == digits.npos &&
        digits.find_first_not_of('0') != digits.npos &&
        eip55_checks(run.exact().substr(i + 2, kLength - 2))) {
      out.add(run, i, i + kLength, 0.75);
    }
  }
}

}  // namespace hearth::pii
