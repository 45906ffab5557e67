// Known names: what a name reader found (name_reader.h), put to what the rules find. It only adds:
// whatever the rules mask stays masked, and whatever was named is, too.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "hearth/guard/pii/masker.h"
#include "hearth/guard/pii/name_reader.h"

namespace hearth::pii {

// Of a name that a reader alone has found.
inline constexpr double kReaderScore = 0.65;

// As detect and mask without them; names and addresses count where their types are wanted.
std::vector<Entity> detect(std::string_view text, const DetectOptions& options,
                           std::span<const KnownName> known);
Result<Masked> mask(std::span<const std::string_view> texts, const DetectOptions& options,
                    std::span<const KnownName> known);

// Adds an entity wherever one of the names stands, if its type is wanted and its score enough.
// Where it overlaps some of its own type they become one: half a name masked gives the other half
// away. Where it overlaps another type, that stays, and what is left around it is added. `found`:
// in order, without overlaps, before and after.
void add_known(std::string_view text, std::span<const KnownName> known,
               const DetectOptions& options, std::vector<Entity>& found);

}  // namespace hearth::pii
