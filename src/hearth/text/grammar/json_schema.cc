// See json_schema.h. A rule for each conjunction of schemas that is met, so that recursive schemas
// become recursive rules.
#include "hearth/text/grammar/json_schema.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "hearth/files/outside_bytes.h"
#include "hearth/text/grammar/automaton.h"
#include "hearth/text/grammar/json_pieces.h"
#include "hearth/text/grammar/regex.h"
#include "hearth/text/grammar/schema_facts.h"
#include "hearth/text/grammar/schema_keywords.h"
#include "hearth/text/grammar/string_formats.h"

namespace hearth::grammar {
namespace {

constexpr int64_t kRulesMax = 50'000;
constexpr int64_t kStatesMax = 20'000;  // of the automaton of one string

std::string json_text(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

int64_t code_points(const std::string& text) {
  return std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; });
}

bool within(const Range& range, int64_t count) {
  return count >= range.min && (range.max == kUnlimited || count <= range.max);
}

class SchemaCompiler {
 public:
  explicit SchemaCompiler(const SchemaReader& reader) : reader_(reader), json_(g_) {}

  Result<Grammar> run(const Json& schema) {
    g_.root = rule_of({&schema});
    while (!pending_.empty()) {
      const auto [rule, conjunction] = pending_.back();
      pending_.pop_back();
      TRY_ASSIGN(const ExprId body, body_of(conjunction));
      g_.define(rule, body);
      if (g_.rules() > kRulesMax) {
        return error(Code::unsupported, "expected a schema of at most {} rules", kRulesMax);
      }
    }
    return std::move(g_);
  }

 private:
  RuleId rule_of(const Conjunction& all) {
    const Conjunction schemas = referred(all);
    const auto [at, fresh] = rules_.emplace(schemas, 0);
    if (fresh) {
      // No name: errors give places, and what a schema makes always reads before it calls itself.
      at->second = g_.declare("value");
      pending_.emplace_back(at->second, schemas);
    }
    return at->second;
  }

  ExprId value_of(const Conjunction& schemas) {
    return schemas.empty() ? json_.value() : g_.call(rule_of(schemas));
  }

  Result<ExprId> body_of(const Conjunction& schemas) {
    TRY_ASSIGN(const std::vector<Facts> alternatives, reader_.alternatives(schemas));
    std::vector<ExprId> ways;
    for (const Facts& facts : alternatives) {
      auto way = alternative(facts);
      if (!way) return reader_.placed(std::move(way).status(), schemas[0]);
      ways.push_back(*way);
    }
    return g_.choice(std::move(ways));
  }

  Result<ExprId> alternative(const Facts& facts) {
    if (facts.values) return values(facts);
    if (!facts.typed && facts.spoken_of == 0) return json_.value();
    const uint8_t types = facts.generated();
    std::vector<ExprId> ways;
    if (types & kNull) ways.push_back(g_.literal("null"));
    if (types & kBoolean) ways.push_back(g_.literals({"true", "false"}));
    if (types & kNumber) {
      TRY_ASSIGN(const ExprId way, number(facts.numbers, !(types & kFraction)));
      ways.push_back(way);
    }
    if (types & kString) {
      TRY_ASSIGN(const ExprId way, string(facts));
      ways.push_back(way);
    }
    if (types & kArray) {
      TRY_ASSIGN(const ExprId way, array(facts));
      ways.push_back(way);
    }
    if (types & kObject) {
      TRY_ASSIGN(const ExprId way, object(facts));
      ways.push_back(way);
    }
    return g_.choice(std::move(ways));
  }

  // --- enum and const ---

  Result<ExprId> values(const Facts& facts) {
    std::vector<ByteDfa> patterns;  // of strings; built once for all values
    const auto is_text = [](const Json* value) { return value->is_string(); };
    if ((facts.types & kString) && std::ranges::any_of(*facts.values, is_text)) {
      TRY_ASSIGN(patterns, pattern_dfas(facts));
    }
    std::vector<std::string> texts;
    for (const Json* value : *facts.values) {
      TRY_ASSIGN(const bool good, admits(facts, patterns, *value));
      if (good) texts.push_back(json_text(*value));
    }
    if (texts.empty()) return g_.nothing();
    return g_.literals(std::move(texts));
  }

