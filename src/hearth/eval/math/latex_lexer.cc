// See latex_lexer.h.
#include "hearth/eval/math/latex_lexer.h"

#include <algorithm>

#include "hearth/eval/math/latex_words.h"
#include "hearth/files/outside_bytes.h"
#include "hearth/text/tokenizer/unicode.h"

namespace hearth::math {
namespace {

constexpr size_t kBytesMax = 4'096;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// abc, xyz: a product of variables. Other runs of three letters and more are words.
bool alphabetical(std::string_view run) {
  return std::adjacent_find(run.begin(), run.end(), [](char a, char b) { return b != a + 1; }) ==
         run.end();
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// Full-width forms, and no-break and ideographic spaces, as ASCII.
std::string narrowed(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const DecodedChar c = decode_utf8(text, at);
    if (c.code_point >= 0xFF01 && c.code_point <= 0xFF5E) {
      out += static_cast<char>(c.code_point - 0xFF01 + 0x21);
    } else if (c.code_point == 0x3000 || c.code_point == 0xA0 || c.code_point == 0x202F) {
      out += ' ';
    } else {
      out += text.substr(at, c.bytes);
    }
    at += c.bytes;
  }
  return out;
}

class Lexer {
 public:
  Lexer(std::string_view text, const LexOptions& options) : text_(text), options_(options) {}

  std::vector<Token> tokens() {
    while (at_ < text_.size()) next();
    push(TokenKind::end, "");
    return std::move(out_);
  }

 private:
  char peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  bool starts_with(std::string_view prefix) const { return text_.substr(at_).starts_with(prefix); }

  void push(TokenKind kind, std::string_view text) {
    out_.push_back({kind, std::string(text), space_});
    space_ = false;
  }

  void next() {
    const char c = peek();
    if (is_space(c) || c == '~' || c == '$') {
      space_ = true;
      ++at_;
    } else if (is_digit(c) || (c == '.' && is_digit(peek(1))) || starts_with(".\\overline")) {
      number();
    } else if (c == '\\') {
      command();
    } else if (is_letter(c)) {
      letters();
    } else if (static_cast<unsigned char>(c) >= 0x80) {
      beyond_ascii();
    } else {
      punctuation();
    }
  }

  // Digits, joined over "{,}", "\!", "\," and, outside brackets, over commas between groups of
  // three.
  void number() {
    if (in_short_fraction()) {
      push(TokenKind::number, text_.substr(at_, 1));
      ++at_;
      return;
    }
    std::string digits;
    while (is_digit(peek())) digits += text_[at_++];
    if (digits.size() <= 3 && !digits.starts_with('0')) {
      while (const size_t gap = thousands_gap()) {
        digits += text_.substr(at_ + gap, 3);
        at_ += gap + 3;
      }
    }
    if (peek() == '.' && is_digit(peek(1))) {
      digits += text_[at_++];
      while (is_digit(peek())) digits += text_[at_++];
    } else if (starts_with(".\\overline")) {
      digits += text_[at_++];
    }
    push(TokenKind::number, digits);
  }

  // \frac12 is one half: parts without braces have one digit.
  bool in_short_fraction() const {
    const auto is_fraction = [](const Token& token) {
      return token.is_command("frac") || token.is_command("binom");
    };
    const size_t n = out_.size();
    return is_digit(peek()) &&
           ((n > 0 && is_fraction(out_[n - 1])) ||
            (n > 1 && is_fraction(out_[n - 2]) && out_[n - 1].kind == TokenKind::number));
  }

