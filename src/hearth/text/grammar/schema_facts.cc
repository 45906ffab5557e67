// See schema_facts.h.
#include "hearth/text/grammar/schema_facts.h"

#include <algorithm>

#include "hearth/files/outside_bytes.h"
#include "hearth/text/grammar/schema_keywords.h"

namespace hearth::grammar {
namespace {

constexpr size_t kAlternativesMax = 512;  // of one value
constexpr size_t kBranchesMax = 256;      // of one anyOf or oneOf
constexpr size_t kTrailMax = 4096;        // schemas that hold for one value
constexpr int kChoicesMax = 24;           // anyOf and oneOf that hold for one value

// "%24defs" to "$defs", then "~1" to "/" and "~0" to "~".
std::string unescaped(std::string_view part) {
  std::string out;
  for (size_t i = 0; i < part.size(); ++i) {
    const auto hex = [&](size_t at) {
      const char c = at < part.size() ? part[at] : 'x';
      return c >= '0' && c <= '9'                 ? c - '0'
             : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 87
                                                  : -1;
    };
    if (part[i] == '%' && hex(i + 1) >= 0 && hex(i + 2) >= 0) {
      out += static_cast<char>(hex(i + 1) * 16 + hex(i + 2));
      i += 2;
    } else {
      out += part[i];
    }
  }
  for (size_t at = 0; (at = out.find('~', at)) != out.npos; ++at) {
    const char next = at + 1 < out.size() ? out[at + 1] : ' ';
    if (next == '0' || next == '1') out.replace(at, 2, next == '0' ? "~" : "/");
  }
  return out;
}

// Calls f(value, part of its pointer) for each value inside `json`.
template <typename F>
void each_inside(const Json& json, const F& f) {
  if (json.is_object()) {
    for (const auto& [key, value] : json.items()) f(value, key);
  } else if (json.is_array()) {
    for (size_t i = 0; i < json.size(); ++i) f(json[i], std::to_string(i));
  }
}

bool find_place(const Json& from, const Json* wanted, std::string& path) {
  if (&from == wanted) return true;
  bool found = false;
  each_inside(from, [&](const Json& value, const std::string& part) {
    if (found) return;
    const size_t length = path.size();
    path += "/" + part;
    found = find_place(value, wanted, path);
    if (!found) path.resize(length);
  });
  return found;
}

}  // namespace

void Facts::require(const std::string& name) {
  if (std::ranges::find(required, name) == required.end()) required.push_back(name);
}

void add_to(Conjunction& conjunction, const Json* schema) {
  if (std::ranges::find(conjunction, schema) == conjunction.end()) conjunction.push_back(schema);
}

std::optional<Conjunction> member_schemas(const Facts& facts, const std::string& name) {
  Conjunction out;
  bool named = false;
  for (const ObjectPart& part : facts.objects) {
    const Json* own = part.properties ? json_find(*part.properties, name) : nullptr;
    if (own) {
      add_to(out, own);
      named = true;
    } else if (part.additional) {
      add_to(out, part.additional);
    }
  }
  if (!named) return std::nullopt;
  return out;
}

std::optional<Conjunction> additional_schemas(const Facts& facts) {
  Conjunction out;
  for (const ObjectPart& part : facts.objects) {
    if (part.additional) add_to(out, part.additional);
  }
  if (out.empty()) return std::nullopt;
  return out;
}

struct SchemaReader::Open {
  struct Step {
    const Json* schema;
    int32_t parent;  // that referred to it; -1: none
  };
  struct Choice {
    const Json* branches;
    int32_t parent;
    bool exactly_one;
  };
  Facts facts;
  std::vector<Step> trail;
  size_t next = 0;  // of the trail, not read yet
  std::vector<Choice> choices;
  bool impossible = false;
  int depth = 0;
};

Result<SchemaReader> SchemaReader::open(const Json& document) {
  if (!document.is_object() && !document.is_boolean()) {
    return error(Code::invalid, "expected a schema (an object, true or false), found {}",
                 json_excerpt(document));
  }
  SchemaReader reader(document);
  TRY(reader.collect_anchors());
  return reader;
}

Status SchemaReader::collect_anchors() {
  std::vector<const Json*> todo = {document_};
  while (!todo.empty()) {
    const Json& json = *todo.back();
    todo.pop_back();
    const Json* anchor = json_find(json, "$anchor");
    if (anchor && anchor->is_string()) anchors_[anchor->get<std::string>()] = &json;
    each_inside(json, [&](const Json& value, const std::string&) { todo.push_back(&value); });
  }
  return Status::ok();
}

std::string SchemaReader::place(const Json* schema) const {
  std::string path = "#";
  find_place(*document_, schema, path);
  return path;
}

Status SchemaReader::placed(Status status, const Json* schema) const {
  if (status.is_ok() || status.message().starts_with('#')) return status;
  return std::move(status).at(excerpt(place(schema)));
}

Result<const Json*> SchemaReader::resolve(const Json& reference) const {
  const std::string text = reference.is_string() ? reference.get<std::string>() : "";
  const auto refuse = [&] {
    return error(Code::unsupported, "`$ref`: expected a place in this schema, found {}",
                 json_excerpt(reference));
  };
  if (!text.starts_with('#')) return refuse();
  std::string_view rest = std::string_view(text).substr(1);
  if (!rest.empty() && rest[0] != '/') {
    const auto anchor = anchors_.find(rest);
    if (anchor == anchors_.end()) return refuse();
    return anchor->second;
  }
  const Json* at = document_;
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const size_t end = std::min(rest.find('/'), rest.size());
    const std::string part = unescaped(rest.substr(0, end));
    rest.remove_prefix(end);
    const Json* found = nullptr;
    each_inside(*at, [&](const Json& value, const std::string& key) {
      if (key == part) found = &value;
    });
    if (!found) return refuse();
    at = found;
  }
  return at;
}