  Result<std::vector<ByteDfa>> pattern_dfas(const Facts& facts) {
    TRY_ASSIGN(const std::vector<ExprId> all, patterns(facts));
    std::vector<ByteDfa> out;
    for (ExprId pattern : all) {
      TRY_ASSIGN(ByteDfa dfa, to_dfa(g_, pattern, kStatesMax));
      out.push_back(std::move(dfa));
    }
    return out;
  }

  // Whether a listed value is right by the other keywords.
  static Result<bool> admits(const Facts& facts, const std::vector<ByteDfa>& patterns,
                             const Json& value) {
    if (value.is_null()) return (facts.types & kNull) != 0;
    if (value.is_boolean()) return (facts.types & kBoolean) != 0;
    if (value.is_number()) return admits_number(facts, value);
    if (value.is_string()) {
      return admits_string(facts, patterns, value.get_ref<const std::string&>());
    }
    const bool constrained = value.is_object()
                                 ? !facts.objects.empty() || !facts.required.empty() ||
                                       !within(facts.members, std::ssize(value))
                                 : !facts.arrays.empty() || !within(facts.items, std::ssize(value));
    if (constrained) {
      return error(Code::unsupported, "`enum`: not offered for {} beside other keywords",
                   json_excerpt(value));
    }
    return (facts.types & (value.is_object() ? kObject : kArray)) != 0;
  }

  static Result<bool> admits_number(const Facts& facts, const Json& value) {
    const auto number = value.get<double>();
    const bool whole = number == std::floor(number);
    if (!(facts.types & (whole ? kInteger : kFraction))) return false;
    const NumberBounds& bounds = facts.numbers;
    if (bounds.none()) return true;
    TRY_ASSIGN(const Decimal decimal, decimal_of(value));
    const auto misses = [&](const std::optional<Bound>& bound, int sign) {
      const int order = bound ? sign * compare(decimal, bound->decimal) : 1;
      return order < 0 || (order == 0 && bound->exclusive);
    };
    if (misses(bounds.low, 1) || misses(bounds.high, -1)) return false;
    return !bounds.multiple_of || (whole && decimal.whole % *bounds.multiple_of == 0);
  }

  static bool admits_string(const Facts& facts, const std::vector<ByteDfa>& patterns,
                            const std::string& text) {
    if (!(facts.types & kString) || !within(facts.length, code_points(text))) return false;
    const std::string quoted = json_text(text);
    const std::string_view inside = std::string_view(quoted).substr(1, quoted.size() - 2);
    return std::ranges::all_of(patterns, [&](const ByteDfa& dfa) { return dfa.accepts(inside); });
  }

  // --- numbers and strings ---

  Result<ExprId> number(const NumberBounds& bounds, bool integers) {
    if (bounds.none()) {
      return integers ? json_.integer() : json_.number();
    }
    return integers ? integers_between(bounds, g_) : numbers_between(bounds, g_);
  }

  // What stands between the quotes, by `pattern` and `format`.
  Result<std::vector<ExprId>> patterns(const Facts& facts) {
    std::vector<ExprId> out;
    for (const std::string& pattern : facts.patterns) {
      auto parsed = parse_regex(pattern, Anchoring::search, g_, canonical_character);
      if (!parsed) return std::move(parsed).status().at("`pattern`");
      out.push_back(*parsed);
    }
    for (const std::string& format : facts.formats) {
      const StringFormat* const known = find_format(format);
      if (!known) {
        return error(Code::unsupported, "`format`: expected {}, found {}", offered_formats(),
                     json_excerpt(Json(format)));
      }
      TRY_ASSIGN(const ExprId parsed,
                 parse_regex(known->regex, Anchoring::whole, g_, canonical_character));
      out.push_back(parsed);
    }
    return out;
  }

