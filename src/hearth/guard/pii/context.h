// Context: words near a finding that make a type more likely ("身份证号", "passport no."), or say
// that the number is something else ("order", "订单号").
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace hearth::pii {

// What a word speaks of; a set of these is a mask.
enum class Topic : uint8_t {
  identity,  // an identity document, of whatever country
  phone,
  company,
  passport,
  permit,
  hong_kong,
  macao,
  taiwan,
  card,
  bank,
  plate,
  network,
  hardware,
  ssn,
  itin,
  nino,
  nhs,
  vat,
  german_tax,
  german_card,
  french,
  italian,
  spanish,
  polish,
  aadhaar,
  korean,
  singapore,
  thai,
  south_african,
  imei,
  wallet,
  position,
  birth,
  password,
  unrelated,  // orders, versions, serial numbers, times: the number is no one's
};
using Topics = uint64_t;

constexpr Topics topic(Topic t) {
  return Topics{1} << static_cast<int>(t);
}
template <typename... More>
constexpr Topics topics(Topic first, More... more) {
  return topic(first) | (Topics{0} | ... | topic(more));
}

// Topics whose every word speaks of one country's documents. Not those with a word that says
// something else in everyday text: `nie`, `fin`, `bir`, 税号.
inline constexpr Topics kCountryTopics =
    topics(Topic::hong_kong, Topic::taiwan, Topic::nino, Topic::nhs, Topic::german_card,
           Topic::french, Topic::italian, Topic::polish, Topic::aadhaar, Topic::korean, Topic::thai,
           Topic::south_african);

// A word in lower case. A word of ASCII letters stands alone in the text, or, ending in `*` here,
// may go on ("phone*": phones, phoneNumber); `*` is not part of it.
struct ContextWord {
  Topic topic;
  std::string_view word;
};
std::span<const ContextWord> context_words();

// How far from a finding a word is still heard, in bytes.
inline constexpr size_t kContextBefore = 96;
inline constexpr size_t kContextAfter = 36;

}  // namespace hearth::pii