  // Length of a separator that is followed by exactly three digits; 0: none here.
  size_t thousands_gap() const {
    std::string_view rest = text_.substr(at_);
    bool sure = false, comma = false;
    if (rest.starts_with("{,}")) {
      sure = true;
      rest.remove_prefix(3);
    } else if (rest.starts_with(",")) {
      comma = true;
      rest.remove_prefix(1);
    }
    if (rest.starts_with("\\!") || (!comma && rest.starts_with("\\,"))) {
      sure = true;
      rest.remove_prefix(2);
      while (rest.starts_with(" ")) rest.remove_prefix(1);
    }
    if (!sure && !(comma && options_.join_thousands && brackets_ == 0)) return 0;
    const bool three = rest.size() >= 3 && is_digit(rest[0]) && is_digit(rest[1]) &&
                       is_digit(rest[2]) && (rest.size() == 3 || !is_digit(rest[3]));
    return three ? text_.size() - at_ - rest.size() : 0;
  }

  void command() {
    ++at_;
    size_t size = 0;
    while (is_letter(peek(size))) ++size;
    size = std::max<size_t>(size, at_ < text_.size() ? 1 : 0);
    const std::string_view name = text_.substr(at_, size);
    if (static_cast<unsigned char>(name.empty() ? 0 : name[0]) >= 0x80) return;
    at_ += size;
    const CommandMeaning meaning = meaning_of_command(name);
    switch (meaning.use) {
      case CommandUse::token:
        count_bracket(meaning.text);
        push(meaning.kind, meaning.text);
        break;
      case CommandUse::skipped:
        skip_looks(name);
        break;
      case CommandUse::text:
        text_group(name.starts_with("math"));
        break;
      case CommandUse::unknown:
        // Brackets of LaTeX's own math modes are looks; a command that nobody knows is a word.
        if (name != "(" && name != ")" && name != "[" && name != "]") words(name);
        break;
    }
  }

  // "\left." and "\right." stand for no bracket at all.
  void skip_looks(std::string_view name) {
    if ((name == "left" || name == "right") && peek() == '.') ++at_;
    if (name == "," || name == ";" || name == ":" || name == " ") space_ = true;
  }

  // \text{...}: what is math inside stays math, the rest is words. A letter behind a number is a
  // unit, unless it is an upright e or i.
  void text_group(bool upright) {
    while (is_space(peek())) ++at_;
    if (peek() != '{') return;
    const size_t begin = ++at_;
    int depth = 1;
    for (; at_ < text_.size() && depth > 0; ++at_) {
      depth += text_[at_] == '{' ? 1 : text_[at_] == '}' ? -1 : 0;
    }
    const size_t end = depth == 0 ? at_ - 1 : at_;
    std::string_view inside = text_.substr(begin, end - begin);
    while (!inside.empty() && is_space(inside.front())) inside.remove_prefix(1);
    while (!inside.empty() && is_space(inside.back())) inside.remove_suffix(1);
    const bool choice = inside.size() == 3 && inside[0] == '(' && inside[2] == ')';
    const bool numeric = inside.find_first_not_of("0123456789.,/-+%") == inside.npos;
    const bool constant = upright && (inside == "e" || inside == "i");
    const bool unit = !out_.empty() && out_.back().kind == TokenKind::number && !constant;
    if (choice || numeric || (inside.size() <= 1 && !unit) || is_function(inside)) {
      const std::vector<Token> tokens = Lexer(inside, options_).tokens();
      out_.insert(out_.end(), tokens.begin(), tokens.end() - 1);
    } else {
      words(inside);
    }
  }

  void words(std::string_view text) {
    std::string word = lower(text);
    while (!word.empty() && (word.back() == '.' || word.back() == ',')) word.pop_back();
    if (word.empty()) return;
    if (is_separator(word)) return push(TokenKind::op, ",");
    if (word == "degrees" || word == "degree" || word == "度") {
      return push(TokenKind::op, "deg");
    }
    if (word == "percent") return push(TokenKind::op, "%");
    push(TokenKind::words, word);
  }

