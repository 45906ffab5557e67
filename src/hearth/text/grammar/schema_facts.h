// What JSON schemas that all hold for one value say about it, gathered: $ref followed, allOf
// merged, anyOf and oneOf spread out into alternatives. A schema here is a place in the document;
// several that hold together are a Conjunction, the unit for which the compiler makes a rule.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hearth/files/json.h"
#include "hearth/text/grammar/number_range.h"

namespace hearth::grammar {

using Conjunction = std::vector<const Json*>;  // in order, each once; empty: any value

// Types as a set of bits. An integer is a number without a fraction.
enum TypeBit : uint8_t {
  kNull = 1,
  kBoolean = 2,
  kObject = 4,
  kArray = 8,
  kString = 16,
  kInteger = 32,
  kFraction = 64,  // numbers that are no integers
};
inline constexpr uint8_t kNumber = kInteger | kFraction;
inline constexpr uint8_t kAllTypes = 127;

struct Range {  // of lengths and counts
  int64_t min = 0;
  int64_t max = -1;  // kUnlimited
};

// What one schema says of an object's members; names in one schema don't count for another's
// additionalProperties.
struct ObjectPart {
  const Json* properties = nullptr;
  const Json* patterns = nullptr;    // patternProperties
  const Json* additional = nullptr;  // absent: nothing is said
};

struct ArrayPart {
  const Json* prefix = nullptr;
  const Json* items = nullptr;
};

// One alternative: all of it holds.
struct Facts {
  uint8_t types = kAllTypes;  // that may be
  uint8_t spoken_of = 0;      // by keywords of a type, where `type` itself is not said
  bool typed = false;         // `type`, `enum` or `const` was said
  std::optional<std::vector<const Json*>> values;  // enum, const
  NumberBounds numbers;
  Range length;  // of a string
  std::vector<std::string> patterns, formats;
  Range items;
  std::vector<ArrayPart> arrays;
  Range members;
  std::vector<ObjectPart> objects;
  std::vector<std::string> required;  // in the order of the schemas

  // Types that are generated: where no type is said, those that the keywords are about.
  uint8_t generated() const { return typed || spoken_of == 0 ? types : types & spoken_of; }
  void require(const std::string& name);
};

// Follows the references of one document, which must outlive it.
class SchemaReader {
 public:
  // invalid: the document is no schema at all.
  static Result<SchemaReader> open(const Json& document);

  // The alternatives of a value for which all of `schemas` hold; none: there is no such value.
  // unsupported: a keyword, named with its place.
  Result<std::vector<Facts>> alternatives(const Conjunction& schemas) const {
    return alternatives(schemas, 0);
  }
  // What a schema that is nothing but a reference stands for, else itself: so that equal references
  // are one schema. A wrong reference is itself, too: reading it says what is wrong.
  const Json* referred(const Json* schema) const;
  // Where `schema` stands in the document: "#/properties/name".
  std::string place(const Json* schema) const;
  // The place put before a message that has none yet.
  Status placed(Status status, const Json* schema) const;

 private:
  struct Open;  // a conjunction whose schemas are being read
  explicit SchemaReader(const Json& document) : document_(&document) {}

  Status collect_anchors();
  Status add(Open& open, const Json& schema, int32_t parent) const;
  Status spread(Open open, std::vector<Facts>& out) const;
  Status spread_choice(const Open& open, std::vector<Facts>& out) const;
  Status read(const Json& schema, int32_t at, Open& open) const;
  Status read_list(const Json& list, std::string_view key, int32_t at, Open& open) const;
  Result<const Json*> resolve(const Json& reference) const;
  Result<bool> disjoint(const Conjunction& a, const Conjunction& b, int depth) const;
  Result<bool> disjoint(const std::vector<Facts>& a, const std::vector<Facts>& b, int depth) const;
  Result<bool> disjoint(const Facts& a, const Facts& b, int depth) const;
  Result<bool> members_disjoint(const Facts& a, const Facts& b, int depth) const;
  Result<std::vector<Facts>> alternatives(const Conjunction& schemas, int depth) const;

  const Json* document_;
  std::map<std::string, const Json*, std::less<>> anchors_;
};

// The conjunction that holds for the member `name`; nullopt: no schema speaks of it by name.
std::optional<Conjunction> member_schemas(const Facts& facts, const std::string& name);
// What holds for members that no schema names; nullopt: nothing is said.
std::optional<Conjunction> additional_schemas(const Facts& facts);

void add_to(Conjunction& conjunction, const Json* schema);

}  // namespace hearth::grammar
