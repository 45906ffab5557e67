// For tests: grammars tried on whole texts, and answers drawn from them.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/text/grammar/gbnf.h"
#include "hearth/text/grammar/json_schema.h"
#include "hearth/text/grammar/matcher.h"
#include "hearth/text/grammar/regex.h"
#include "hearth/text/slowness.h"

namespace hearth::grammar {

// All 256 bytes, and pieces as they stand in a vocabulary of text and JSON. Id 0 is left out.
inline std::shared_ptr<const TokenTrie> small_vocabulary() {
  static const auto trie = [] {
    std::vector<std::string> tokens = {""};
    for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
    for (std::string_view piece :
         {"{\"",      "\":",
          "\": ",     "\",",
          "\", \"",   "},",
          "}}",       "]}",
          "\"}",      "[{",
          "[[",       "]]",
          ", ",       "\n",
          "\n\n",     "\n  ",
          "  ",       "    ",
          "true",     "false",
          "null",     "abc",
          " the",     "name",
          "12",       "00",
          "3.14",     "e+",
          "-1",       "\\n",
          "\\u",      "\\\"",
          "é",        "日本",
          "😀",        "\xF0\x9F",
          "\xE6\x97", "a long plain piece of text, longer than most tokens are",
          "\"a\":",   "ab",
          "},{\"",    "1,"}) {
      tokens.emplace_back(piece);
    }
    return std::make_shared<const TokenTrie>(TokenTrie::of(std::move(tokens)));
  }();
  return trie;
}

using Vocabulary = std::shared_ptr<const TokenTrie>;

inline Result<std::shared_ptr<CompiledGrammar>> compile(
    Grammar grammar, const Vocabulary& vocabulary = small_vocabulary()) {
  return CompiledGrammar::compile(std::move(grammar), vocabulary);
}

inline Result<std::shared_ptr<CompiledGrammar>> compile_gbnf(
    std::string_view text, const Vocabulary& vocabulary = small_vocabulary()) {
  TRY_ASSIGN(Grammar grammar, parse_gbnf(text));
  return compile(std::move(grammar), vocabulary);
}

inline Result<std::shared_ptr<CompiledGrammar>> compile_regex(
    std::string_view text, Anchoring anchoring = Anchoring::whole,
    const Vocabulary& vocabulary = small_vocabulary()) {
  Grammar grammar;
  TRY_ASSIGN(const ExprId body, parse_regex(text, anchoring, grammar));
  grammar.root = grammar.declare("regex");
  grammar.define(grammar.root, body);
  return compile(std::move(grammar), vocabulary);
}

inline Result<std::shared_ptr<CompiledGrammar>> compile_schema(
    std::string_view text, const Vocabulary& vocabulary = small_vocabulary()) {
  TRY_ASSIGN(const Json schema, parse_json(text));
  TRY_ASSIGN(Grammar grammar, grammar_of_schema(schema));
  return compile(std::move(grammar), vocabulary);
}

inline bool matches(const std::shared_ptr<CompiledGrammar>& grammar, std::string_view text) {
  Matcher matcher(grammar, false);
  const auto taken = matcher.advance(text);
  return taken && *taken && matcher.complete();
}

// Whether some text that begins so matches.
inline bool begins(const std::shared_ptr<CompiledGrammar>& grammar, std::string_view text) {
  Matcher matcher(grammar, false);
  const auto taken = matcher.advance(text);
  return taken && *taken;
}

inline bool contains(std::span<const uint64_t> set, int32_t id) {
  return (set[static_cast<size_t>(id) / 64] >> (id % 64) & 1) != 0;
}

struct Drawn {
  std::string text;
  bool complete = false;
  bool stuck = false;  // nothing was allowed, not even the end
};

// An answer of equally likely tokens; the end counts as one where it is allowed.
inline Drawn draw(const std::shared_ptr<CompiledGrammar>& grammar, std::mt19937_64& random,
                  int64_t tokens_max) {
  const TokenTrie& tokens = grammar->tokens();
  Matcher matcher(grammar, false);
  Drawn out;
  std::vector<uint64_t> allowed(tokens.words());
  for (int64_t i = 0; i < tokens_max; ++i) {
    if (!matcher.mask(allowed).is_ok()) return out;
    std::vector<int32_t> ids;
    for (int32_t id = 0; id < tokens.vocab_size(); ++id) {
      if (contains(allowed, id)) ids.push_back(id);
    }
    const bool may_end = matcher.complete();
    const size_t count = ids.size() + (may_end ? 1 : 0);
    if (count == 0) {
      out.stuck = true;
      return out;
    }
    const size_t at = random() % count;
    if (at == ids.size()) {
      out.complete = true;
      return out;
    }
    const std::string_view bytes = tokens.bytes(ids[at]);
    const auto taken = matcher.advance(bytes);
    if (!taken || !*taken) {
      out.stuck = true;
      return out;
    }
    out.text += bytes;
  }
  return out;
}

}  // namespace hearth::grammar
