// One pass over the source: text up to the next tag, then the tokens of the tag.
#include "hearth/text/template/lexer.h"

#include <algorithm>

#include "hearth/text/template/characters.h"
#include "hearth/text/template/literals.h"

namespace hearth::jinja {
namespace {

// \r\n and \r become \n; one newline at the very end goes.
std::string normalize_newlines(std::string_view source) {
  std::string out;
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      out += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      out += source[i];
    }
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

size_t skip_space(std::string_view text, size_t at) {
  while (at < text.size()) {
    size_t next = at;
    if (!is_space(next_char(text, next))) break;
    at = next;
  }
  return at;
}

std::string_view right_stripped(std::string_view text) {
  size_t end = 0;
  for (size_t at = 0; at < text.size();) {
    if (!is_space(next_char(text, at))) end = at;
  }
  return text.substr(0, end);
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(normalize_newlines(source)) {}

  Result<std::vector<Token>> run() {
    while (at_ < source_.size()) TRY(data());
    push(TokenKind::end, "");
    return std::move(tokens_);
  }

 private:
  std::string_view rest() const { return std::string_view(source_).substr(at_); }
  bool looking_at(std::string_view text) const { return rest().substr(0, text.size()) == text; }

  Status fail(std::string_view why) const {
    return error(Code::invalid, "line {}: {}", line_, why);
  }

  void push(TokenKind kind, std::string text) {
    Token token;
    token.kind = kind;
    token.line = line_;
    token.text = std::move(text);
    tokens_.push_back(std::move(token));
  }

  // Moves to `end`, counting lines.
  void advance(size_t end) {
    line_ += static_cast<int>(std::count(source_.begin() + static_cast<std::ptrdiff_t>(at_),
                                         source_.begin() + static_cast<std::ptrdiff_t>(end), '\n'));
    at_line_start_ = end > at_ && source_[end - 1] == '\n';
    at_ = end;
  }

  // The sign behind the two characters of a tag's begin.
  char sign_at(size_t at) const {
    return at < source_.size() && (source_[at] == '-' || source_[at] == '+') ? source_[at] : '\0';
  }

  // `text` before a tag: what "-" and lstrip_blocks leave of it.
  std::string_view before_tag(std::string_view text, char sign, bool is_variable) const {
    if (sign == '-') return right_stripped(text);
    if (sign == '+' || is_variable) return text;
    const size_t line_begin = text.rfind('\n') + 1;  // npos + 1 = 0
    if (line_begin == 0 && !at_line_start_) return text;
    const bool blank = right_stripped(text.substr(line_begin)).empty();
    return blank ? text.substr(0, line_begin) : text;
  }

  Status data() {
    size_t tag = at_;
    while (true) {
      tag = source_.find('{', tag);
      if (tag == std::string::npos) {
        push(TokenKind::data, std::string(rest()));
        advance(source_.size());
        return Status::ok();
      }
      const char next = tag + 1 < source_.size() ? source_[tag + 1] : '\0';
      if (next == '%' || next == '{' || next == '#') break;
      ++tag;
    }
    const char kind = source_[tag + 1];
    const char sign = sign_at(tag + 2);
    const std::string_view text =
        before_tag(std::string_view(source_).substr(at_, tag - at_), sign, kind == '{');
    if (!text.empty()) push(TokenKind::data, std::string(text));
    advance(tag);
    const size_t inside = tag + 2 + (sign != 0 ? 1 : 0);
    if (kind == '#') return comment(inside);
    if (kind == '{') {
      push(TokenKind::variable_begin, "{{");
      advance(inside);
      return tag_tokens(false);
    }
    if (const size_t raw = raw_begin(inside); raw != 0) return this->raw(raw);
    push(TokenKind::block_begin, "{%");
    advance(inside);
    return tag_tokens(true);
  }

  // Where the text of {% raw %} begins, or 0 when the tag is another.
  size_t raw_begin(size_t at) const {
    at = skip_space(source_, at);
    if (source_.compare(at, 3, "raw") != 0) return 0;
    at = skip_space(source_, at + 3);
    if (source_.compare(at, 3, "-%}") == 0) return skip_space(source_, at + 3);
    return source_.compare(at, 2, "%}") == 0 ? at + 2 : 0;
  }

  // The end of a block tag or comment at `at`, with what its sign or trim_blocks takes behind it;
  // 0 when there is no end at `at`. `close` is "%}" or "#}".
  size_t block_close(size_t at, std::string_view close) const {
    if (source_.compare(at, 1, "-") == 0 && source_.compare(at + 1, 2, close) == 0) {
      return skip_space(source_, at + 3);
    }
    if (source_.compare(at, 1, "+") == 0 && source_.compare(at + 1, 2, close) == 0) return at + 3;
    if (source_.compare(at, 2, close) != 0) return 0;
    at += 2;
    return at < source_.size() && source_[at] == '\n' ? at + 1 : at;
  }

  Status comment(size_t at) {
    const size_t close = source_.find("#}", at);
    if (close == std::string::npos) return fail("a comment has no end, expected '#}'");
    const bool has_sign = close > at && (source_[close - 1] == '-' || source_[close - 1] == '+');
    advance(block_close(has_sign ? close - 1 : close, "#}"));
    return Status::ok();
  }

  Status raw(size_t begin) {
    advance(begin);
    for (size_t tag = source_.find("{%", at_); tag != std::string::npos;
         tag = source_.find("{%", tag + 1)) {
      const char sign = sign_at(tag + 2);
      size_t at = skip_space(source_, tag + 2 + (sign != 0 ? 1 : 0));
      if (source_.compare(at, 6, "endraw") != 0) continue;
      at = skip_space(source_, at + 6);
      const size_t end = at < source_.size() ? block_close(at, "%}") : 0;
      if (end == 0) continue;
      const std::string_view text =
          before_tag(std::string_view(source_).substr(at_, tag - at_), sign, false);
      if (!text.empty()) push(TokenKind::data, std::string(text));
      advance(end);
      return Status::ok();
    }
    return fail("{% raw %} has no {% endraw %}");
  }

  Status tag_tokens(bool block) {
    std::vector<char> open;  // brackets that wait for their partner
    while (true) {
      if (open.empty()) {
        const size_t end = block ? block_close(at_, "%}") : variable_close();
        if (end != 0 && at_ < source_.size()) {
          push(block ? TokenKind::block_end : TokenKind::variable_end, block ? "%}" : "}}");
          advance(end);
          return Status::ok();
        }
      }
      if (const size_t space = skip_space(source_, at_); space != at_) {
        advance(space);
        continue;
      }
      if (at_ >= source_.size()) {
        return fail(block ? "a tag has no end, expected '%}'" : "a tag has no end, expected '}}'");
      }
      TRY(token(open));
    }
  }

  size_t variable_close() const {
    if (looking_at("-}}")) return skip_space(source_, at_ + 3);
    return looking_at("}}") ? at_ + 2 : 0;
  }

  Status token(std::vector<char>& open) {
    const char c = source_[at_];
    if (c >= '0' && c <= '9') return number();
    if (c == '\'' || c == '"') return string(c);
    size_t end = at_;
    for (size_t next = end; next < source_.size(); end = next) {
      if (!is_word(next_char(source_, next))) break;
    }
    if (end > at_) {
      push(TokenKind::name, source_.substr(at_, end - at_));
      advance(end);
      return Status::ok();
    }
    return op(open);
  }

  Status number() {
    const bool after_dot = at_ > 0 && source_[at_ - 1] == '.';
    Result<NumberLiteral> read = read_number_literal(rest(), !after_dot);
    if (!read) return std::move(read).status().at(fmt::format("line {}", line_));
    const NumberLiteral literal = *read;
    push(literal.is_real ? TokenKind::real : TokenKind::integer, source_.substr(at_, literal.size));
    tokens_.back().integer = literal.integer;
    tokens_.back().real = literal.real;
    advance(at_ + literal.size);
    return Status::ok();
  }

  Status string(char quote) {
    size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) return fail("a string has no end");
    Result<std::string> value = unescape_string(source_.substr(at_ + 1, end - at_ - 1));
    if (!value) return std::move(value).status().at(fmt::format("line {}", line_));
    push(TokenKind::string, std::move(*value));
    advance(end + 1);
    return Status::ok();
  }

