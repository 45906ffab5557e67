// See known_names.h.
#include "hearth/guard/pii/known_names.h"

#include <algorithm>
#include <map>

#include "hearth/guard/pii/characters.h"

namespace hearth::pii {
namespace {

class Joined {
 public:
  Joined(std::string_view text, const std::vector<Entity>& found) : text_(text) {
    for (const Entity& e : found) by_start_.emplace(e.start, e);
  }

  void add(Entity added) {
    for (auto other = overlapping(added); other != by_start_.end(); other = overlapping(added)) {
      if (other->second.type != added.type) return add_around(other->second, added);
      added.start = std::min(added.start, other->second.start);
      added.end = std::max(added.end, other->second.end);
      added.score = std::max(added.score, other->second.score);
      by_start_.erase(other);
    }
    by_start_.emplace(added.start, added);
  }

  std::vector<Entity> all() const {
    std::vector<Entity> out;
    for (const auto& [start, entity] : by_start_) out.push_back(entity);
    return out;
  }

 private:
  using ByStart = std::map<size_t, Entity>;

  // The last one that overlaps, since a part before it may overlap others.
  ByStart::iterator overlapping(const Entity& e) {
    const auto after = by_start_.lower_bound(e.end);
    if (after == by_start_.begin()) return by_start_.end();
    const auto last = std::prev(after);
    return last->second.end > e.start ? last : by_start_.end();
  }

  void add_around(const Entity other, const Entity& added) {
    if (added.start < other.start) add_part(added, added.start, other.start);
    if (added.end > other.end) add_part(added, other.end, added.end);
  }

  // Without the spaces and punctuation at its ends; nothing where nothing else is left.
  void add_part(Entity part, size_t start, size_t end) {
    const auto is_mark = [&](size_t at) { return is_ascii(text_[at]) && !is_alnum(text_[at]); };
    while (start < end && is_mark(start)) ++start;
    while (start < end && is_mark(end - 1)) --end;
    if (start == end) return;
    part.start = start;
    part.end = end;
    add(part);
  }

  const std::string_view text_;
  ByStart by_start_;
};

}  // namespace

void add_known(std::string_view text, std::span<const KnownName> known,
               const DetectOptions& options, std::vector<Entity>& found) {
  if (known.empty() || kReaderScore < options.score_min) return;
  Joined joined(text, found);
  for (const KnownName& name : known) {
    if (!options.types.has(name.type)) continue;
    for (const size_t at : places_of(name.text, text)) {
      joined.add({name.type, at, at + name.text.size(), kReaderScore, "name_reader"});
    }
  }
  found = joined.all();
}

std::vector<Entity> detect(std::string_view text, const DetectOptions& options,
                           std::span<const KnownName> known) {
  std::vector<Entity> found = detect(text, options);
  add_known(text, known, options, found);
  return found;
}

}  // namespace hearth::pii
