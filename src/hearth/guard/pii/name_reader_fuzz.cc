// read_names on any text and any reply (behind the first 0xff): what is believed stands in the
// text, and joined with what the rules find nothing overlaps and nothing that was found is lost.
#include <algorithm>
#include <array>

#include "hearth/base/check.h"
#include "hearth/files/fuzz_tools.h"
#include "hearth/guard/pii/known_names.h"
#include "hearth/guard/pii/unmasker.h"

namespace hearth::pii {
namespace {

constexpr std::array<std::string_view, 10> kPieces = {
    R"([{"type":"PERSON","text":"Ada Q"}])",
    R"({"type":"ADDRESS","text":"Ada Q, 9 Oak St"},)",
    "Ada Q, 9 Oak St",
    "Mr. Ada Q",
    "ada.q@example.org",
    "李白",
    "\xff",
    "[PERSON_1]",
    "\\u0041",
    "]"};

bool is_masked(const std::vector<Entity>& entities, size_t at) {
  return std::any_of(entities.begin(), entities.end(),
                     [&](const Entity& e) { return e.start <= at && at < e.end; });
}

void check(std::string_view text, const std::vector<KnownName>& names) {
  DetectOptions options;
  options.types = TypeSet::all();
  const std::vector<Entity> rules = detect(text, options);
  const std::vector<Entity> both = detect(text, options, names);
  size_t end = 0;
  for (const Entity& e : both) {
    CHECK(end <= e.start && e.start < e.end && e.end <= text.size());
    end = e.end;
  }
  for (const Entity& e : rules) {
    for (size_t at = e.start; at < e.end; ++at) CHECK(is_masked(both, at));
  }
  const std::string_view texts[] = {text};
  const auto masked = mask(texts, options, names);
  CHECK(masked.has_value());
  CHECK(unmask(masked->texts[0].text, masked->vault) == text);
}

}  // namespace
}  // namespace hearth::pii

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  using namespace hearth::pii;
  const std::string_view all = text_of(data, size);
  const size_t border = std::min(all.find('\xff'), all.size());
  const std::string_view text = all.substr(0, border);
  const std::string reply(all.substr(std::min(border + 1, all.size())));
  for (const bool whole : {true, false}) {
    const auto read = read_names(text, [&](const std::string&) -> Result<ReaderReply> {
      return ReaderReply{reply, whole};
    });
    CHECK(read.has_value());
    for (const KnownName& name : read->names) CHECK(!places_of(name.text, text).empty());
    check(text, read->names);
  }
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace hearth;
  return mutate_pieces_input(data, size, max_size, seed, pii::kPieces);
}
