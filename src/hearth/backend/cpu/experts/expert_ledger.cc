// See expert_ledger.h.
#include "hearth/backend/cpu/experts/expert_ledger.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "hearth/base/check.h"

namespace hearth::cpu {

ExpertLedger::ExpertLedger(int64_t budget, double half_life)
    : budget_(budget), half_life_(half_life) {}

int64_t ExpertLedger::add_layer(std::span<const int64_t> expert_bytes) {
  const int64_t first = size();
  const auto layer = static_cast<int32_t>(layers_.size());
  for (const int64_t bytes : expert_bytes) {
    CHECK(bytes > 0);
    Item item;
    item.layer = layer;
    item.bytes = bytes;
    experts_.push_back(item);
  }
  layers_.push_back({first, size()});
  return first;
}

// A step of many tokens counts as they would have one by one, their uses spread evenly: the uses
// before it fade by all of them, its own by what a series of that length comes to.
void ExpertLedger::use(int64_t first, std::span<const int64_t> uses, int64_t rows) {
  Layer& layer = layers_[static_cast<size_t>(of(first).layer)];
  layer.time += static_cast<double>(rows);
  const double fading = std::numbers::ln2 / half_life_ * static_cast<double>(rows);
  const double share = rows == 1 ? 1 : (1 - std::exp(-fading)) / fading;
  for (size_t i = 0; i < uses.size(); ++i) {
    if (uses[i] == 0) continue;
    Item& item = of(first + static_cast<int64_t>(i));
    const double faded = item.uses * std::exp2((item.at - layer.time) / half_life_);
    item.uses = faded + static_cast<double>(uses[i]) * share;
    item.at = layer.time;
    item.rank = std::log2(item.uses) + item.at / half_life_;
  }
}

int64_t ExpertLedger::entitled() const {
  return budget_ / static_cast<int64_t>(layers_.size());
}

int64_t ExpertLedger::lowest(const Layer& layer) const {
  int64_t found = -1;
  for (int64_t e = layer.first; e < layer.end; ++e) {
    const Item& item = of(e);
    if (!item.held || item.pins > 0) continue;
    if (found < 0 || item.rank < of(found).rank) found = e;
  }
  return found;
}

// Of the newcomer's own layer where that has its part; else of the layer that is furthest above
// its part; else whatever may go.
int64_t ExpertLedger::next_victim(const Item& newcomer) const {
  const Layer& own = layers_[static_cast<size_t>(newcomer.layer)];
  if (own.used + newcomer.bytes > entitled()) {
    if (const int64_t found = lowest(own); found >= 0) return found;
  }
  int64_t best = -1;
  int64_t most = -1;
  for (const Layer& layer : layers_) {
    if (layer.used <= most) continue;
    const int64_t found = lowest(layer);
    if (found < 0) continue;
    best = found;
    most = layer.used;
  }
  return best;
}

bool ExpertLedger::admit(int64_t expert, std::vector<int64_t>& gone) {
  Item& item = of(expert);
  CHECK(!item.held);
  if (budget_ - pinned_ < item.bytes) return false;
  while (budget_ - used_ < item.bytes) {
    const int64_t victim = next_victim(item);
    CHECK(victim >= 0);
    let_go(victim);
    gone.push_back(victim);
  }
  item.held = true;
  item.pins = 1;
  used_ += item.bytes;
  pinned_ += item.bytes;
  layers_[static_cast<size_t>(item.layer)].used += item.bytes;
  return true;
}

void ExpertLedger::let_go(int64_t expert) {
  Item& item = of(expert);
  CHECK(item.held && item.pins == 0);
  item.held = false;
  used_ -= item.bytes;
  layers_[static_cast<size_t>(item.layer)].used -= item.bytes;
}

void ExpertLedger::pin(int64_t expert) {
  Item& item = of(expert);
  CHECK(item.held);
  if (item.pins++ == 0) pinned_ += item.bytes;
}

void ExpertLedger::unpin(int64_t expert) {
  Item& item = of(expert);
  CHECK(item.held && item.pins > 0);
  if (--item.pins == 0) pinned_ -= item.bytes;
}

}  // namespace hearth::cpu
