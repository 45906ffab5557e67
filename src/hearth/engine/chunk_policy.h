// ChunkPolicy: how much of the prompts a step may compute while other sequences generate. Each of
// their tokens waits for the whole step, so a step that is too long for a reader has half as many
// rows of prompts, and half of that, as long as these rows don't cost much more in smaller steps: a
// dense model hardly notices, a mixture of experts reads nearly as many weights for fewer rows.
// What a row costs is measured as steps go by: by what a step takes longer than one without
// prompts, for the weights that answers have read are free. What it chooses changes the time of an
// answer, never its tokens.
#pragma once

#include <cstdint>
#include <vector>

namespace hearth {

class ChunkPolicy {
 public:
  // `rows_max` of any step; `seconds_max`: of a step in which others generate, 0: no bound.
  ChunkPolicy(int64_t rows_max, double seconds_max);

  // Rows of prompts that a step may have beside sequences that generate, whose rows alone would
  // take `answers_seconds`. Where answers take long themselves, prompts may take as long as they.
  int64_t rows(double answers_seconds) const;
  // So many rows of prompts took this long: all of a step but what its other rows take alone.
  void chunks_took(int64_t rows, double seconds);

 private:
  struct Size {
    int64_t rows;
    double seconds_per_row = 0;  // as the machine is now; 0: not measured
    int64_t measured_at = 0;     // in steps with prompts
  };
  bool is_stale(const Size& size) const;

  double seconds_max_;
  int64_t steps_ = 0;
  std::vector<Size> sizes_;  // from rows_max down, each half of the one before; one where unbounded
  int64_t last_ = -1;        // of sizes_, the one measured last
};

}  // namespace hearth
