// What can be found in a text: the types of personal data, and one finding of such a type.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace hearth::pii {

// Person and address are guesses by dictionary and context; they are off unless a policy asks.
enum class Type : uint8_t {
#define HEARTH_PII_TYPE(id, name) id,
#include "hearth/guard/pii/types.def"
#undef HEARTH_PII_TYPE
};
inline constexpr size_t kTypes = static_cast<size_t>(Type::address) + 1;

std::string_view type_name(Type type);  // "MOBILE"
std::optional<Type> find_type(std::string_view name);

class TypeSet {
 public:
  static TypeSet all();
  static TypeSet by_default();  // all but person and address

  bool has(Type type) const { return bits_[static_cast<size_t>(type)]; }
  void set(Type type, bool on) { bits_[static_cast<size_t>(type)] = on; }
  bool operator==(const TypeSet&) const = default;

 private:
  std::bitset<kTypes> bits_;
};

struct Entity {
  Type type = Type::cn_id;
  size_t start = 0;  // bytes of the text
  size_t end = 0;    // one past the last byte
  double score = 0;  // in (0, 1]: how sure the recogniser is, context included
  std::string_view recogniser;

  bool operator==(const Entity&) const = default;
};

}  // namespace hearth::pii
