// Schemas: documents that they take and don't, what is refused and how, and that every text drawn
// from random schemas is valid for a validator that knows nothing of grammars.
#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "hearth/base/thread_clock.h"
#include "hearth/text/grammar/automaton.h"
#include "hearth/text/grammar/random_schema.h"
#include "hearth/text/grammar/schema_validator.h"
#include "hearth/text/grammar/string_formats.h"
#include "hearth/text/grammar/testing.h"

namespace hearth::grammar {
namespace {

struct Case {
  const char* schema;
  std::vector<const char*> good, bad;
};

void check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    const auto g = compile_schema(c.schema);
    ASSERT_TRUE(g.has_value()) << c.schema << ": " << g.status().message();
    for (const char* text : c.good) EXPECT_TRUE(matches(*g, text)) << c.schema << "  " << text;
    for (const char* text : c.bad) EXPECT_FALSE(matches(*g, text)) << c.schema << "  " << text;
  }
}

TEST(JsonSchema, Scalars) {
  check({
      {R"({"type":"null"})", {"null"}, {"nul", " null", "0"}},
      {R"({"type":["boolean","null"]})", {"true", "false", "null"}, {"1"}},
      {R"({"type":"integer"})", {"0", "-12", "123456"}, {"01", "1.0", "1e3", "-", "+1"}},
      {R"({"type":"number"})", {"0", "-1.25", "1e-7", "6.02E+23"}, {"1.", ".5", "1e", "00"}},
      {R"({"enum":["a",1,null,{"k":[1]}]})",
       {"\"a\"", "1", "null", R"({"k":[1]})"},
       {"\"b\"", "2"}},
      {R"({"enum":[1,2,3,"x"],"type":"integer","minimum":2})", {"2", "3"}, {"1", "\"x\""}},
      {R"({"const":"a\"b"})", {R"("a\"b")"}, {R"("ab")"}},
      {R"(true)", {"1", "{\"a\": [1, {}]}", "\"x\""}, {"", "1,"}},
  });
}

TEST(JsonSchema, NumbersInRanges) {
  check({
      {R"({"type":"integer","minimum":-5,"maximum":120})",
       {"-5", "-1", "0", "9", "99", "120"},
       {"-6", "121", "1000", "-0", "007"}},
      {R"({"type":"integer","exclusiveMinimum":0.5,"exclusiveMaximum":3})", {"1", "2"}, {"0", "3"}},
      {R"({"type":"integer","multipleOf":7,"minimum":1})", {"7", "14", "700"}, {"0", "8", "-7"}},
      {R"({"type":"integer","maximum":9223372036854775807,"minimum":9223372036854775800})",
       {"9223372036854775807", "9223372036854775800"},
       {"9223372036854775799", "9223372036854775808", "92233720368547758000"}},
      {R"({"type":"number","minimum":0.25,"exclusiveMaximum":1.5})",
       {"0.25", "0.3", "1", "1.0", "1.49", "0.250"},
       {"0.2", "0.24", "1.5", "1.50", "0", "2", "-1"}},
      {R"({"type":"number","minimum":-1.5,"maximum":-0.5})",
       {"-1.5", "-1", "-0.5", "-0.75", "-1.50"},
       {"-1.51", "-0.4", "-2", "0", "1"}},
      {R"({"type":"number","maximum":1e20})", {"1", "9999999", "-0.5"}, {"1e21", "1e50"}},
      {R"({"type":"integer","maximum":1e19})", {"1", "-5"}, {"99999999999999999999"}},
      {R"({"type":"number","exclusiveMinimum":0})",
       {"0.1", "1", "0.000001"},
       {"0", "0.0", "-1", "-0"}},
  });
}

