// Where a step's scratch lies: address space for more than most models need, whose pages are taken
// as they are written. So the first steps take what the memory plan foretold and no more, nothing
// moves as steps grow, and what is given back goes to the system.
#pragma once

#include "hearth/backend/arena.h"

namespace hearth::cpu {

Arena::Source scratch_source();

}  // namespace hearth::cpu
