// Relations as values: equations keep both sides, inequalities in one variable become intervals.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hearth/eval/math/answer.h"

namespace hearth::math {

// operands[0] ops[0] operands[1] ops[1] ...; `x in S` is S, an inequality whose one side (or
// middle) is a variable is the interval it lies in. Of a chain of = the ends count. nullopt: any
// other mix.
std::optional<Answer> relation_of(std::vector<Answer> operands, const std::vector<std::string>& ops,
                                  Algebra& algebra);

// a = b and c = d say the same: a - b is c - d times a number and a product of atoms.
bool same_equation(const Scalar& left_a, const Scalar& right_a, const Scalar& left_b,
                   const Scalar& right_b);

}  // namespace hearth::math
