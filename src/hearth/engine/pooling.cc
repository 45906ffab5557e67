// See pooling.h.
#include "hearth/engine/pooling.h"

#include <cmath>

#include "hearth/base/check.h"

namespace hearth {

std::string_view pooling_name(Pooling pooling) {
  return pooling == Pooling::mean ? "mean" : "last";
}

std::optional<Pooling> find_pooling(std::string_view name) {
  for (Pooling pooling : {Pooling::mean, Pooling::last}) {
    if (pooling_name(pooling) == name) return pooling;
  }
  return std::nullopt;
}

Hidden hidden_of(Pooling pooling) {
  return pooling == Pooling::mean ? Hidden::every : Hidden::last;
}

void Pooler::add(std::span<const float> state) {
  sum_.resize(state.size(), 0.0);
  for (size_t i = 0; i < state.size(); ++i) sum_[i] += static_cast<double>(state[i]);
}

// The length takes the count of states with it.
std::vector<float> Pooler::embedding() const {
  CHECK(!sum_.empty());
  double squares = 0;
  for (double v : sum_) squares += v * v;
  const double length = squares > 0 ? std::sqrt(squares) : 1.0;
  std::vector<float> out;
  out.reserve(sum_.size());
  for (double v : sum_) out.push_back(static_cast<float>(v / length));
  return out;
}

}  // namespace hearth
