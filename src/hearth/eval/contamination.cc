// See contamination.h. The runs of the items are kept and the tuning set streams past them, so that
// memory follows from the suite. A run is known by a hash of 64 bits.
#include "hearth/eval/contamination.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_map>

#include "hearth/base/mapped_file.h"
#include "hearth/base/random.h"
#include "hearth/eval/instructions/reply_text.h"
#include "hearth/eval/jsonl.h"
#include "hearth/eval/translation/words.h"
#include "hearth/text/tokenizer/unicode.h"

namespace hearth {
namespace {

constexpr size_t kSharedLeast = 3;  // items that have a run before it can be the suite's own
constexpr size_t kSharedPart = 20;  // one in so many
constexpr uint64_t kBase = 0x9E3779B97F4A7C15u;

using Words = std::vector<uint64_t>;  // a hash each

Words words_of(std::string_view text) {
  const std::string folded = instructions::lower(instructions::cleaned(text));
  Words out;
  for (const std::u32string& word :
       translation::tokenize(folded, translation::Tokenizer::syllables)) {
    if (word.empty() || !is_word_char(word.front())) continue;
    uint64_t hash = kFnvStart;
    for (const char32_t c : word) hash = splitmix64(hash ^ c);
    out.push_back(hash);
  }
  return out;
}

uint64_t run_hash(const Words& words, size_t begin, size_t length) {
  uint64_t hash = length;
  for (size_t i = begin; i < begin + length; ++i) hash = hash * kBase + words[i];
  return splitmix64(hash);
}

struct Run {
  size_t items = 0;   // that have it
  size_t last = 0;    // of them, plus one
  bool seen = false;  // in the tuning set
};
using Runs = std::unordered_map<uint64_t, Run>;

// Without what all of them begin and end with.
void strip_common(std::vector<Words>& all) {
  if (all.size() < 2) return;
  size_t shortest = all[0].size();
  for (const Words& words : all) shortest = std::min(shortest, words.size());
  const auto common = [&](auto at) {
    size_t n = 0;
    while (n < shortest && std::all_of(all.begin(), all.end(), [&](const Words& words) {
             return at(words, n) == at(all[0], n);
           })) {
      ++n;
    }
    return n;
  };
  const size_t begin = common([](const Words& words, size_t i) { return words[i]; });
  if (begin == shortest) return;  // one is a part of the others: nothing says where a template ends
  const size_t end =
      std::min(shortest - begin,
               common([](const Words& words, size_t i) { return words[words.size() - 1 - i]; }));
  for (Words& words : all) {
    words.erase(words.end() - static_cast<std::ptrdiff_t>(end), words.end());
    words.erase(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(begin));
  }
}

size_t run_length(const Words& words) {
  return std::min(words.size(), static_cast<size_t>(Contamination::kWords));
}

bool is_checked(const Words& words) {
  return std::ssize(words) >= Contamination::kWordsLeast;
}

// Calls `each(place, hash)` for the runs of `length` words.
template <typename Each>
void each_run(const Words& words, size_t length, const Each& each) {
  for (size_t i = 0; i + length <= words.size(); ++i) each(i, run_hash(words, i, length));
}

void each_text(const Json& value, const std::function<void(std::string_view)>& take) {
  if (value.is_string()) take(value.get_ref<const std::string&>());
  if (!value.is_structured()) return;
  for (const Json& inner : value) each_text(inner, take);
}

// The share of its words that lie in runs which the tuning set has.
double share_seen(const Words& words, const Runs& runs, size_t items) {
  const size_t shared_most = std::max(kSharedLeast - 1, items / kSharedPart);
  std::vector<bool> covered(words.size(), false);
  const size_t length = run_length(words);
  each_run(words, length, [&](size_t place, uint64_t hash) {
    const Run& run = runs.at(hash);
    if (!run.seen || run.items > shared_most) return;
    for (size_t i = place; i < place + length; ++i) covered[i] = true;
  });
  const auto n = std::count(covered.begin(), covered.end(), true);
  return static_cast<double>(n) / static_cast<double>(words.size());
}

}  // namespace

Result<Contamination> find_contamination(const std::vector<EvalItem>& items,
                                         const std::vector<std::string>& files) {
  std::vector<Words> all;
  for (const EvalItem& item : items) all.push_back(words_of(item.prompt));
  strip_common(all);
  Runs runs;
  std::set<size_t> lengths;
  for (size_t i = 0; i < all.size(); ++i) {
    if (!is_checked(all[i])) continue;
    lengths.insert(run_length(all[i]));
    each_run(all[i], run_length(all[i]), [&](size_t, uint64_t hash) {
      Run& run = runs[hash];
      if (std::exchange(run.last, i + 1) != i + 1) ++run.items;
    });
  }
  Contamination out;
  out.files = files;
  for (const std::string& path : files) {
    TRY(read_items(path, [&](const Json& line) -> Result<EvalItem> {
      each_text(line, [&](std::string_view text) {
        ++out.texts;
        const Words words = words_of(text);
        for (const size_t length : lengths) {
          each_run(words, length, [&](size_t, uint64_t hash) {
            if (const auto found = runs.find(hash); found != runs.end()) found->second.seen = true;
          });
        }
      });
      return EvalItem();
    }));
  }
  for (size_t i = 0; i < all.size(); ++i) {
    if (!is_checked(all[i])) {
      ++out.too_short;
      continue;
    }
    ++out.checked;
    const double share = share_seen(all[i], runs, items.size());
    if (share >= Contamination::kThreshold) out.items.push_back({items[i].id, share});
  }
  return out;
}

Score score_without(const Contamination& contamination, const std::vector<EvalRecord>& records) {
  std::set<std::string_view> seen;
  for (const Contamination::Item& item : contamination.items) seen.insert(item.id);
  Score out;
  for (const EvalRecord& record : records) {
    if (!seen.contains(record.id)) add(out, record);
  }
  return out;
}

Json to_json(const Contamination& c, const Score& clean) {
  Json items = Json::array();
  for (const Contamination::Item& item : c.items) {
    items.push_back({{"id", item.id}, {"share", item.share}});
  }
  const Interval ci = clean.ci95();
  return {
      {"files", c.files},
      {"words", Contamination::kWords},
      {"threshold", Contamination::kThreshold},
      {"texts", c.texts},
      {"checked", c.checked},
      {"too_short", c.too_short},
      {"items", std::move(items)},
      {"without_them", {{"n", clean.n}, {"score", clean.share()}, {"ci95", {ci.low, ci.high}}}}};
}

std::string in_words(const Contamination& c, const Score& clean) {
  std::string out = fmt::format(
      "{} of {} items have at least {:.0f} % of their words in runs of {} words that the tuning "
      "set "
      "has ({} texts).",
      c.items.size(), c.checked, 100 * Contamination::kThreshold, Contamination::kWords, c.texts);
  if (c.too_short > 0) {
    out += fmt::format(" {} items have fewer than {} words: nothing is said of them.", c.too_short,
                       Contamination::kWordsLeast);
  }
  if (c.items.empty()) return out;
  const Interval ci = clean.ci95();
  return out + fmt::format(" Without them: {:.2f} % ({:.2f} to {:.2f}) of {} items.",
                           100 * clean.share(), 100 * ci.low, 100 * ci.high, clean.n);
}

}  // namespace hearth
