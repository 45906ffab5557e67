// SipHash against the authors' vector and, over random keys and lengths, against OpenSSL's.
#include "hearth/base/siphash.h"

#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>

#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "hearth/base/check.h"

namespace hearth {
namespace {

uint64_t ours(const std::vector<uint8_t>& key, const std::vector<uint8_t>& message) {
  SipKey k;
  std::memcpy(&k.low, key.data(), 8);
  std::memcpy(&k.high, key.data() + 8, 8);
  SipHash hash(k);
  size_t at = 0;
  uint64_t word = 0;
  for (; at + 8 <= message.size(); at += 8) {
    std::memcpy(&word, message.data() + at, 8);
    hash.absorb(word);
  }
  uint64_t rest = 0;
  for (size_t i = at; i < message.size(); ++i) rest |= uint64_t{message[i]} << (8 * (i - at));
  return hash.finish(rest, message.size() - at);
}

uint64_t openssls(const std::vector<uint8_t>& key, const std::vector<uint8_t>& message) {
  const std::unique_ptr<EVP_MAC, decltype(&EVP_MAC_free)> mac(
      EVP_MAC_fetch(nullptr, "SIPHASH", nullptr), EVP_MAC_free);
  CHECK(mac != nullptr);
  const std::unique_ptr<EVP_MAC_CTX, decltype(&EVP_MAC_CTX_free)> context(
      EVP_MAC_CTX_new(mac.get()), EVP_MAC_CTX_free);
  size_t size = 8;
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
                               OSSL_PARAM_construct_end()};
  uint64_t out = 0;
  CHECK(EVP_MAC_init(context.get(), key.data(), key.size(), params) == 1);
  CHECK(EVP_MAC_update(context.get(), message.data(), message.size()) == 1);
  CHECK(EVP_MAC_final(context.get(), reinterpret_cast<uint8_t*>(&out), &size, sizeof(out)) == 1);
  return out;
}

TEST(SipHash, GivesTheNumberOfItsPaper) {
  std::vector<uint8_t> key(16), message(15);
  for (size_t i = 0; i < key.size(); ++i) key[i] = static_cast<uint8_t>(i);
  for (size_t i = 0; i < message.size(); ++i) message[i] = static_cast<uint8_t>(i);
  EXPECT_EQ(ours(key, message), 0xA129CA6149BE45E5u);
}

TEST(SipHash, IsOpenSslsOfEveryLength) {
  std::mt19937 random(3);
  for (size_t length = 0; length <= 40; ++length) {
    std::vector<uint8_t> key(16), message(length);
    for (uint8_t& byte : key) byte = static_cast<uint8_t>(random());
    for (uint8_t& byte : message) byte = static_cast<uint8_t>(random());
    EXPECT_EQ(ours(key, message), openssls(key, message)) << length;
  }
}

template <typename Words>
void expect_each_is_one(const SipHash& hash, std::mt19937_64& random) {
  Words rests, numbers;
  constexpr size_t kLanes = sizeof(Words) / sizeof(uint64_t);
  for (uint64_t bytes = 0; bytes < 8; ++bytes) {
    for (size_t i = 0; i < kLanes; ++i) rests[i] = random() & ((uint64_t{1} << 8 * bytes) - 1);
    hash.finish_each(rests, bytes, numbers);
    for (size_t i = 0; i < kLanes; ++i) EXPECT_EQ(numbers[i], hash.finish(rests[i], bytes));
  }
}

TEST(SipHash, SeveralAtOnceAreTheSameNumbers) {
  typedef uint64_t Two __attribute__((vector_size(16)));
  typedef uint64_t Eight __attribute__((vector_size(64)));
  std::mt19937_64 random(5);
  SipHash hash({random(), random()});
  for (int words = 0; words < 4; ++words) {
    expect_each_is_one<Two>(hash, random);
    expect_each_is_one<Eight>(hash, random);
    hash.absorb(random());
  }
}

TEST(SipHash, NumbersStayInsideTheOpenUnit) {
  EXPECT_GT(open_unit(0), 0);
  EXPECT_LT(open_unit(~uint64_t{0}), 1);
}

}  // namespace
}  // namespace hearth
