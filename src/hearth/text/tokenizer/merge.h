// The merging loop that all models share: among the neighbouring pairs that may merge, the one of
// the lowest rank goes first, the leftmost of equals. Short pieces scan for the minimum; long ones
// keep a heap beside a linked list, so that one piece of a megabyte takes O(n log n).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace hearth {

struct Symbol {
  int32_t id;      // -1: no token
  uint32_t begin;  // bytes of the piece
  uint32_t end;
};

struct Merge {
  uint32_t rank;
  int32_t id;  // of the union
};

// Room for merge_symbols, reusable.
class Merger {
 public:
  // Merges `symbols` in place. `find(left, right)` gives std::optional<Merge>.
  template <typename Find>
  void run(std::vector<Symbol>& symbols, const Find& find) {
    if (symbols.size() < 2) return;
    if (symbols.size() <= kScanMax) {
      scan(symbols, find);
    } else {
      queue(symbols, find);
    }
  }

 private:
  static constexpr size_t kScanMax = 40;
  static constexpr uint32_t kNone = UINT32_MAX;

  template <typename Find>
  void scan(std::vector<Symbol>& symbols, const Find& find) {
    // pairs_[i]: of symbols i and i + 1
    const auto pair = [&](size_t i) {
      return find(symbols[i], symbols[i + 1]).value_or(Merge{kNone, -1});
    };
    pairs_.clear();
    for (size_t i = 0; i + 1 < symbols.size(); ++i) pairs_.push_back(pair(i));
    while (!pairs_.empty()) {
      size_t best = 0;
      for (size_t i = 1; i < pairs_.size(); ++i) {
        if (pairs_[i].rank < pairs_[best].rank) best = i;
      }
      if (pairs_[best].id < 0) return;
      symbols[best] = {pairs_[best].id, symbols[best].begin, symbols[best + 1].end};
      symbols.erase(symbols.begin() + static_cast<ptrdiff_t>(best) + 1);
      pairs_.erase(pairs_.begin() + static_cast<ptrdiff_t>(best));
      if (best < pairs_.size()) pairs_[best] = pair(best);
      if (best > 0) pairs_[best - 1] = pair(best - 1);
    }
  }

  struct Link {
    uint32_t previous, next;
  };
  struct Entry {
    uint32_t rank;
    uint32_t at;   // left symbol
    uint32_t end;  // of the right symbol: tells a stale entry
    int32_t id;
  };
  struct Later {
    bool operator()(const Entry& a, const Entry& b) const {
      return a.rank != b.rank ? a.rank > b.rank : a.at > b.at;
    }
  };

  template <typename Find>
  void push(const std::vector<Symbol>& symbols, uint32_t left, const Find& find) {
    const uint32_t right = links_[left].next;
    if (right == kNone) return;
    const std::optional<Merge> merge = find(symbols[left], symbols[right]);
    if (!merge) return;
    heap_.push_back({merge->rank, left, symbols[right].end, merge->id});
    std::push_heap(heap_.begin(), heap_.end(), Later{});
  }

  template <typename Find>
  void queue(std::vector<Symbol>& symbols, const Find& find) {
    const auto count = static_cast<uint32_t>(symbols.size());
    links_.resize(count);
    heap_.clear();
    for (uint32_t i = 0; i < count; ++i) {
      links_[i] = {i == 0 ? kNone : i - 1, i + 1 == count ? kNone : i + 1};
    }
    for (uint32_t i = 0; i + 1 < count; ++i) push(symbols, i, find);
    while (!heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end(), Later{});
      const Entry entry = heap_.back();
      heap_.pop_back();
      // Stale when the left symbol is gone or grew, or the right one grew.
      if (dead(symbols, entry)) continue;
      join(symbols, entry, find);
    }
    compact(symbols);
  }

  bool dead(const std::vector<Symbol>& symbols, const Entry& entry) const {
    const Symbol& left = symbols[entry.at];
    if (left.end == left.begin) return true;
    const uint32_t right = links_[entry.at].next;
    // A left symbol that grew has swallowed its right neighbour: the ends differ.
    return right == kNone || symbols[right].end != entry.end;
  }

  template <typename Find>
  void join(std::vector<Symbol>& symbols, const Entry& entry, const Find& find) {
    const uint32_t left = entry.at;
    const uint32_t right = links_[left].next;
    symbols[left].id = entry.id;
    symbols[left].end = symbols[right].end;
    symbols[right].end = symbols[right].begin;  // empty: gone
    links_[left].next = links_[right].next;
    if (links_[right].next != kNone) links_[links_[right].next].previous = left;
    push(symbols, left, find);
    if (links_[left].previous != kNone) push(symbols, links_[left].previous, find);
  }

  static void compact(std::vector<Symbol>& symbols) {
    std::erase_if(symbols, [](const Symbol& s) { return s.begin == s.end; });
  }

  std::vector<Merge> pairs_;
  std::vector<Link> links_;
  std::vector<Entry> heap_;
};

}  // namespace hearth
