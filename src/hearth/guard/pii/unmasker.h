// Unmasker: puts the values back where their tokens stand, in a text that comes in pieces. It works
// byte by byte, so how the text was cut makes no difference; it holds back at most what may still
// become a token.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "hearth/guard/pii/vault.h"

namespace hearth::pii {

class Unmasker {
 public:
  // json: the text is JSON (a tool's arguments): values are escaped as strings of it need.
  enum class Context : uint8_t { text, json };

  explicit Unmasker(std::shared_ptr<const Vault> vault, Context context = Context::text)
      : vault_(std::move(vault)), context_(context) {}

  // The text that became certain.
  std::string push(std::string_view piece);
  // The end: what was held back.
  std::string finish();

  // Whether something is held back.
  bool holds() const { return !held_.empty(); }
  int64_t restored() const { return restored_; }
  // What was written as a token of ours would be, and is none.
  int64_t unknown() const { return unknown_; }

 private:
  void take(char c, std::string& out);
  void resolve(std::string& out);

  std::shared_ptr<const Vault> vault_;
  Context context_;
  std::string held_;
  int64_t restored_ = 0;
  int64_t unknown_ = 0;
};

std::string unmask(std::string_view text, std::shared_ptr<const Vault> vault,
                   Unmasker::Context context = Unmasker::Context::text);

}  // namespace hearth::pii