  // Whether a format's own lengths lie within the bounds, which then ask nothing more.
  static bool formats_keep(const std::vector<std::string>& formats, const Range& length) {
    return std::ranges::any_of(formats, [&](const std::string& name) {
      const StringFormat* const known = find_format(name);
      return known && known->shortest >= length.min &&
             (length.max == kUnlimited || known->longest <= length.max);
    });
  }

  Result<ExprId> string(const Facts& facts) {
    const Range& length = facts.length;
    if (length.max != kUnlimited && length.min > length.max) return g_.nothing();
    const bool any_length = length.min == 0 && length.max == kUnlimited;
    TRY_ASSIGN(std::vector<ExprId> all, patterns(facts));
    if (all.empty()) return any_length ? json_.string() : json_.string_of(length.min, length.max);
    if (!any_length && !formats_keep(facts.formats, length)) {
      const ExprId any = canonical_character(g_, {{0, kCodePointMax}});
      all.push_back(g_.repeat(any, length.min, length.max));
    }
    if (all.size() == 1) return json_.quoted(all[0]);
    TRY_ASSIGN(ExprId both, intersection(all));
    return json_.quoted(both);
  }

  Result<ExprId> intersection(const std::vector<ExprId>& all) {
    std::optional<ByteDfa> common;
    for (ExprId expr : all) {
      auto dfa = to_dfa(g_, expr, kStatesMax);
      if (dfa && common) dfa = combine(*common, *dfa, Combine::both, kStatesMax);
      if (!dfa) return std::move(dfa).status().at("`pattern`, `format` and lengths together");
      common = *std::move(dfa);
    }
    return g_.dfa(*std::move(common));
  }

  // --- arrays ---

  // What holds for the element at `index`.
  static Conjunction element_schemas(const Facts& facts, size_t index) {
    Conjunction out;
    for (const ArrayPart& part : facts.arrays) {
      if (part.prefix && index < part.prefix->size()) {
        add_to(out, &(*part.prefix)[index]);
      } else if (part.items) {
        add_to(out, part.items);
      }
    }
    return out;
  }

  Conjunction referred(const Conjunction& schemas) const {
    Conjunction out;
    for (const Json* schema : schemas) add_to(out, reader_.referred(schema));
    return out;
  }

  Result<bool> possible(const Conjunction& all) {
    const Conjunction schemas = referred(all);
    if (const auto known = possible_.find(schemas); known != possible_.end()) return known->second;
    TRY_ASSIGN(const std::vector<Facts> ways, reader_.alternatives(schemas));
    return possible_.emplace(schemas, !ways.empty()).first->second;
  }

  Result<ExprId> array(const Facts& facts) {
    const Range& count = facts.items;
    if (count.max != kUnlimited && count.min > count.max) return g_.nothing();
    size_t prefix = 0;
    for (const ArrayPart& part : facts.arrays) {
      if (part.prefix) prefix = std::max(prefix, part.prefix->size());
    }
    if (count.max != kUnlimited) prefix = std::min(prefix, static_cast<size_t>(count.max));
    const Conjunction rest = element_schemas(facts, prefix);
    TRY_ASSIGN(const bool goes_on, possible(rest));
    const auto first = static_cast<int64_t>(prefix);
    int64_t more_min = std::max<int64_t>(count.min - first, 0);
    int64_t more_max = count.max == kUnlimited ? kUnlimited : count.max - first;
    if (!goes_on) {
      if (more_min > 0) return g_.nothing();
      more_max = 0;
    }
    if (prefix == 0) return json_.array(list(value_of(rest), more_min, more_max));
    // From the last element of the prefix to the first, each a rule: what may follow it is optional
    // unless minItems asks for it.
    ExprId tail = g_.repeat(g_.sequence({json_.comma(), value_of(rest)}), more_min, more_max);
    for (size_t i = prefix; i-- > 0;) {
      ExprId one = g_.sequence({value_of(element_schemas(facts, i)), tail});
      if (i > 0) one = g_.sequence({json_.comma(), one});
      const RuleId rule = g_.declare("the rest of an array");
      g_.define(rule, static_cast<int64_t>(i) < count.min ? one : g_.optional(one));
      tail = g_.call(rule);
    }
    return json_.array(tail);
  }

