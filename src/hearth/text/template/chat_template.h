// Chat templates: the Jinja text that comes with a model and turns a conversation into its prompt.
//
// Behaves as transformers' environment does (immutable sandbox, trim_blocks, lstrip_blocks, loop
// controls, {% generation %}, tojson, raise_exception, strftime_now); see docs/chat-templates.md.
// A template is outside input: it runs under TemplateLimits, sees nothing but the request, and what
// it needs beyond the supported language is refused by compile(), with line and construct.
#pragma once

#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/status.h"
#include "hearth/files/json.h"
#include "hearth/text/byte_range.h"
#include "hearth/text/template/limits.h"

namespace hearth {

namespace jinja {
struct Program;
}

struct RenderedPrompt {
  std::string text;
  // Bytes that the template's author wrote (its literals and special tokens), in order; all others
  // came with the request, and special-token text in them is plain text. A message's role, when it
  // is a plain word, counts as the author's.
  std::vector<ByteRange> trusted;
};

struct ChatRequest {
  Json messages;                      // array of objects with "role" and "content"
  Json tools;                         // array of JSON schemas, or null
  bool add_generation_prompt = true;  // end with the words that open the assistant's turn
  Json extra;                         // object of further variables (enable_thinking, ...), or null
  std::optional<std::tm> now;         // what strftime_now shows; absent: the local time
};

// Thread-safe: a compiled template never changes.
class ChatTemplate {
 public:
  // invalid, naming line and construct: not Jinja, or beyond what Hearth supports.
  static Result<ChatTemplate> compile(std::string_view source, TemplateLimits limits = {});

  // invalid: the template refuses the conversation (raise_exception), fails on it, or exceeds its
  // limits; the message names the line. An empty bos_text or eos_text leaves that variable
  // undefined.
  Result<RenderedPrompt> render(const ChatRequest& request, std::string_view bos_text,
                                std::string_view eos_text) const;

  // Whether its text has this name anywhere. A variable that it doesn't name changes nothing.
  bool names(std::string_view variable) const;

  // Whether a plain question's generation prompt leaves a thought open.
  bool forces_think() const;

 private:
  explicit ChatTemplate(std::shared_ptr<const jinja::Program> program)
      : program_(std::move(program)) {}

  std::shared_ptr<const jinja::Program> program_;
};

// Whether the prompt ends in "<think>" or "<think>\n": the model's first words are then a thought.
bool opens_thought(std::string_view prompt);

}  // namespace hearth
