// OutputFormat: what an answer must look like, as a request says it, and GrammarCache, which keeps
// the grammars that were compiled of it.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "hearth/base/status.h"
#include "hearth/text/grammar/matcher.h"
#include "hearth/text/tools/tool_grammar.h"

namespace hearth {

struct OutputFormat {
  enum class Kind : uint8_t {
    text,         // anything
    json_object,  // any JSON object
    json_schema,  // `source` is the schema as JSON text
    regex,        // `source` matches the whole answer
    gbnf,         // `source` is a grammar file of llama.cpp's kind
  };
  Kind kind = Kind::text;
  std::string source;
  // Calls of tools that may, or must, come instead.
  std::optional<ToolRules> tools = std::nullopt;

  bool is_free() const { return kind == Kind::text && !tools; }
};

// invalid, unsupported: the format's own errors. A format that is_free() has no grammar. `manner`:
// of the model; needed for tools. `loose`, where it is given: is set to the tools whose schema is
// not kept, for it can't be, or all are too large together, and nobody promised it.
Result<std::shared_ptr<grammar::CompiledGrammar>> compile_format(
    const OutputFormat& format, std::shared_ptr<const grammar::TokenTrie> tokens,
    const std::optional<ToolManner>& manner = std::nullopt,
    std::vector<LooseTool>* loose = nullptr);

// The grammars used last, by format and tenant (nobody learns from the time what another asks).
// Bounded in number and in memory; one that is in use lives on with its answers. Thread-safe.
class GrammarCache {
 public:
  static constexpr size_t kGrammarsMax = 64;
  static constexpr int64_t kBytesMax = int64_t{256} << 20;

  explicit GrammarCache(std::shared_ptr<const grammar::TokenTrie> tokens,
                        std::optional<ToolManner> manner = std::nullopt,
                        int64_t bytes_max = kBytesMax)
      : tokens_(std::move(tokens)), manner_(std::move(manner)), bytes_max_(bytes_max) {}

  // As compile_format.
  Result<std::shared_ptr<grammar::CompiledGrammar>> get(const OutputFormat& format, uint64_t tenant,
                                                        std::vector<LooseTool>* loose = nullptr);
  // Of what is kept: at most bytes_max, or one grammar that is larger.
  int64_t bytes() const;
  size_t size() const;

 private:
  using Key = std::tuple<uint64_t, OutputFormat::Kind, std::string, std::string>;
  struct Entry {
    std::shared_ptr<grammar::CompiledGrammar> grammar;
    std::vector<LooseTool> loose;
    std::list<Key>::iterator used;
  };
  int64_t sum_of_bytes() const;
  void drop_the_oldest();

  const std::shared_ptr<const grammar::TokenTrie> tokens_;
  const std::optional<ToolManner> manner_;
  const int64_t bytes_max_;
  mutable std::mutex mutex_;
  std::map<Key, Entry> entries_;
  std::list<Key> used_;  // the last used in front
};

}  // namespace hearth