Status SchemaReader::add(Open& open, const Json& schema, int32_t parent) const {
  for (int32_t at = parent; at >= 0; at = open.trail[static_cast<size_t>(at)].parent) {
    if (open.trail[static_cast<size_t>(at)].schema != &schema) continue;
    return error(Code::unsupported, "{}: expected no schema that refers to itself without an end",
                 excerpt(place(&schema)));
  }
  const bool seen = std::ranges::any_of(
      open.trail, [&](const Open::Step& step) { return step.schema == &schema; });
  if (seen) return Status::ok();
  if (open.trail.size() == kTrailMax) {
    return error(Code::unsupported, "{}: expected at most {} schemas for one value",
                 excerpt(place(&schema)), kTrailMax);
  }
  open.trail.push_back({&schema, parent});
  return Status::ok();
}

Result<std::vector<Facts>> SchemaReader::alternatives(const Conjunction& schemas, int depth) const {
  Open open;
  open.depth = depth;
  for (const Json* schema : schemas) TRY(add(open, *schema, -1));
  std::vector<Facts> out;
  TRY(spread(std::move(open), out));
  return out;
}

Status SchemaReader::spread(Open open, std::vector<Facts>& out) const {
  while (open.next < open.trail.size()) {
    const auto at = static_cast<int32_t>(open.next++);
    const Json& schema = *open.trail[static_cast<size_t>(at)].schema;
    TRY(placed(read(schema, at, open), &schema));
  }
  if (open.impossible || open.facts.types == 0) return Status::ok();
  if (!open.choices.empty()) return spread_choice(open, out);
  if (out.size() == kAlternativesMax) {
    return error(Code::unsupported, "`anyOf`: expected at most {} alternatives for one value",
                 kAlternativesMax);
  }
  out.push_back(std::move(open.facts));
  return Status::ok();
}

const Json* SchemaReader::referred(const Json* schema) const {
  constexpr int kStepsMax = 64;  // references may lead in circles
  for (int i = 0; i < kStepsMax && schema->is_object() && schema->size() == 1; ++i) {
    const Json* reference = json_find(*schema, "$ref");
    if (!reference) break;
    const auto target = resolve(*reference);
    if (!target) break;
    schema = *target;
  }
  return schema;
}

