// Name reader: persons and addresses that somebody who can read finds in a text, such as a language
// model, beside what dictionary and rules find. The guard knows no models: whoever calls brings a
// function that answers questions. A reader only adds: what it names counts where the text has it
// letter by letter. Nothing that a text says to its reader takes away what the rules find.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/status.h"
#include "hearth/guard/pii/entity.h"

namespace hearth::pii {

// Somebody's name or address, wherever it stands in a text.
struct KnownName {
  Type type = Type::person;  // or address
  std::string text;

  bool operator==(const KnownName&) const = default;
};

// What came back to a question: JSON of the form of `name_reader_schema`, cut off where it grew
// longer than the reader may write.
struct ReaderReply {
  std::string text;
  bool whole = true;
};
using AskReader = std::function<Result<ReaderReply>(const std::string& question)>;

struct NamesRead {
  std::vector<KnownName> names;  // each once, in the order in which they were read
  int64_t passages = 0;          // questions that were asked
  int64_t cut = 0;               // replies that were cut off, or not of the form
  int64_t unfounded = 0;         // names that are not in their passage, or can't be names
};

inline constexpr size_t kReadBytesMax = 1 << 20;  // of a text
inline constexpr size_t kPassageBytes = 1200;     // at most
inline constexpr size_t kPassageOverlap = 200;    // at least: a name at a border is whole in one
inline constexpr size_t kNameBytesMax = 160;

// A JSON schema: an array of at most 32 {"type": "PERSON" | "ADDRESS", "text"}.
std::string_view name_reader_schema();

// Asks about one passage after the other. invalid: the text is longer than kReadBytesMax; errors of
// the reader are the caller's.
Result<NamesRead> read_names(std::string_view text, const AskReader& ask);

// Where `name` stands in `text` by itself: no letter goes on before or behind it. In order.
std::vector<size_t> places_of(std::string_view name, std::string_view text);

// The passages of a text, in order; together they have all of it.
std::vector<std::string_view> passages_of(std::string_view text);

}  // namespace hearth::pii
