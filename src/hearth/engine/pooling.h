// Pooling: the hidden states of a text to one vector of length 1, its embedding. A decoder's last
// state has seen the whole text, so models that were trained to embed are asked for it; models that
// were not embed better by the mean of all states.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "hearth/engine/engine.h"

namespace hearth {

enum class Pooling : uint8_t { mean, last };

std::string_view pooling_name(Pooling pooling);
std::optional<Pooling> find_pooling(std::string_view name);
// What a request must ask the engine for.
Hidden hidden_of(Pooling pooling);

// The mean of the states that were added, divided by its length. Sums run in double, in the order
// of positions: the same bits however the prompt was cut into steps.
class Pooler {
 public:
  void add(std::span<const float> state);
  // At least one state was added. A mean of length 0 stays 0.
  std::vector<float> embedding() const;

 private:
  std::vector<double> sum_;
};

}  // namespace hearth
