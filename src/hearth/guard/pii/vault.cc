// See vault.h.
#include "hearth/guard/pii/vault.h"

#include <algorithm>
#include <array>
#include <utility>

#include "hearth/guard/pii/characters.h"

namespace hearth::pii {
namespace {

constexpr std::array<std::string_view, 3> kOpen = {"[", "［", "【"};
constexpr std::array<std::string_view, 3> kClose = {"]", "］", "】"};

bool is_between(char c) {
  return c == ' ' || c == '_' || c == '-' || c == '\\';  // Markdown escapes the underscore
}

// The bracket of `set` that `text` begins with: its length. 0: none; npos: perhaps the first bytes
// of one.
size_t bracket(const std::array<std::string_view, 3>& set, std::string_view text) {
  for (std::string_view b : set) {
    if (text.starts_with(b)) return b.size();
    if (b.starts_with(text)) return std::string_view::npos;
  }
  return 0;
}

// Letters that name a type, digits, and nothing or a nonce.
bool names_type(std::string_view letters) {
  const size_t digit = letters.find_first_of("0123456789");
  if (digit == letters.npos || digit == 0) return false;
  for (size_t i = 0; i < kTypes; ++i) {
    if (token_letters(type_name(static_cast<Type>(i))) == letters.substr(0, digit)) return true;
  }
  return false;
}

}  // namespace

TokenShape token_shape(std::string_view text) {
  if (text.size() > kTokenBytesMax) return TokenShape::none;
  const size_t open = bracket(kOpen, text);
  if (open == std::string_view::npos) return TokenShape::beginning;
  if (open == 0) return TokenShape::none;
  size_t at = open;
  while (at < text.size() && (is_alnum(text[at]) || is_between(text[at]))) ++at;
  if (at == text.size()) return at < kTokenBytesMax ? TokenShape::beginning : TokenShape::none;
  const size_t close = bracket(kClose, text.substr(at));
  if (close == std::string_view::npos) return TokenShape::beginning;
  return close > 0 && at + close == text.size() ? TokenShape::whole : TokenShape::none;
}

std::string token_letters(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (is_alnum(c)) out.push_back(to_upper(c));
  }
  return out;
}

bool has_token(std::string_view text) {
  for (size_t at = 0; at < text.size(); ++at) {
    if (bracket(kOpen, text.substr(at, 3)) == 0) continue;
    for (size_t n = 2; n <= kTokenBytesMax && at + n <= text.size(); ++n) {
      const TokenShape shape = token_shape(text.substr(at, n));
      if (shape == TokenShape::none) break;
      if (shape == TokenShape::whole && names_type(token_letters(text.substr(at, n)))) return true;
    }
  }
  return false;
}

Result<std::string_view> Vault::token_of(Type type, std::string_view value) {
  if (const auto known = by_value_.find({type, value}); known != by_value_.end()) {
    return std::string_view(entries_[known->second].token);
  }
  std::string token = fmt::format("[{}_{}", type_name(type), ++counts_[type]);
  if (!nonce_.empty()) token += "_" + nonce_;
  token += "]";
  TRY(add(std::move(token), type, value));
  return std::string_view(entries_.back().token);
}

Status Vault::put(std::string_view token, Type type, std::string_view value) {
  if (token_shape(token) != TokenShape::whole || !names_type(token_letters(token))) {
    return error(Code::invalid, "expected a token like [MOBILE_1]");
  }
  if (by_letters_.contains(token_letters(token))) {
    return error(Code::invalid, "{} stands twice", token);
  }
  return add(std::string(token), type, value);
}

Status Vault::add(std::string token, Type type, std::string_view value) {
  TRY_ASSIGN(const std::string_view kept, memory_.keep(value));
  by_letters_.emplace(token_letters(token), kept);
  by_value_.emplace(std::pair(type, kept), entries_.size());
  entries_.push_back({std::move(token), type, kept});
  return Status::ok();
}

const std::string_view* Vault::value_of(std::string_view letters) const {
  const auto found = by_letters_.find(std::string(letters));
  return found == by_letters_.end() ? nullptr : &found->second;
}

}  // namespace hearth::pii