TEST(JsonSchema, Strings) {
  check({
      {R"({"type":"string"})",
       {R"("")", R"("é日😀")", R"("\u00e9\n\/")", R"("\ud83d\ude00")", "\"\x7f\""},
       {R"(")", "\"\n\"", R"("\x")", R"("\ud83d")", R"("\ude00")", "\"\xff\"", "\"\xed\xa0\x80\""}},
      {R"({"type":"string","minLength":1,"maxLength":3})",
       {R"("a")", R"("日本語")", R"("\n\u00e9\ud83d\ude00")"},
       {R"("")", R"("abcd")"}},
      {R"({"type":"string","pattern":"^a.c$"})",
       {R"("abc")", R"("a\"c")", R"("a日c")"},
       {R"("ac")", R"("xabc")"}},
      {R"({"type":"string","pattern":"b","minLength":2,"maxLength":3})",
       {R"("ab")", R"("bbb")"},
       {R"("b")", R"("aaa")"}},
      {R"({"type":"string","format":"date"})",
       {R"("2024-02-29")", R"("1999-12-31")"},
       {R"("2023-02-29")", R"("2023-13-01")"}},
      {R"({"type":"string","format":"date","minLength":10})",
       {R"("2000-02-29")", R"("0000-02-29")", R"("2400-02-29")"},
       {R"("1900-02-29")", R"("2100-02-29")", R"("2002-02-29")"}},
      {R"({"type":"string","format":"email","maxLength":254})",
       {R"("a.b+c@mail.example.org")", R"("!#$%&'*/=?^_`{|}~-@x")"},
       {R"("a..b@x")", R"("@x")", R"("a@")", R"("a b@x")", R"("a@x-.y")"}},
      {R"({"type":"string","format":"email","maxLength":6})", {R"("a@b.cd")"}, {R"("ab@b.cd")"}},
      {R"({"type":"string","format":"uuid"})",
       {R"("123e4567-e89b-12d3-a456-426614174000")"},
       {R"("123e4567")"}},
      {R"({"type":"string","format":"date-time"})",
       {R"("2024-02-29T23:59:59.5+02:00")"},
       {R"("2024-02-29")"}},
  });
}

using Lengths = std::pair<int64_t, int64_t>;  // the shortest and the longest

// Of what is accepted from a state on, all of it ASCII; `known`: of the states behind it.
Lengths lengths_from(const ByteDfa& dfa, int32_t at, std::map<int32_t, Lengths>& known) {
  if (const auto found = known.find(at); found != known.end()) return found->second;
  const ByteDfa::State& state = dfa.states[static_cast<size_t>(at)];
  Lengths out = {state.accepts ? 0 : INT32_MAX, 0};
  for (const ByteDfa::Arc& arc : state.arcs) {
    EXPECT_LT(arc.last, 0x80);
    const auto [shortest, longest] = lengths_from(dfa, arc.to, known);
    out = {std::min(out.first, shortest + 1), std::max(out.second, longest + 1)};
  }
  return known[at] = out;
}

TEST(JsonSchema, FormatsAreAsLongAsTheySay) {
  for (const char* name :
       {"date", "time", "date-time", "uuid", "ipv4", "ipv6", "email", "hostname"}) {
    const StringFormat* const format = find_format(name);
    ASSERT_TRUE(format) << name;
    Grammar g;
    const auto body = parse_regex(format->regex, Anchoring::whole, g);
    ASSERT_TRUE(body) << name << body.status().message();
    const auto dfa = to_dfa(g, *body, 5000);
    ASSERT_TRUE(dfa) << name << dfa.status().message();
    std::map<int32_t, Lengths> known;
    EXPECT_EQ(lengths_from(trimmed(*dfa), 0, known), Lengths(format->shortest, format->longest))
        << name;
  }
}

// Against the C library's reader of addresses.
TEST(JsonSchema, AddressesAreThoseThatTheSystemReads) {
  const auto g = compile_schema(R"({"type":"string","format":"ipv6"})");
  ASSERT_TRUE(g) << g.status().message();
  std::mt19937_64 random(3);
  const auto one_of = [&](std::span<const char* const> all) { return all[random() % all.size()]; };
  const char* const usual[] = {"0", "1", "aB", "FFFF", "0db8"};
  const char* const rare[] = {"", "", "12345", "g", "1.2.3.4", "1.2.3.256", "01.2.3.4"};
  int64_t valid = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    const uint64_t groups = random() % 10;
    for (uint64_t k = 0; k < groups; ++k) {
      text += random() % 12 == 0 ? one_of(rare) : one_of(usual);
      if (k + 1 < groups) text += random() % 8 == 0 ? "::" : ":";
    }
    if (random() % 8 == 0) text = "::" + text;
    if (random() % 16 == 0) text += "::";
    in6_addr address;
    const bool expected = inet_pton(AF_INET6, text.c_str(), &address) == 1;
    valid += expected ? 1 : 0;
    EXPECT_EQ(matches(*g, "\"" + text + "\""), expected) << text;
  }
  EXPECT_GT(valid, 2000);
}