  // `min` to `max` times `one`, with commas between.
  ExprId list(ExprId one, int64_t min, int64_t max) {
    if (max == 0) return g_.empty();
    const ExprId more = g_.repeat(g_.sequence({json_.comma(), one}), std::max<int64_t>(min - 1, 0),
                                  max == kUnlimited ? kUnlimited : max - 1);
    const ExprId all = g_.sequence({one, more});
    return min > 0 ? all : g_.optional(all);
  }

  // --- objects ---

  struct Member {
    std::string name;
    ExprId text;
    bool required;
  };

  Result<ExprId> object(const Facts& facts) {
    const auto has_patterns = [](const ObjectPart& part) { return part.patterns != nullptr; };
    if (std::ranges::any_of(facts.objects, has_patterns)) return pattern_object(facts);
    TRY_ASSIGN(const std::optional<std::vector<Member>> members, named_members(facts));
    if (!members) return g_.nothing();
    const std::optional<Conjunction> additional = additional_schemas(facts);
    if (members->empty() && !additional) return free_object(facts, json_.string(), json_.value());
    bool more = false;
    if (additional) {
      TRY_ASSIGN(more, possible(*additional));
    }
    if (members->empty() && more) {
      return free_object(facts, json_.string(), value_of(*additional));
    }
    TRY(check_counts(facts, *members, more));
    std::optional<ExprId> extra;
    if (more) {
      TRY_ASSIGN(const ExprId key, other_key(*members));
      extra = json_.member(key, value_of(*additional));
    }
    return json_.object(listed(*members, extra));
  }

  // In the order of the schema, then what is only required. nullopt: a required one can't be.
  Result<std::optional<std::vector<Member>>> named_members(const Facts& facts) {
    std::vector<std::string> names;
    const auto note = [&](const std::string& name) {
      if (noted_.insert(name).second) names.push_back(name);
    };
    noted_.clear();
    for (const ObjectPart& part : facts.objects) {
      if (!part.properties) continue;
      for (const auto& [name, schema] : part.properties->items()) note(name);
    }
    for (const std::string& name : facts.required) note(name);
    const std::set<std::string> required(facts.required.begin(), facts.required.end());
    std::vector<Member> out;
    for (const std::string& name : names) {
      std::optional<Conjunction> schemas = member_schemas(facts, name);
      if (!schemas) schemas = additional_schemas(facts).value_or(Conjunction{});
      TRY_ASSIGN(const bool may_be, possible(*schemas));
      const bool must_be = required.contains(name);
      if (!may_be && must_be) return std::optional<std::vector<Member>>();
      if (!may_be) continue;
      const ExprId key = g_.literal(json_text(name));
      out.push_back({name, json_.member(key, value_of(*schemas)), must_be});
    }
    return std::optional(std::move(out));
  }

  // Counts are kept where they follow from the required members or from there being no others.
  static Status check_counts(const Facts& facts, const std::vector<Member>& members, bool more) {
    const auto required = std::ranges::count_if(members, &Member::required);
    if (facts.members.min > required) {
      return error(Code::unsupported,
                   "`minProperties`: only offered up to the number of required members, or as 1 "
                   "where no member is named");
    }
    if (facts.members.max == kUnlimited) return Status::ok();
    if (!more && facts.members.max >= std::ssize(members)) return Status::ok();
    return error(
        Code::unsupported,
        "`maxProperties`: only offered where no member is named, or where all of them fit");
  }