  void letters() {
    size_t size = 0;
    while (is_letter(peek(size))) ++size;
    std::string_view run = text_.substr(at_, size);
    at_ += size;
    if (run == "pi") return push(TokenKind::symbol, "pi");
    if (run == "inf" || run == "infty" || run == "infinity") {
      return push(TokenKind::symbol, "inf");
    }
    if (run == "sqrt") return push(TokenKind::command, "sqrt");
    // "sinx" is the sine of x.
    for (size_t head : {size, size - 1}) {
      if (is_function(run.substr(0, head))) {
        push(TokenKind::command, run.substr(0, head));
        if (head < size) push(TokenKind::symbol, run.substr(head));
        return;
      }
    }
    const bool unit = is_unit(run) && !out_.empty() && out_.back().kind == TokenKind::number;
    if (unit || is_word(run) || (size > 2 && !alphabetical(run))) return words(run);
    for (const char c : run) push(TokenKind::symbol, std::string_view(&c, 1));
  }

  void beyond_ascii() {
    const DecodedChar c = decode_utf8(text_, at_);
    const CommandMeaning meaning = meaning_of_character(c.code_point);
    if (meaning.use == CommandUse::token) {
      at_ += c.bytes;
      return push(meaning.kind, meaning.text);
    }
    if (superscript_or_fraction(c.code_point)) {
      at_ += c.bytes;
      return;
    }
    const size_t begin = at_;
    while (static_cast<unsigned char>(peek()) >= 0x80) {
      const DecodedChar next = decode_utf8(text_, at_);
      const bool stop = next.code_point == 0x3002;  // an ideographic full stop
      if (!stop && meaning_of_character(next.code_point).use == CommandUse::token) break;
      at_ += next.bytes;
      if (stop || is_separator(text_.substr(begin, at_ - begin))) break;
    }
    std::string_view run = text_.substr(begin, at_ - begin);
    if (run.ends_with("。")) run.remove_suffix(std::string_view("。").size());
    words(run);
  }

  bool superscript_or_fraction(uint32_t c) {
    if (c == 0xB2 || c == 0xB3) {
      push(TokenKind::op, "^");
      push(TokenKind::number, c == 0xB2 ? "2" : "3");
      return true;
    }
    struct Vulgar {
      uint32_t code_point;
      std::string_view top, bottom;
    };
    static constexpr Vulgar kVulgar[] = {{0xBC, "1", "4"},   {0xBD, "1", "2"},
                                         {0xBE, "3", "4"},   {0x2153, "1", "3"},
                                         {0x2154, "2", "3"}, {0x215B, "1", "8"}};
    for (const Vulgar& v : kVulgar) {
      if (v.code_point != c) continue;
      push(TokenKind::command, "frac");
      for (std::string_view part : {v.top, v.bottom}) {
        push(TokenKind::op, "{");
        push(TokenKind::number, part);
        push(TokenKind::op, "}");
      }
      return true;
    }
    return false;
  }

  void punctuation() {
    static constexpr std::string_view kLong[] = {"<=", ">=", "!=", "**", "==", "+-"};
    for (std::string_view op : kLong) {
      if (!starts_with(op)) continue;
      at_ += op.size();
      return push(TokenKind::op, op == "**" ? "^" : op == "==" ? "=" : op);
    }
    const std::string_view one = text_.substr(at_++, 1);
    if (one == "." || one == "?" || one == "`" || one == "\"") return;  // ends of sentences
    count_bracket(one);
    push(TokenKind::op, one == ";" ? "," : one);
  }

  void count_bracket(std::string_view op) {
    if (op == "(" || op == "[" || op == "\\{") ++brackets_;
    if (op == ")" || op == "]" || op == "\\}") --brackets_;
  }

  std::string_view text_;
  LexOptions options_;
  size_t at_ = 0;
  int brackets_ = 0;
  bool space_ = false;
  std::vector<Token> out_;
};

}  // namespace

Result<std::vector<Token>> lex(std::string_view text, const LexOptions& options) {
  if (text.size() > kBytesMax) {
    return error(Code::corrupt, "answer: expected at most {} bytes, found {}", kBytesMax,
                 text.size());
  }
  if (!is_utf8(text)) return error(Code::corrupt, "answer: expected UTF-8, found other bytes");
  const std::string narrow = narrowed(text);
  return Lexer(narrow, options).tokens();
}

}  // namespace hearth::math