TEST(JsonSchema, Objects) {
  check({
      {R"({"type":"object","properties":{"a":{"type":"integer"},)"
       R"("b":{"type":"string"}},"required":["b"]})",
       {R"({"b":"x"})", R"({"a": 1, "b": "x"})", "{\n  \"a\": 1,\n  \"b\": \"x\"\n}"},
       {R"({})", R"({"a":1})", R"({"b":"x","a":1})", R"({"b":"x","c":1})", R"({"b":"x",})"}},
      {R"({"type":"object"})", {"{}", R"({"a":{"b":[1,2]}})"}, {"[]"}},
      {R"({"properties":{"a":{}},"additionalProperties":{"type":"integer"}})",
       {R"({"a":"x","b":1,"ab":2})", R"({"\"":3})", "{}"},
       {R"({"b":"x"})", R"({"b":1,"a":"x"})", R"({"a":1,"a":2})", R"({"\u0061":1})"}},
      {R"({"type":"object","additionalProperties":{"type":"null"},)"
       R"("minProperties":1,"maxProperties":2})",
       {R"({"a":null})", R"({"a":null,"b":null})"},
       {"{}", R"({"a":null,"b":null,"c":null})"}},
      {R"({"type":"object","patternProperties":{"^x_":{"type":"integer"}},)"
       R"("additionalProperties":false})",
       {"{}", R"({"x_a":1})"},
       {R"({"y":1})", R"({"x_a":"1"})"}},
      {R"({"type":"object","required":["z"],"additionalProperties":{"type":"integer"}})",
       {R"({"z":1})", R"({"z":1,"y":2})"},
       {"{}", R"({"y":2})"}},
  });
}

TEST(JsonSchema, Arrays) {
  check({
      {R"({"type":"array","items":{"type":"integer"},"minItems":1,"maxItems":3})",
       {"[1]", "[1, 2,3]", "[\n 1]"},
       {"[]", "[1,2,3,4]", "[\"a\"]", "[1,]"}},
      {R"({"prefixItems":[{"type":"integer"},{"type":"string"}],"items":false})",
       {"[]", "[1]", "[1,\"a\"]"},
       {"[\"a\"]", "[1,\"a\",2]"}},
      {R"({"prefixItems":[{"type":"integer"}],"items":{"type":"null"},"minItems":2,"maxItems":3})",
       {"[1,null]", "[1,null,null]"},
       {"[1]", "[1,null,null,null]"}},
      {R"({"type":"array","items":false})", {"[]"}, {"[1]"}},
      {R"({"type":"array","maxItems":1000000,"items":{"const":1}})", {"[]", "[1,1,1]"}, {"[2]"}},
  });
}

TEST(JsonSchema, CombinationsAndReferences) {
  check({
      {R"({"anyOf":[{"type":"integer"},{"type":"string"}]})", {"1", "\"a\""}, {"null"}},
      {R"({"type":"object","properties":{"k":{"type":"string"},"v":{}},"required":["k"],
           "oneOf":[{"properties":{"k":{"const":"i"},"v":{"type":"integer"}}},
                    {"properties":{"k":{"const":"s"},"v":{"type":"string"}}}]})",
       {R"({"k":"i","v":1})", R"({"k":"s","v":"x"})"},
       {R"({"k":"i","v":"x"})", R"({"k":"other"})"}},
      {R"({"allOf":[{"type":"integer","minimum":3},{"maximum":5}]})", {"3", "5"}, {"2", "6"}},
      {R"({"$defs":{"n":{"type":"object","properties":{"v":{"type":"integer"},)"
       R"("next":{"$ref":"#/$defs/n"}},
           "required":["v"],"additionalProperties":false}},"$ref":"#/$defs/n"})",
       {R"({"v":1,"next":{"v":2,"next":{"v":3}}})"},
       {R"({"v":1,"next":{}})"}},
      {R"({"$defs":{"t":{"$anchor":"tree","type":"array","items":{"$ref":"#tree"}}},)"
       R"("$ref":"#tree"})",
       {"[[],[[]]]"},
       {"[1]"}},
      {R"({"$ref":"#/$defs/a~1b%20c","$defs":{"a/b c":{"type":"null"}}})", {"null"}, {"1"}},
      {R"({"type":"string","anyOf":[{"maxLength":1},{"pattern":"^x+$"}]})",
       {"\"a\"", "\"xxx\""},
       {"\"ab\""}},
  });
}