  // Members whose names nothing says, counted. Equal names count twice in the text and once in the
  // document, so that more than one can't be promised.
  Result<ExprId> free_object(const Facts& facts, ExprId key, ExprId value) {
    const Range& count = facts.members;
    if (count.min > 1) {
      return error(Code::unsupported,
                   "`minProperties`: only offered up to the number of required members, or as 1 "
                   "where no member is named");
    }
    if (count.max != kUnlimited && count.min > count.max) return g_.nothing();
    return json_.object(list(json_.member(key, value), count.min, count.max));
  }

  // patternProperties: one pattern for the names, and nothing beside it.
  Result<ExprId> pattern_object(const Facts& facts) {
    const ObjectPart& part = facts.objects[0];
    const bool alone = facts.objects.size() == 1 && facts.required.empty() && !part.properties &&
                       part.patterns->size() == 1;
    TRY_ASSIGN(const bool more,
               part.additional ? possible({part.additional}) : Result<bool>(false));
    if (!alone || more) {
      return error(Code::unsupported,
                   "`patternProperties`: only offered with one pattern and without other members");
    }
    const auto only = part.patterns->items().begin();
    auto inside = parse_regex(only.key(), Anchoring::search, g_, canonical_character);
    if (!inside) return std::move(inside).status().at("`patternProperties`");
    return free_object(facts, json_.quoted(*inside), value_of({&only.value()}));
  }

  // A name in canonical form that is none of the members'.
  Result<ExprId> other_key(const std::vector<Member>& members) {
    std::vector<std::string> names;
    for (const Member& m : members) {
      const std::string quoted = json_text(m.name);
      names.push_back(quoted.substr(1, quoted.size() - 2));
    }
    const ExprId any = g_.repeat(canonical_character(g_, {{0, kCodePointMax}}), 0, kUnlimited);
    auto all = to_dfa(g_, any, kStatesMax);
    auto named = to_dfa(g_, g_.literals(std::move(names)), kStatesMax);
    if (all && named) all = combine(*all, *named, Combine::first_only, kStatesMax);
    if (!all || !named) {
      return std::move(all ? named : all).status().at("`additionalProperties` beside `properties`");
    }
    return json_.quoted(g_.dfa(*std::move(all)));
  }

  // Members in order, the optional ones or not, then any number of `extra`. `after[i]` is what may
  // follow member i - 1: it begins with a comma; each is a rule, so that n members take n rules.
  ExprId listed(const std::vector<Member>& members, const std::optional<ExprId>& extra) {
    ExprId after = g_.empty(), first = g_.empty();
    if (extra) {
      after = g_.repeat(g_.sequence({json_.comma(), *extra}), 0, kUnlimited);
      first = g_.optional(g_.sequence({*extra, after}));
    }
    for (size_t i = members.size(); i-- > 0;) {
      const Member& m = members[i];
      const ExprId begun = g_.sequence({m.text, after});
      first = m.required ? begun : g_.choice({begun, first});
      const ExprId next = g_.sequence({json_.comma(), m.text});
      const RuleId rule = g_.declare("more members");
      g_.define(rule, g_.sequence({m.required ? next : g_.optional(next), after}));
      after = g_.call(rule);
      const RuleId beginning = g_.declare("members");
      g_.define(beginning, first);
      first = g_.call(beginning);
    }
    return first;
  }

  const SchemaReader& reader_;
  Grammar g_;
  JsonPieces json_;
  std::map<Conjunction, RuleId> rules_;
  std::map<Conjunction, bool> possible_;
  std::vector<std::pair<RuleId, Conjunction>> pending_;
  std::set<std::string> noted_;  // of named_members
};

}  // namespace

Result<Grammar> grammar_of_schema(const Json& schema) {
  TRY_ASSIGN(const SchemaReader reader, SchemaReader::open(schema));
  return SchemaCompiler(reader).run(schema);
}

Grammar grammar_of_json_object() {
  Grammar grammar;
  JsonPieces json(grammar);
  grammar.root = grammar.declare("json object");
  grammar.define(grammar.root, json.any_object());
  return grammar;
}

}  // namespace hearth::grammar
