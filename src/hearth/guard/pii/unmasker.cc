// See unmasker.h.
#include "hearth/guard/pii/unmasker.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "hearth/files/json.h"

namespace hearth::pii {
namespace {

// As it stands between the quotes of a JSON string.
std::string json_escaped(std::string_view value) {
  const std::string quoted = Json(value).dump(-1, ' ', false, Json::error_handler_t::replace);
  return quoted.substr(1, quoted.size() - 2);
}

}  // namespace

void Unmasker::resolve(std::string& out) {
  if (const std::string_view* value = vault_->value_of(token_letters(held_))) {
    out += context_ == Context::json ? json_escaped(*value) : std::string(*value);
    ++restored_;
  } else {
    if (has_token(held_)) ++unknown_;
    out += held_;
  }
  held_.clear();
}

void Unmasker::take(char c, std::string& out) {
  held_.push_back(c);
  while (!held_.empty()) {
    const TokenShape shape = token_shape(held_);
    if (shape == TokenShape::beginning) return;
    if (shape == TokenShape::whole) return resolve(out);
    // No token begins with the first byte; one may begin with the next.
    out.push_back(held_.front());
    held_.erase(0, 1);
  }
}

std::string Unmasker::push(std::string_view piece) {
  std::string out;
  for (char c : piece) take(c, out);
  return out;
}

std::string Unmasker::finish() {
  return std::exchange(held_, {});
}

std::string unmask(std::string_view text, std::shared_ptr<const Vault> vault,
                   Unmasker::Context context) {
  Unmasker unmasker(std::move(vault), context);
  std::string out = unmasker.push(text);
  return out + unmasker.finish();
}

}  // namespace hearth::pii
