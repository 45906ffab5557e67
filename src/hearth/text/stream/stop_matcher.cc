// See stop_matcher.h.
#include "hearth/text/stream/stop_matcher.h"

#include <algorithm>
#include <deque>

namespace hearth {

StopMatcher::StopMatcher(const std::vector<std::string>& stops) : nodes_(1) {
  for (const std::string& stop : stops) {
    int32_t node = 0;
    for (char c : stop) {
      const auto found = nodes_[static_cast<size_t>(node)].next.find(c);
      if (found != nodes_[static_cast<size_t>(node)].next.end()) {
        node = found->second;
        continue;
      }
      const auto fresh = static_cast<int32_t>(nodes_.size());
      nodes_.push_back({});
      nodes_.back().depth = nodes_[static_cast<size_t>(node)].depth + 1;
      nodes_[static_cast<size_t>(node)].next[c] = fresh;
      node = fresh;
    }
    nodes_[static_cast<size_t>(node)].length = stop.size();
  }
  // Failure links by breadth; a node also ends the stops that end at its failure node.
  std::deque<int32_t> queue;
  for (const auto& [c, child] : nodes_[0].next) queue.push_back(child);
  while (!queue.empty()) {
    const int32_t node = queue.front();
    queue.pop_front();
    for (const auto& [c, child] : nodes_[static_cast<size_t>(node)].next) {
      const int32_t fail = step(nodes_[static_cast<size_t>(node)].fail, c);
      Node& target = nodes_[static_cast<size_t>(child)];
      target.fail = fail;
      target.length = std::max(target.length, nodes_[static_cast<size_t>(fail)].length);
      queue.push_back(child);
    }
  }
}

int32_t StopMatcher::step(int32_t node, char c) const {
  for (;;) {
    const Node& here = nodes_[static_cast<size_t>(node)];
    const auto found = here.next.find(c);
    if (found != here.next.end()) return found->second;
    if (node == 0) return 0;
    node = here.fail;
  }
}

std::string StopMatcher::push(std::string_view text) {
  if (matched_) return {};
  for (char c : text) {
    held_ += c;
    at_ = step(at_, c);
    if (const size_t length = nodes_[static_cast<size_t>(at_)].length) {
      matched_ = true;
      std::string before = held_.substr(0, held_.size() - length);
      held_.clear();
      return before;
    }
  }
  // The node's depth is the longest end of the text that begins a stop.
  const size_t certain = held_.size() - nodes_[static_cast<size_t>(at_)].depth;
  std::string out = held_.substr(0, certain);
  held_.erase(0, certain);
  return out;
}

std::string StopMatcher::finish() {
  std::string out = std::move(held_);
  held_.clear();
  at_ = 0;
  return out;
}

}  // namespace hearth
