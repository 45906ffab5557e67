// See needle.h. A sentence is drawn by its place alone, so that a longer text of the same number
// begins as a shorter one does, and the engine's prefix cache shares what comes before a needle.
#include "hearth/eval/needle.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "hearth/base/random.h"

namespace hearth {
namespace {

constexpr int64_t kLengthMin = 128, kLengthMax = int64_t{1} << 24;
constexpr size_t kListMax = 64;
constexpr int64_t kTokensMax = int64_t{1} << 28;  // of all prompts: about 1 GiB of text
constexpr int64_t kReplyTokensMax = 4096;
constexpr int64_t kTemplateTokens = 64;  // of the chat template around a prompt
constexpr int kFittings = 24;

constexpr std::array<std::string_view, 20> kWho = {
    "The baker",     "A fisherman",    "Her neighbour", "The old clerk", "A young painter",
    "The gardener",  "My aunt",        "The postman",   "A carpenter",   "The night nurse",
    "The librarian", "A train driver", "His cousin",    "The tailor",    "A shepherd",
    "The teacher",   "The plumber",    "A sailor",      "The conductor", "A beekeeper"};
constexpr std::array<std::string_view, 20> kDid = {
    "counted the lanterns",  "repaired a wooden cart",   "waited for the rain",
    "folded a blue blanket", "wrote a short letter",     "carried two baskets",
    "painted the gate",      "looked for a lost key",    "swept the stairs",
    "watered the roses",     "listened to the bells",    "read yesterday's paper",
    "boiled some water",     "tied a rope to the fence", "sold the last apples",
    "opened every window",   "sang an old song",         "sharpened a knife",
    "fed the grey horse",    "mended a torn sail"};
constexpr std::array<std::string_view, 20> kWhere = {
    "behind the mill",        "near the harbour",     "in the quiet square",  "under the bridge",
    "beside the river",       "at the edge of town",  "in front of the inn",  "on the north road",
    "above the workshop",     "inside the old tower", "by the station",       "across the field",
    "next to the bakery",     "in the narrow street", "below the vineyard",   "on the wet platform",
    "outside the small shop", "along the canal",      "between two orchards", "at the crossing"};
constexpr std::array<std::string_view, 12> kWhen = {
    "before noon",  "that evening",     "on a cold morning",    "all day long",
    "after supper", "in late autumn",   "during the holiday",   "without any hurry",
    "once more",    "for a whole hour", "as the sun went down", "a week later"};
constexpr std::array<std::string_view, 16> kNames = {
    "Amber", "Birch",   "Cedar", "Dune",  "Ember", "Frost", "Grove", "Heron",
    "Iris",  "Juniper", "Lark",  "Maple", "Otter", "Raven", "Slate", "Thorn"};
constexpr std::array<std::string_view, 8> kPlaces = {"Library", "Bridge", "Harbour", "Archive",
                                                     "Station", "Mill",   "Tower",   "Garden"};

constexpr std::string_view kOpening =
    "Below is a long text. Somewhere in it is a secret number. Remember it; a question about it "
    "follows the text.\n\n";

template <size_t n>
std::string_view pick(const std::array<std::string_view, n>& from, uint64_t& state) {
  state += kSplitMixStep;
  return from[(splitmix64(state) >> 32) % n];
}

std::string sentence(uint64_t text_seed, int64_t place) {
  uint64_t state = splitmix64(text_seed + static_cast<uint64_t>(place));
  const std::string_view who = pick(kWho, state), did = pick(kDid, state);
  const std::string_view where = pick(kWhere, state), when = pick(kWhen, state);
  return fmt::format("{} {} {} {}.", who, did, where, when);
}

struct Needle {
  std::string thing, number;

