// ChunkPolicy: how much of the prompts a step may compute while other sequences generate. Each of
// their tokens waits for the whole step, so a step that is too long for a reader is cut to half as
// many rows, and to half of that, as long as rows don't cost much more in smaller steps: a dense
// model hardly notices, a mixture of experts reads nearly as many weights for fewer rows. What a
// row costs is measured as steps go by. What it chooses changes the time of an answer, never its
// tokens.
#pragma once

#include <cstdint>
#include <vector>

namespace hearth {

class ChunkPolicy {
 public:
  // `rows_max` of any step; `seconds_max`: of a step in which others generate, 0: no bound.
  ChunkPolicy(int64_t rows_max, double seconds_max);

  // Rows of prompts that a step may have beside sequences that generate.
  int64_t rows() const;
  // A step of so many rows, some of them of prompts, took this long.
  void step_took(int64_t rows, double seconds);

 private:
  struct Size {
    int64_t rows;
    double seconds_per_row = 0;  // 0: not measured
    int64_t measured_at = 0;     // in steps with prompts
  };
  double seconds_max_;
  int64_t steps_ = 0;
  std::vector<Size> sizes_;  // from rows_max down, each half of the one before; one where unbounded
};

}  // namespace hearth
