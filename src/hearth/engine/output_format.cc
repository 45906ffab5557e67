// See output_format.h.
#include "hearth/engine/output_format.h"

#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "hearth/base/sha256.h"
#include "hearth/files/json.h"
#include "hearth/text/grammar/gbnf.h"
#include "hearth/text/grammar/json_schema.h"
#include "hearth/text/grammar/regex.h"

namespace hearth {
namespace {

Result<grammar::Grammar> grammar_without_tools(const OutputFormat& format) {
  switch (format.kind) {
    case OutputFormat::Kind::text:
      break;
    case OutputFormat::Kind::json_object:
      return grammar::grammar_of_json_object();
    case OutputFormat::Kind::json_schema: {
      TRY_ASSIGN(const Json schema, parse_json(format.source));
      return grammar::grammar_of_schema(schema);
    }
    case OutputFormat::Kind::gbnf:
      return grammar::parse_gbnf(format.source);
    case OutputFormat::Kind::regex: {
      grammar::Grammar out;
      TRY_ASSIGN(const grammar::ExprId body,
                 grammar::parse_regex(format.source, grammar::Anchoring::whole, out));
      out.root = out.declare("regex");
      out.define(out.root, body);
      return out;
    }
  }
  return error(Code::internal, "plain text has no grammar");
}

Result<grammar::Grammar> grammar_of(const OutputFormat& format, const grammar::TokenTrie& tokens,
                                    const std::optional<ToolManner>& manner,
                                    std::vector<LooseTool>* loose) {
  if (!format.tools) return grammar_without_tools(format);
  CHECK(manner);
  std::optional<grammar::Grammar> other;
  if (format.kind != OutputFormat::Kind::text) {
    TRY_ASSIGN(other, grammar_without_tools(format));
  }
  return grammar_of_tools(*format.tools, *manner, tokens.has_marks(), std::move(other), loose);
}

using CompiledPointer = std::shared_ptr<grammar::CompiledGrammar>;

// All that a grammar follows from.
std::string text_of(const std::optional<ToolRules>& rules) {
  if (!rules) return "";
  return Json{rules->tools, rules->must_call, rules->single_call, rules->schemas}.dump();
}

// Keys stay small, whatever a client sends.
std::string hash_of(std::string_view text) {
  Sha256 hash;
  hash.update(text);
  return hash.hex();
}

}  // namespace

Result<std::shared_ptr<grammar::CompiledGrammar>> compile_format(
    const OutputFormat& format, std::shared_ptr<const grammar::TokenTrie> tokens,
    const std::optional<ToolManner>& manner, std::vector<LooseTool>* loose) {
  const auto made = [&](const OutputFormat& asked) -> Result<CompiledPointer> {
    TRY_ASSIGN(grammar::Grammar grammar, grammar_of(asked, *tokens, manner, loose));
    return grammar::CompiledGrammar::compile(std::move(grammar), tokens);
  };
  Result<CompiledPointer> compiled = made(format);
  const bool may_loosen = format.tools && format.tools->schemas && !promises_calls(*format.tools);
  if (compiled || !may_loosen) return compiled;
  OutputFormat loosened = format;  // schemas that are too large together, and not promised
  loosened.tools->schemas = false;
  return made(loosened);
}

int64_t GrammarCache::bytes() const {
  std::lock_guard lock(mutex_);
  return sum_of_bytes();
}

size_t GrammarCache::size() const {
  std::lock_guard lock(mutex_);
  return entries_.size();
}

// Both under the mutex. A grammar grows while it is used.
int64_t GrammarCache::sum_of_bytes() const {
  int64_t bytes = 0;
  for (const auto& [key, entry] : entries_) bytes += entry.grammar->bytes();
  return bytes;
}

void GrammarCache::drop_the_oldest() {
  int64_t bytes = sum_of_bytes();
  while (entries_.size() > 1 && (entries_.size() > kGrammarsMax || bytes > bytes_max_)) {
    const auto oldest = entries_.find(used_.back());
    bytes -= oldest->second.grammar->bytes();
    entries_.erase(oldest);
    used_.pop_back();
  }
}

Result<std::shared_ptr<grammar::CompiledGrammar>> GrammarCache::get(const OutputFormat& format,
                                                                    uint64_t tenant,
                                                                    std::vector<LooseTool>* loose) {
  const Key key{tenant, format.kind, hash_of(format.source), hash_of(text_of(format.tools))};
  {
    std::lock_guard lock(mutex_);
    if (const auto found = entries_.find(key); found != entries_.end()) {
      used_.splice(used_.begin(), used_, found->second.used);
      if (loose) *loose = found->second.loose;
      return found->second.grammar;
    }
  }
  std::vector<LooseTool> found_loose;
  TRY_ASSIGN(std::shared_ptr<grammar::CompiledGrammar> made,
             compile_format(format, tokens_, manner_, &found_loose));
  if (loose) *loose = found_loose;
  std::lock_guard lock(mutex_);
  const auto [at, fresh] = entries_.try_emplace(key);
  if (!fresh) return at->second.grammar;  // another thread was as quick
  used_.push_front(key);
  at->second = {made, std::move(found_loose), used_.begin()};
  drop_the_oldest();
  return made;
}

}  // namespace hearth