TEST(JsonSchema, OneOfTakesWhatCanBeToldApart) {
  check({
      {R"({"oneOf":[{"type":"integer","maximum":3},{"type":"integer","exclusiveMinimum":3}]})",
       {"3", "4", "-7"},
       {"\"3\""}},
      {R"({"oneOf":[{"enum":["a",null,true]},{"type":"integer"},{"type":"array"}]})",
       {"\"a\"", "null", "true", "1", "[2]"},
       {"\"b\"", "false", "{}"}},
      {R"({"oneOf":[{"const":1.5},{"type":"string"},{"const":{"a":1}},{"const":[1]}]})",
       {"1.5", "\"x\"", R"({"a":1})", "[1]"},
       {"1", "{}", "[]"}},
      {R"({"oneOf":[{"type":"string","maxLength":2},{"type":"string","minLength":4}]})",
       {"\"\"", "\"ab\"", "\"abcd\""},
       {"\"abc\""}},
      {R"({"oneOf":[{"type":"array","maxItems":1},{"type":"array","minItems":3}]})",
       {"[]", "[1]", "[1,2,3]"},
       {"[1,2]"}},
      {R"({"allOf":[{"enum":[1,2,"x"]},{"enum":[2,"x",3]}]})", {"2", "\"x\""}, {"1", "3"}},
  });
  // What may hold for two branches at once is refused, even if no such value were ever drawn.
  for (const char* schema :
       {R"({"oneOf":[{"enum":["a",1]},{"type":"string"}]})",
        R"({"oneOf":[{"enum":["a",1]},{"enum":[1,2]}]})",
        R"({"oneOf":[{"type":"integer","maximum":3},{"type":"integer","minimum":3}]})",
        R"({"oneOf":[{"const":{"a":1}},{"type":"object"}]})",
        R"({"oneOf":[{"type":"object","properties":{"k":{"type":"string"}},"required":["k"]},)"
        R"({"type":"object","properties":{"k":{"type":"string"}},"required":["k"]}]})"}) {
    EXPECT_NE(compile_schema(schema).status().message().find("branches 0 and 1 may both hold"),
              std::string::npos)
        << schema;
  }
}