  Needle(uint64_t seed) {
    uint64_t state = seed;
    const std::string_view name = pick(kNames, state);
    thing = fmt::format("{} {}", name, pick(kPlaces, state));
    state += kSplitMixStep;
    number = std::to_string(1'000'000 + (splitmix64(state) >> 32) % 9'000'000);
  }
  std::string fact() const {
    return fmt::format("The secret number of the {} is {}.", thing, number);
  }
  std::string question() const {
    return fmt::format(
        "\n\nWhat is the secret number of the {} that the text names? Answer with the number "
        "alone.",
        thing);
  }
};

std::string prompt_of(uint64_t text_seed, int64_t sentences, double depth, const Needle& needle) {
  const auto before = std::llround(depth / 100 * static_cast<double>(sentences));
  std::string text(kOpening);
  for (int64_t i = 0; i < sentences; ++i) {
    if (i == before) text += needle.fact() + " ";
    text += sentence(text_seed, i);
    if (i + 1 < sentences) text += ' ';
  }
  if (before == sentences) {
    if (sentences > 0) text += ' ';
    text += needle.fact();
  }
  return text + needle.question();
}

// The prompt with as many sentences as fit: guessed from what a sentence has on average, then
// corrected by what the whole is found to have.
std::string fitted_prompt(uint64_t text_seed, int64_t length, double depth, const Needle& needle,
                          const CountTokens& count) {
  constexpr int64_t kSample = 50;
  std::string sample;
  for (int64_t i = 0; i < kSample; ++i) sample += sentence(text_seed, i) + " ";
  const double each = std::max(1.0, static_cast<double>(count(sample)) / kSample);
  int64_t fits = 0, too_many = length + 1;  // a sentence has a token at least
  auto guess = static_cast<int64_t>(static_cast<double>(length) / each);
  for (int i = 0; i < kFittings && too_many - fits > 1; ++i) {
    guess = std::clamp(guess, fits + 1, too_many - 1);
    const int64_t tokens = count(prompt_of(text_seed, guess, depth, needle));
    (tokens <= length ? fits : too_many) = guess;
    const double left = static_cast<double>(length - tokens) / each;
    guess += static_cast<int64_t>(std::floor(left));
  }
  return prompt_of(text_seed, fits, depth, needle);
}

Status check(const NeedleOptions& options) {
  const auto counted = [](size_t n) { return n > 0 && n <= kListMax; };
  if (!counted(options.lengths.size()) || !counted(options.depths.size())) {
    return error(Code::invalid, "needle: expected 1 to {} lengths and depths, found {} and {}",
                 kListMax, options.lengths.size(), options.depths.size());
  }
  double tokens = 0;
  for (const int64_t length : options.lengths) {
    if (length < kLengthMin || length > kLengthMax) {
      return error(Code::invalid, "--lengths: expected {} to {} tokens, found {}", kLengthMin,
                   kLengthMax, length);
    }
    tokens += static_cast<double>(length);
  }
  for (const double depth : options.depths) {
    if (!(depth >= 0 && depth <= 100)) {
      return error(Code::invalid, "--depths: expected 0 to 100 percent, found {}", depth);
    }
  }
  tokens *= static_cast<double>(options.depths.size()) * static_cast<double>(options.needles);
  if (tokens <= static_cast<double>(kTokensMax)) return Status::ok();
  return error(Code::invalid, "needle: expected at most {} tokens in all prompts, found {:.0f}",
               kTokensMax, tokens);
}

// Digits with what stands between groups of them taken out: "1,234 567" is 1234567.
std::string joined_digits(std::string_view text) {
  const auto digit = [&](size_t i) { return i < text.size() && text[i] >= '0' && text[i] <= '9'; };
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool between = i > 0 && digit(i - 1) && digit(i + 1);
    if (between && (text[i] == ',' || text[i] == ' ' || text[i] == '_')) continue;
    out += text[i];
  }
  return out;
}

// Right when the number stands in the reply with no other digit beside it.
Result<Judgement> judge(const EvalItem& item, std::string_view reply) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  const std::string joined = joined_digits(reply);
  for (const std::string_view text : {reply, std::string_view(joined)}) {
    for (size_t at = text.find(item.answer); at != text.npos; at = text.find(item.answer, at + 1)) {
      const size_t end = at + item.answer.size();
      const bool alone =
          (at == 0 || !digit(text[at - 1])) && (end == text.size() || !digit(text[end]));
      if (alone) return judgement_of(true);
    }
  }
  return Judgement{0, "the number is not in the reply"};
}

}  // namespace

Suite needle_suite(const NeedleOptions& options) {
  Suite suite;
  suite.name = "needle";
  suite.description = "a fact at a depth of a long text, made from --seed";
  suite.max_tokens = kReplyTokensMax;
  suite.temperature = 0.6;
  suite.top_p = 0.95;
  suite.judge = judge;
  suite.prompt_tokens = kTemplateTokens;
  for (const int64_t length : options.lengths) {
    suite.prompt_tokens = std::max(suite.prompt_tokens, length + kTemplateTokens);
  }
  return suite;
}

Result<std::vector<EvalItem>> needle_items(const NeedleOptions& options, const CountTokens& count) {
  TRY(check(options));
  std::vector<EvalItem> items;
  for (const int64_t length : options.lengths) {
    for (const double depth : options.depths) {
      for (int64_t number = 0; number < options.needles; ++number) {
        // Texts differ by number alone, needles by everything: none can be guessed from another.
        const uint64_t text_seed = splitmix64(options.seed + fnv1a(fmt::format("text {}", number)));
        const std::string name = fmt::format("{}/{:g}/{}", length, depth, number);
        const Needle needle(splitmix64(options.seed + fnv1a(name)));
        EvalItem& item = items.emplace_back();
        item.id = "needle/" + name;
        item.cell = {fmt::format("{} tokens", length), fmt::format("{:g} %", depth)};
        item.prompt = fitted_prompt(text_seed, length, depth, needle, count);
        item.answer = needle.number;
      }
    }
  }
  return items;
}

}  // namespace hearth
