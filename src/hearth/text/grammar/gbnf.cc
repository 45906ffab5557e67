// See gbnf.h. Recursive descent; a rule goes on over line breaks inside parentheses and after `|`.
#include "hearth/text/grammar/gbnf.h"

#include <map>
#include <string>
#include <utility>

#include "hearth/text/grammar/character_class.h"
#include "hearth/text/grammar/text_cursor.h"

namespace hearth::grammar {
namespace {

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

void append_utf8(uint32_t code, std::string& out) {
  const auto byte = [&](uint32_t value) { out += static_cast<char>(value); };
  if (code < 0x80) return byte(code);
  if (code < 0x800) {
    byte(0xC0 | code >> 6);
  } else {
    if (code < 0x10000) {
      byte(0xE0 | code >> 12);
    } else {
      byte(0xF0 | code >> 18);
      byte(0x80 | (code >> 12 & 0x3F));
    }
    byte(0x80 | (code >> 6 & 0x3F));
  }
  byte(0x80 | (code & 0x3F));
}

class GbnfParser {
 public:
  explicit GbnfParser(std::string_view text) : in_(text) {}

  Result<Grammar> run() {
    for (skip(true); !in_.at_end(); skip(true)) TRY(rule());
    const auto root = rules_.find("root");
    if (root == rules_.end()) return error(Code::invalid, "expected a rule `root`, found none");
    g_.root = root->second;
    for (RuleId r = 0; r < g_.rules(); ++r) {
      if (g_.rule(r).body >= 0) continue;
      return error(Code::invalid, "rule `{}`: expected a definition, found none",
                   excerpt(g_.rule(r).name));
    }
    return std::move(g_);
  }

 private:
  // Spaces and comments, line breaks too where a rule can't end.
  void skip(bool over_lines) {
    while (!in_.at_end()) {
      const char c = in_.peek();
      if (c == '#') {
        while (!in_.at_end() && in_.peek() != '\n') in_.move_to(in_.position() + 1);
      } else if (c == ' ' || c == '\t' || (over_lines && (c == '\n' || c == '\r'))) {
        in_.move_to(in_.position() + 1);
      } else {
        return;
      }
    }
  }

  Result<std::string> name() {
    const size_t begin = in_.position();
    while (is_name(in_.peek())) in_.move_to(in_.position() + 1);
    if (in_.position() == begin) return in_.wrong("the name of a rule");
    return std::string(in_.since(begin));
  }

  RuleId rule_of(const std::string& name) {
    const auto [at, fresh] = rules_.emplace(name, 0);
    if (fresh) at->second = g_.declare(name);
    return at->second;
  }

  Status rule() {
    const size_t begin = in_.position();
    TRY_ASSIGN(const std::string called, name());
    const RuleId id = rule_of(called);
    skip(false);
    if (!in_.take("::=")) return in_.wrong("`::=`");
    skip(true);
    TRY_ASSIGN(const ExprId body, alternatives(0));
    if (!in_.at_end() && in_.peek() != '\n' && in_.peek() != '\r') {
      return in_.wrong("the end of the rule");
    }
    if (g_.rule(id).body >= 0) {
      return error(Code::invalid, "byte {}: rule `{}` is defined twice", begin, excerpt(called));
    }
    g_.define(id, body);
    return Status::ok();
  }

  Result<ExprId> alternatives(int depth) {
    if (depth > kNestingMax) {
      return error(Code::unsupported, "byte {}: expected groups nested at most {} deep, found more",
                   in_.position(), kNestingMax);
    }
    std::vector<ExprId> ways;
    do {
      skip(true);
      TRY_ASSIGN(const ExprId way, sequence(depth));
      ways.push_back(way);
    } while (in_.take("|"));
    return g_.choice(std::move(ways));
  }

  Result<ExprId> sequence(int depth) {
    std::vector<ExprId> terms;
    while (!in_.at_end() && in_.peek() != '|' && in_.peek() != ')' && in_.peek() != '\n' &&
           in_.peek() != '\r') {
      TRY_ASSIGN(ExprId one, term(depth));
      TRY(repeated(one));
      terms.push_back(one);
      skip(depth > 0);
    }
    return terms.empty() ? g_.empty() : g_.sequence(std::move(terms));
  }

  Result<ExprId> term(int depth) {
    if (in_.take("\"")) return literal();
    if (in_.take("[")) {
      TRY_ASSIGN(std::vector<CodeRange> ranges, take_class(in_));
      return g_.character(std::move(ranges));
    }
    if (in_.take(".")) return g_.any_character();
    if (in_.take("(")) {
      TRY_ASSIGN(const ExprId group, alternatives(depth + 1));
      skip(true);
      if (!in_.take(")")) return in_.wrong("`)`");
      return group;
    }
    if (in_.peek() == '<' || in_.peek() == '!') {
      return error(Code::unsupported, "byte {}: rules over token ids are not offered",
                   in_.position());
    }
    if (!is_name(in_.peek())) return in_.wrong("a literal, a class, a group or a rule");
    TRY_ASSIGN(const std::string called, name());
    return g_.call(rule_of(called));
  }

  Result<ExprId> literal() {
    std::string bytes;
    while (!in_.take("\"")) {
      if (in_.at_end() || in_.peek() == '\n') return in_.wrong("`\"`");
      if (in_.take("\\")) {
        TRY_ASSIGN(const uint32_t code, take_escaped(in_));
        append_utf8(code, bytes);
      } else {
        append_utf8(in_.take_code_point(), bytes);
      }
    }
    return g_.literal(bytes);
  }

  // Any number of *, +, ? and {m,n} after a term.
  Status repeated(ExprId& one) {
    for (int times = 0;; ++times) {
      if (times > kNestingMax) return in_.wrong("fewer repetitions of one term");
      int64_t min = 0, max = kUnlimited;
      const size_t before = in_.position();
      skip(false);
      if (in_.take("+")) {
        min = 1;
      } else if (in_.take("?")) {
        max = 1;
      } else if (in_.take("{")) {
        TRY(counts(min, max));
      } else if (!in_.take("*")) {
        in_.move_to(before);
        return Status::ok();
      }
      one = g_.repeat(one, min, max);
    }
  }

  Status counts(int64_t& min, int64_t& max) {
    const size_t begin = in_.position();
    skip(false);
    const auto low = in_.take_number(kRepeatMax);
    min = low.value_or(0);
    max = low ? min : kUnlimited;
    skip(false);
    if (in_.take(",")) {
      skip(false);
      const auto high = in_.take_number(kRepeatMax);
      max = high ? *high : kUnlimited;
      if (!low && !high) return in_.wrong("a count");
    } else if (!low) {
      return in_.wrong("a count");
    }
    skip(false);
    if (!in_.take("}")) return in_.wrong("`}`");
    if (min > kRepeatMax || max > kRepeatMax || (max != kUnlimited && max < min)) {
      return error(Code::invalid, "byte {}: expected counts in order and up to {}", begin,
                   kRepeatMax);
    }
    return Status::ok();
  }

  TextCursor in_;
  Grammar g_;
  std::map<std::string, RuleId, std::less<>> rules_;
};

}  // namespace

Result<Grammar> parse_gbnf(std::string_view text) {
  if (text.size() > kGbnfBytesMax) {
    return error(Code::unsupported, "expected at most {} bytes, found {}", kGbnfBytesMax,
                 text.size());
  }
  if (!is_utf8(text)) return error(Code::invalid, "expected UTF-8");
  return GbnfParser(text).run();
}

}  // namespace hearth::grammar