TEST(JsonSchema, RefusesByName) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"type":"array","uniqueItems":true})", "#: `uniqueItems`: this keyword is not offered"},
      {R"({"properties":{"a":{"not":{}}}})", "#/properties/a: `not`: this keyword is not offered"},
      {R"({"minLenght":3})", "#: `minLenght`: this keyword is not offered"},
      {R"({"type":"text"})", "#: `type`: expected names of JSON types, found \"text\""},
      {R"({"type":"string","minLength":-1})",
       "#: `minLength`: expected an integer that is not negative, found -1"},
      {R"({"type":"array","maxItems":1.5})",
       "#: `maxItems`: expected an integer that is not negative, found 1.5"},
      {R"({"type":"string","format":"uri"})",
       "#: `format`: expected date, time, date-time, uuid, ipv4, ipv6, email or hostname, found "
       "\"uri\""},
      {R"~({"type":"string","pattern":"(?=x)"})~",
       "#: `pattern`: byte 1: `(?=` is not offered, only plain groups are"},
      {R"({"$ref":"http://example.com/x"})",
       "#: `$ref`: expected a place in this schema, found \"http://example.com/x\""},
      {R"({"$ref":"#"})", "#: expected no schema that refers to itself without an end"},
      {R"({"anyOf":[{"$ref":"#"},{"type":"null"}]})",
       "#: expected no schema that refers to itself without an end"},
      {R"({"oneOf":[{"type":"integer"},{"type":"number"}]})",
       "#/oneOf: branches 0 and 1 may both hold, which oneOf forbids and anyOf allows"},
      {R"({"type":"number","multipleOf":0.1})",
       "#: `multipleOf`: only integers up to 1000 are offered, found 0.1"},
      {R"({"type":"object","properties":{"a":{}},"minProperties":1})",
       "#: `minProperties`: only offered up to the number of required members, or as 1 where no "
       "member is named"},
      {R"({"enum":[]})",
       "nothing matches: no finite text follows the rules with calls nested up to 300"},
      {R"({"type":"string","maxLength":9,"pattern":"^[acegikmoqsuwyACEGIKMOQSUWY13579]{200000}$"})",
       "#: `pattern`, `format` and lengths together: it needs more than 1000000 states"},
      {R"(3)", "expected a schema (an object, true or false), found 3"},
      {R"({"type":"object","properties":{"me":{"$ref":"#"}},"required":["me"]})",
       "nothing matches: no finite text follows the rules with calls nested up to 300"},
      {R"({"items":[{}]})",
       "#: `items`: expected a schema (for tuples: prefixItems), found an array of 1"},
  };
  for (const auto& [schema, message] : cases) {
    const auto g = compile_schema(schema);
    EXPECT_EQ(g ? "accepted" : g.status().message(), message) << schema;
  }
}

