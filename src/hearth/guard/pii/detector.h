// Detector: the personal data in a text. One walk of the automaton over the bytes finds digits,
// literals and context words; recognisers look only where something stands. Linear in the text.
#pragma once

#include <string_view>
#include <vector>

#include "hearth/guard/pii/entity.h"

namespace hearth::pii {

struct DetectOptions {
  TypeSet types = TypeSet::by_default();
  double score_min = 0.5;
};

// What was found, in order, without overlaps: of two that overlap the surer one stays, of two
// equally sure ones the longer. `text` is UTF-8; bytes that are none part what stands beside them.
// At most 4 GiB.
std::vector<Entity> detect(std::string_view text, const DetectOptions& options = {});

}  // namespace hearth::pii