// The last choice, spread out; the others follow in each of its branches.
Status SchemaReader::spread_choice(const Open& open, std::vector<Facts>& out) const {
  const Open::Choice choice = open.choices.back();
  if (open.depth > kChoicesMax) {
    return error(Code::unsupported, "`anyOf`: expected at most {} choices for one value",
                 kChoicesMax);
  }
  std::vector<Open> ways;
  for (const Json& branch : *choice.branches) {
    Open way = open;
    way.choices.pop_back();
    ++way.depth;
    TRY(add(way, branch, choice.parent));
    ways.push_back(std::move(way));
  }
  if (choice.exactly_one) {
    std::vector<std::vector<Facts>> facts(ways.size());
    for (size_t i = 0; i < ways.size(); ++i) {
      Open alone = ways[i];
      alone.choices.clear();
      TRY(spread(std::move(alone), facts[i]));
      for (size_t j = 0; j < i; ++j) {
        TRY_ASSIGN(const bool apart, disjoint(facts[i], facts[j], open.depth + 1));
        if (apart) continue;
        return error(Code::unsupported,
                     "{}: branches {} and {} may both hold, which oneOf forbids and anyOf allows",
                     excerpt(place(choice.branches)), j, i);
      }
    }
  }
  for (Open& way : ways) TRY(spread(std::move(way), out));
  return Status::ok();
}

Status SchemaReader::read_list(const Json& list, std::string_view key, int32_t at,
                               Open& open) const {
  if (!list.is_array() || list.empty() || list.size() > kBranchesMax) {
    return error(Code::invalid, "`{}`: expected 1 to {} schemas, found {}", key, kBranchesMax,
                 json_excerpt(list));
  }
  if (key != "allOf") {
    open.choices.push_back({&list, at, key == "oneOf"});
    return Status::ok();
  }
  for (const Json& schema : list) TRY(add(open, schema, at));
  return Status::ok();
}

Status SchemaReader::read(const Json& schema, int32_t at, Open& open) const {
  if (schema.is_boolean()) {
    open.impossible = open.impossible || !schema.get<bool>();
    return Status::ok();
  }
  if (!schema.is_object()) {
    return error(Code::invalid, "expected a schema, found {}", json_excerpt(schema));
  }
  Facts& facts = open.facts;
  ObjectPart object;
  ArrayPart array;
  const auto keep = [&](const Json& value, bool right, const Json*& place) {
    place = &value;
    return right;
  };
  for (const auto& [key, value] : schema.items()) {
    bool right = true;
    if (key == "$ref") {
      TRY_ASSIGN(const Json* target, resolve(value));
      TRY(add(open, *target, at));
    } else if (key == "allOf" || key == "anyOf" || key == "oneOf") {
      TRY(read_list(value, key, at, open));
    } else if (key == "properties") {
      right = keep(value, value.is_object(), object.properties);
    } else if (key == "patternProperties") {
      right = keep(value, value.is_object(), object.patterns);
    } else if (key == "additionalProperties") {
      keep(value, true, object.additional);
    } else if (key == "prefixItems") {
      right = keep(value, value.is_array(), array.prefix);
    } else if (key == "items") {
      right = keep(value, !value.is_array(), array.items);
    } else if (key == "$id" && &schema == document_) {
      continue;
    } else if (!is_annotation(key)) {
      TRY(read_keyword(key, value, facts));
    }
    if (!right) {
      return error(Code::invalid, "`{}`: expected {}, found {}", key,
                   key == "items"         ? "a schema (for tuples: prefixItems)"
                   : key == "prefixItems" ? "an array of schemas"
                                          : "an object of schemas",
                   json_excerpt(value));
    }
  }
  if (object.properties || object.patterns || object.additional) {
    facts.objects.push_back(object);
    facts.spoken_of |= kObject;
  }
  if (array.prefix || array.items) {
    facts.arrays.push_back(array);
    facts.spoken_of |= kArray;
  }
  return Status::ok();
}

}  // namespace hearth::grammar
