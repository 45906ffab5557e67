// How near an address is (http_client.h): RFC 1918, 6598, 3927, 4193, 4291.
#include <arpa/inet.h>

#include <array>
#include <cstring>

#include "hearth/store/http_client.h"

namespace hearth::store {
namespace {

constexpr int kPublic = 0, kPrivate = 1, kLink = 2, kSelf = 3;

int nearness_v4(const uint8_t* b) {
  if (b[0] == 127 || b[0] == 0) return kSelf;
  if (b[0] == 169 && b[1] == 254) return kLink;
  const bool shared = b[0] == 100 && (b[1] & 0xC0) == 64;
  const bool mine =
      b[0] == 10 || (b[0] == 172 && (b[1] & 0xF0) == 16) || (b[0] == 192 && b[1] == 168);
  return mine || shared ? kPrivate : kPublic;
}

int nearness_v6(const std::array<uint8_t, 16>& b) {
  const std::array<uint8_t, 16> none{};
  const bool mapped = std::memcmp(b.data(), none.data(), 10) == 0 && b[10] == 0xFF && b[11] == 0xFF;
  if (mapped) return nearness_v4(b.data() + 12);
  if (std::memcmp(b.data(), none.data(), 15) == 0 && b[15] <= 1) return kSelf;
  if (b[0] == 0xFE && (b[1] & 0xC0) == 0x80) return kLink;
  return (b[0] & 0xFE) == 0xFC ? kPrivate : kPublic;
}

// -1: no address.
int nearness_of_address(std::string_view address) {
  // Without the interface of an address such as fe80::1%eth0.
  const std::string text(address.substr(0, address.find('%')));
  std::array<uint8_t, 16> bytes{};
  if (::inet_pton(AF_INET, text.c_str(), bytes.data()) == 1) return nearness_v4(bytes.data());
  if (::inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) return nearness_v6(bytes);
  return -1;
}

}  // namespace

int nearness(std::string_view address) {
  const int found = nearness_of_address(address);
  return found < 0 ? kSelf : found;
}

bool is_private_channel(const std::string& url) {
  const std::string origin = origin_of(url);
  if (origin.starts_with("https://")) return true;
  constexpr std::string_view kScheme = "http://";
  if (!origin.starts_with(kScheme)) return false;
  const std::string_view place = std::string_view(origin).substr(kScheme.size());
  std::string_view host = place.substr(0, place.rfind(':'));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host == "localhost") return true;
  return nearness_of_address(host) == kSelf;
}

}  // namespace hearth::store