TEST(JsonSchema, ManyValuesAndMembersTakeNoTime) {
  const double start = thread_seconds();
  Json values = {{"enum", Json::array()}};
  for (int i = 0; i < 100'000; ++i)
    values["enum"].push_back("v" + std::to_string(i * 7919 % 1'000'003));
  const auto g = compile_schema(values.dump());
  ASSERT_TRUE(g.has_value()) << g.status().message();
  EXPECT_TRUE(matches(*g, "\"v7919\""));
  EXPECT_FALSE(matches(*g, "\"v1\""));
  Json members = {{"type", "object"}, {"properties", Json::object()}};
  for (int i = 0; i < 1000; ++i)
    members["properties"]["p" + std::to_string(i)] = {{"type", "integer"}};
  const auto m = compile_schema(members.dump());
  ASSERT_TRUE(m.has_value()) << m.status().message();
  EXPECT_TRUE(matches(*m, R"({"p3":1,"p998":2})"));
  EXPECT_FALSE(matches(*m, R"({"p998":1,"p3":2})"));
  const double took = thread_seconds() - start;
  EXPECT_LT(took, 2 * kSlowness);
}

// What a schema may say is bounded before it is built: a million values, a hundred thousand
// references one behind the other, as many levels.
TEST(JsonSchema, WhatIsTooMuchIsRefusedSoon) {
  std::string values = R"({"enum":[0)";
  for (int i = 1; i < 1'000'000; ++i) values += fmt::format(",{}", i);
  std::string chain = R"({"$ref":"#/$defs/r0","$defs":{)";
  for (int i = 0; i < 100'000; ++i) {
    chain += fmt::format(R"("r{}":{{"$ref":"#/$defs/r{}"}},)", i, i + 1);
  }
  chain += R"("r100000":{"type":"null"}}})";
  std::string deep, closing;
  for (int i = 0; i < 100'000; ++i) {
    deep += R"({"items":)";
    closing += '}';
  }
  const std::pair<std::string, const char*> cases[] = {
      {values + "]}", "expected at most 1000000 bytes of literal text, found 5888890"},
      {chain, "#/$defs/r4095: expected at most 4096 schemas for one value"},
      {deep + "{}" + closing, "expected a nesting of at most 64, found more"}};
  for (const auto& [schema, message] : cases) {
    const double start = thread_seconds();
    const auto g = compile_schema(schema);
    const double took = thread_seconds() - start;
    EXPECT_EQ(g ? "accepted" : g.status().message(), message) << schema.substr(0, 40);
    EXPECT_LT(took, 5 * kSlowness) << schema.substr(0, 40);
  }
}

TEST(JsonSchema, SixteenThousandMembersTakeNoTime) {
  std::string members = R"({"type":"object","properties":{)";
  for (int i = 0; i < 16'000; ++i) members += fmt::format(R"("p{}":{{"type":"null"}},)", i);
  members.back() = '}';
  const double start = thread_seconds();
  const auto g = compile_schema(members + "}");
  const double took = thread_seconds() - start;
  ASSERT_TRUE(g.has_value()) << g.status().message();
  EXPECT_TRUE(matches(*g, "{}"));
  EXPECT_LT(took, 2 * kSlowness);
}

TEST(JsonSchema, APatternIsBuiltOnceForAllValues) {
  const double start = thread_seconds();
  Json schema = {{"pattern", "^[ab]*a[ab]{13}$"}, {"enum", Json::array()}};
  for (int i = 0; i < 2000; ++i) {
    std::string text = "ba";
    for (int bit = 0; bit < 13; ++bit) text += (i >> bit & 1) ? 'a' : 'b';
    schema["enum"].push_back(text);
  }
  const auto g = compile_schema(schema.dump());
  ASSERT_TRUE(g.has_value()) << g.status().message();
  EXPECT_TRUE(matches(*g, "\"babbbbbbbbbbbbb\""));
  EXPECT_FALSE(matches(*g, "\"abbbbbbbbbbbbbb\""));
  const double took = thread_seconds() - start;
  EXPECT_LT(took, 2 * kSlowness);
}

TEST(JsonSchema, JsonModeTakesObjects) {
  const auto g = compile(grammar_of_json_object());
  ASSERT_TRUE(g.has_value());
  EXPECT_TRUE(matches(*g, R"({"a": [1, 2.5e3, {"b": null}], "c": "\u00e9"})"));
  for (const char* bad : {"[]", "{", "{}  ", " {}", "{\"a\":  1}", "{\n\n\"a\":1}"})
    EXPECT_FALSE(matches(*g, bad)) << bad;
}

struct Counts {
  int64_t drawn = 0, finished = 0, invalid = 0, stuck = 0, refused = 0;
};

// Draws texts from random schemas by random choices of tokens, and documents from their own
// samplers.
Counts try_random_schemas(uint64_t schemas, int draws, int samples, uint64_t seed) {
  Counts out;
  std::mt19937_64 random(seed);
  for (uint64_t i = 0; i < schemas; ++i) {
    RandomSchema made(seed + i);
    const std::string text = made.schema().dump();
    const auto g = compile_schema(text);
    EXPECT_TRUE(g.has_value()) << text << ": " << g.status().message();
    if (!g) continue;
    const SchemaValidator::Doc schema = SchemaValidator::Doc::parse(text);
    const SchemaValidator validator(schema);
    for (int k = 0; k < samples; ++k) {
      const std::string document = made.document();
      const auto parsed = SchemaValidator::Doc::parse(document);
      if (!validator.valid(parsed)) continue;  // a sampler knows less than `allOf` asks
      if (matches(*g, document)) continue;
      ++out.refused;
      ADD_FAILURE() << text << "\nrefused " << document;
    }
    for (int k = 0; k < draws; ++k) {
      const Drawn drawn = draw(*g, random, 4000);
      ++out.drawn;
      out.stuck += drawn.stuck ? 1 : 0;
      if (!drawn.complete) continue;
      ++out.finished;
      const auto parsed = SchemaValidator::Doc::parse(drawn.text, nullptr, false);
      if (!parsed.is_discarded() && validator.valid(parsed)) continue;
      ++out.invalid;
      ADD_FAILURE() << text << "\nallowed " << drawn.text;
    }
  }
  return out;
}

// Over a small vocabulary, under the sanitizers too; tests/schema_property_test.py does the same
// over those of models, against a validator of others, and in `make soak` ten thousand times.
TEST(JsonSchemaProperty, WhatIsDrawnIsValidAndWhatIsValidIsTaken) {
  const Counts counts = try_random_schemas(60, 4, 100, 1);
  EXPECT_EQ(counts.invalid + counts.stuck + counts.refused, 0);
  EXPECT_GE(static_cast<double>(counts.finished), 0.95 * static_cast<double>(counts.drawn));
}

}  // namespace
}  // namespace hearth::grammar
