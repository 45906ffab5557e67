// See entity.h.
#include "hearth/guard/pii/entity.h"

#include <array>

namespace hearth::pii {
namespace {

constexpr std::array<std::string_view, kTypes> kNames = {
#define HEARTH_PII_TYPE(id, name) name,
#include "hearth/guard/pii/types.def"
#undef HEARTH_PII_TYPE
};

}  // namespace

std::string_view type_name(Type type) {
  return kNames[static_cast<size_t>(type)];
}

std::optional<Type> find_type(std::string_view name) {
  for (size_t i = 0; i < kTypes; ++i) {
    if (kNames[i] == name) return static_cast<Type>(i);
  }
  return std::nullopt;
}

TypeSet TypeSet::all() {
  TypeSet out;
  out.bits_.set();
  return out;
}

TypeSet TypeSet::by_default() {
  TypeSet out = all();
  out.set(Type::person, false);
  out.set(Type::address, false);
  return out;
}

}  // namespace hearth::pii