  Status op(std::vector<char>& open) {
    constexpr std::string_view kTwo[] = {"//", "**", "==", "!=", ">=", "<="};
    constexpr std::string_view kOne = "+-/*%~[](){}><=.:|,;";
    std::string text(1, source_[at_]);
    for (const std::string_view two : kTwo) {
      if (looking_at(two)) text = two;
    }
    if (text.size() == 1 && kOne.find(text[0]) == std::string_view::npos) {
      size_t end = at_;
      next_char(source_, end);
      return fail(fmt::format("unexpected character '{}'", source_.substr(at_, end - at_)));
    }
    const char c = text[0];
    if (c == '(') open.push_back(')');
    if (c == '[') open.push_back(']');
    if (c == '{') open.push_back('}');
    if (c == ')' || c == ']' || c == '}') {
      if (open.empty() || open.back() != c) return fail(fmt::format("unexpected '{}'", text));
      open.pop_back();
    }
    push(TokenKind::op, text);
    advance(at_ + text.size());
    return Status::ok();
  }

  const std::string source_;
  size_t at_ = 0;
  int line_ = 1;
  bool at_line_start_ = true;  // the last thing cut off ended in a newline
  std::vector<Token> tokens_;
};

}  // namespace

Result<std::vector<Token>> tokenize(std::string_view source) {
  if (!valid_utf8(source)) return error(Code::invalid, "the template is not UTF-8");
  return Lexer(source).run();
}

}  // namespace hearth::jinja
